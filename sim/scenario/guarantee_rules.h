// SPDX-License-Identifier: Apache-2.0
// The promises G1 to G23 as a checker of plain events. It keeps its own account of who may reach what, from
// what the graphics kernel promised, and compares it with the tables in memory and the traffic behind the
// unit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver-model/mm/pages.h"
#include "sim/model/enumerate.h"

namespace gpudmar::sim {

class GuaranteeRules {
 public:
  /// A logical adapter that started, or is about to.
  struct Link {
    std::string name;
    std::vector<unsigned> ports;  ///< index of each member
    std::vector<std::uint16_t> source_ids;
    bool remapped = false;  ///< translation is on; else devices see physical memory
    bool identity = false;  ///< numbers are page frames
    std::uint64_t highest_visible = ~0ULL;
    std::vector<mm::PageRun> reserved = {};  ///< what firmware keeps for its members; may overlap
  };
  /// A promise made by AllocateAdl.
  struct Adl {
    const void* id = nullptr;
    const void* object = nullptr;
    std::string link;
    std::vector<std::uint64_t> numbers;  ///< as the driver reads them
    std::vector<std::uint64_t> frames;   ///< of the object's pages, in order
    bool contiguous = false;             ///< as the driver reads it
    bool readable = true;
    bool writable = true;
    bool cached = false;
    bool io_space = false;  ///< frames are bus addresses of nobody's memory
  };
  struct FreeTimes {
    std::uint64_t invalidate_begin = 0;
    std::uint64_t invalidate_done = 0;
  };
  /// State that a failed call must leave as it was.
  struct Snapshot {
    std::uint64_t free_pages = 0;
    std::uint64_t locked_pages = 0;
    std::uint64_t committed_pages = 0;
    std::uint64_t queue_commands = 0;  ///< writes of the queue's tail
  };

  using Report = std::function<void(const std::string& rule, const std::string& message)>;
  /// `checked` counts, by rule, how often it was looked at. `memory` must outlive this object.
  GuaranteeRules(const model::UnitConfig& unit, const model::MemoryView& memory, Report report,
                 std::map<std::string, std::uint64_t>& checked);

  void count(const std::string& rule, std::uint64_t times = 1) { checked_[rule] += times; }

  // ---- What happens
  void root_is(const model::RootState& root) { root_ = root; }
  void before_attach(const std::vector<std::uint16_t>& source_ids);  ///< G1
  void link_starts(const Link& link);                                ///< G1, G18; the first of its members
  void links_end();
  void object_created(const void* object, const std::vector<std::uint64_t>& frames, bool zeroed);  ///< G22
  void object_destroyed(const void* object);                                                       ///< G22
  void allocate_begins() { ++allocating_; }
  void allocate_ends();
  void allocated(const Adl& adl, std::uint64_t cycle);  ///< G2 to G4, G7 to G13, G18, G19, G23
  void free_begins(const void* id);
  void freed(const void* id, const FreeTimes& times);  ///< G4 to G6, G18
  void page_event(const mm::PageEvent& event);         ///< G6
  void status_written(std::uint64_t cycle) { status_writes_.push_back(cycle); }
  void call_failed(const std::string& name, const Snapshot& before, const Snapshot& after);  ///< G20
  /// A request left towards memory, where it must be snooped or need not; and its end. G1, G5, G11
  void departs(unsigned port, bool write, std::uint64_t address, bool snoop, std::uint64_t cycle);
  void completes(unsigned port, bool write, std::uint64_t address);
  /// A request was blocked that arrived at `arrival`. G3, G18
  void blocked(std::uint16_t source_id, bool write, std::uint64_t address, std::uint64_t arrival);
  /// The tables hold what was promised and nothing else. G4, G18, G23
  void sweep();
  [[nodiscard]] bool knows(const void* id) const { return adls_.count(id) != 0; }
  [[nodiscard]] std::uint64_t locked_pages() const { return locks_.size(); }  ///< by page events
  [[nodiscard]] std::uint64_t live_pages() const { return live_pages_; }
  /// Nothing is checked any more: after a bugcheck no promise holds.
  void end() { ended_ = true; }

 private:
  struct Live {
    Adl adl;
    std::uint64_t cycle = 0;
    bool going = false;  ///< its FreeAdl has begun
  };
  struct Number {
    std::uint64_t frame = 0;
    unsigned adls = 0;  ///< that name it
    bool readable = false;
    bool writable = false;
  };
  struct Holders {
    unsigned adls = 0;    ///< that hold a frame
    unsigned cached = 0;  ///< of these, of cached memory
  };
  struct Space {
    Link link;
    std::unordered_map<std::uint64_t, Number> numbers;
    std::unordered_map<std::uint64_t, Holders> frames;
    std::set<std::uint64_t> reserved;  ///< pages that firmware keeps for its members
  };
  struct Former {
    std::string link;
    std::uint64_t number = 0;
    std::uint64_t frame = 0;
  };
  struct Pending {
    unsigned port = 0;
    bool write = false;
    std::uint64_t address = 0;
    bool snoop = false;
    std::uint64_t cycle = 0;
  };

  void check_owner(const Pending& request);
  void violate(const std::string& rule, const std::string& message);
  [[nodiscard]] model::Outcome ask(std::uint16_t source_id, std::uint64_t number, bool write) const;
  [[nodiscard]] Space* space_of_port(unsigned port);
  void check_numbers(const Space& space, const Adl& adl);
  void check_page(const Space& space, const Adl& adl, std::size_t index);
  void check_neighbour(const Space& space, std::uint64_t number, const std::string& whose);
  void check_others(const Space& space, const Adl& adl);
  void check_reserved(const Space& space, std::uint64_t page, const char* when);
  void sweep(const Space& space);

  model::UnitConfig unit_;
  const model::MemoryView& memory_;
  Report report_;
  std::map<std::string, std::uint64_t>& checked_;
  model::RootState root_;
  std::map<std::string, Space> spaces_;
  std::unordered_map<const void*, Live> adls_;
  std::uint64_t live_pages_ = 0;
  std::unordered_map<const void*, std::vector<Former>> former_;  ///< freed numbers, by object
  std::unordered_map<const void*, std::vector<std::uint64_t>> objects_;
  std::set<std::uint64_t> used_frames_;                        ///< had an owner
  std::unordered_map<std::uint64_t, std::uint64_t> unlocked_;  ///< frame to cycle of its last unlock
  std::unordered_map<std::uint64_t, unsigned> locks_;          ///< locked frame to locks
  std::vector<std::uint64_t> status_writes_;
  std::map<std::pair<unsigned, std::uint64_t>, unsigned> in_flight_;  ///< port and frame to transactions
  std::vector<Pending> pending_;
  unsigned allocating_ = 0;
  unsigned freeing_ = 0;
  bool ended_ = false;
};

}  // namespace gpudmar::sim
