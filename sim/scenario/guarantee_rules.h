// SPDX-License-Identifier: Apache-2.0
// The promises G1 to G23 as a checker of plain events. It keeps its own account of who may reach what, from
// what the graphics kernel promised, and compares it with the tables in memory and the traffic behind the
// unit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver-model/mm/pages.h"
#include "sim/dut/dut.h"
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
    bool late = false;  ///< passes through until it is attached, after its start and under exclusive access
  };
  /// A promise made by AllocateAdl.
  struct Adl {
    const void* id = nullptr;
    const void* object = nullptr;
    std::string link;
    std::vector<std::uint64_t> numbers;  ///< as the driver reads them
    std::vector<std::uint64_t> frames;   ///< of the object's pages, in order
    bool contiguous = false;             ///< as the driver reads it
    bool required = false;               ///< RequireContiguous was asked for
    bool readable = true;
    bool writable = true;
    bool cached = false;
    bool io_space = false;  ///< frames are bus addresses of nobody's memory
  };
  struct FreeTimes {
    std::uint64_t invalidate_begin = 0;
    std::uint64_t invalidate_done = 0;
    bool exact = true;  ///< false: the invalidation lies somewhere between the two
  };
  /// An operation of a paging buffer, as the system describes it to the driver.
  struct PagingOperation {
    std::string link;
    unsigned engine = 0;                 ///< physical adapter
    std::vector<std::uint64_t> numbers;  ///< what the engine is to use, in order
    enum class Kind { kTransfer, kMapAperture, kUnmapAperture } kind = Kind::kTransfer;
    std::uint64_t aperture_first = 0;  ///< aperture operations: page
    std::uint64_t aperture_pages = 0;
    bool at_once = false;  ///< the driver wrote nothing for an engine: done when it was built
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
  void link_started(const std::string& name);                        ///< G1; the system's start is complete
  /// Its devices leave the domain, and are not the driver's any more, without a word to it.
  void link_is_removed(const std::string& name);
  void link_stopped(const std::string& name);  ///< StopDevice of its members has returned
  void link_ends(const std::string& name);
  /// A link that sees all of memory is to be isolated: as a late one from here on. false: it was not.
  void link_is_isolated(const std::string& name, bool isolated);
  [[nodiscard]] std::string link_of_port(unsigned port) const;  ///< empty: none
  [[nodiscard]] bool attached(const std::string& link) const;   ///< it is, or was until its end
  void exclusive_begins(unsigned port);                         ///< G1, G14; BeginExclusiveAccess succeeded
  void exclusive_ends(unsigned port);                           ///< G1, G4; EndExclusiveAccess is called
  void object_created(const void* object, const std::vector<std::uint64_t>& frames, bool zeroed);  ///< G22
  void object_destroyed(const void* object);                                                       ///< G22
  void allocate_begins() { ++allocating_; }
  void allocate_ends();
  void allocated(const Adl& adl, std::uint64_t cycle);  ///< G2 to G4, G7 to G13, G18, G19, G23
  void free_begins(const void* id);
  void free_failed(const void* id);                    ///< it is what it was before free_begins()
  void freed(const void* id, const FreeTimes& times);  ///< G4 to G6, G18
  // What a paging operation names is promised until it is complete, and a mapping of the aperture until the
  // operation that undoes it is (G15, G16).
  void paging_built(const PagingOperation& operation);
  void paging_submitted(const std::string& link, unsigned engine, std::uint32_t fence);
  void paging_completed(const std::string& link, unsigned engine, std::uint32_t fence);
  /// A reset: what was under way up to `fence`, or at all, has ended without effect.
  void paging_aborted(const std::string& link, unsigned engine, std::uint32_t fence);
  void paging_aborted(const std::string& link);
  void page_event(const mm::PageEvent& event);  ///< G6
  void status_written(std::uint64_t cycle) { status_writes_.push_back(cycle); }
  void call_failed(const std::string& name, const Snapshot& before, const Snapshot& after);  ///< G20
  /// A request left towards memory, where it must be snooped or need not; and its end. G1, G5, G11, G14
  void departs(unsigned port, bool write, std::uint64_t address, bool snoop, std::uint64_t cycle);
  void completes(unsigned port, bool write, std::uint64_t address);
  /// A request was blocked that arrived at `arrival`. G3, G18
  void blocked(std::uint16_t source_id, bool write, std::uint64_t address, std::uint64_t arrival);
  /// The tables hold what was promised and nothing else. G4, G18, G23
  void sweep();
  /// What the unit has cached is what the tables say: no entry has outlived its mapping, and none grants more
  /// or less or leads elsewhere. G5
  void check_caches(const std::vector<CachedTranslation>& cached);
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
  /// How many ADLs name a number or a frame, and for what.
  struct Holders {
    unsigned adls = 0;
    unsigned readers = 0;
    unsigned writers = 0;
    unsigned cached = 0;
    void add(const Adl& adl);
    void remove(const Adl& adl);
  };
  /// Several ADLs share a number where numbers are page frames: it stands for what any of them wants.
  struct Number {
    std::uint64_t frame = 0;
    Holders held;
    Holders leaving;  ///< of these, those whose FreeAdl has begun
    [[nodiscard]] bool must(bool write) const {
      return write ? held.writers > leaving.writers : held.readers > leaving.readers;
    }
    [[nodiscard]] bool may(bool write) const { return (write ? held.writers : held.readers) != 0; }
    [[nodiscard]] bool must_snoop() const { return held.cached > leaving.cached; }
  };
  /// A paging operation that is not complete.
  struct Use {
    PagingOperation operation;
    std::optional<std::uint32_t> fence;  ///< of its submission
  };
  struct Space {
    Link link;
    bool attached = true;  ///< a late one: not yet
    bool stopped = false;
    bool removed = false;
    std::vector<Use> uses;
    std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> aperture;  ///< engine and page to number
    std::unordered_map<std::uint64_t, Number> numbers;
    std::unordered_map<std::uint64_t, Holders> frames;
    std::set<std::uint64_t> reserved;  ///< pages that firmware keeps for its members
    std::set<unsigned> quiet;          ///< ports under exclusive access
    [[nodiscard]] bool translated() const { return link.remapped && attached && !stopped && !removed; }
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

  [[nodiscard]] bool passes(const Link& link) const;
  void check_attached(const Space& space, const std::string& when);
  /// Takes an ADL out of the account: whether a page of it lost a right, or all.
  bool forget(Space& space, const Adl& adl, bool going);
  void check_freed(const Space& space, const Former& page);
  void check_kept(const Space& space, std::uint64_t number);
  void check_owner(const Pending& request);
  void check_invalidated(const Space& space, const Adl& adl, const FreeTimes& times, bool lost);
  static void shows(Space& space, const PagingOperation& map);
  static void shows_no_more(Space& space, const PagingOperation& unmap);
  void check_paging(const Space& space, const Adl& adl);
  [[nodiscard]] bool leaves(const Space& space, std::uint64_t frame) const;
  void forget_links_adls(const std::string& name);
  void violate(const std::string& rule, const std::string& message);
  [[nodiscard]] model::Outcome ask(std::uint16_t source_id, std::uint64_t number, bool write) const;
  [[nodiscard]] Space* space_of_port(unsigned port);
  void check_numbers(const Space& space, const Adl& adl);
  void check_page(const Space& space, const Adl& adl, std::size_t index);
  void check_neighbour(const Space& space, std::uint64_t number, const std::string& whose);
  void check_others(const Space& space, const Adl& adl);
  void check_reserved(const Space& space, std::uint64_t page, const char* when);
  void sweep(const Space& space);
  [[nodiscard]] std::string judge_page(std::uint16_t source_id, const CachedTranslation& entry) const;
  [[nodiscard]] std::string judge_table(const model::ContextEntry& context,
                                        const CachedTranslation& entry) const;
  /// Tables are in the middle of a change, or do not matter any more.
  [[nodiscard]] bool changing() const { return ended_ || allocating_ > 0 || freeing_ > 0; }

  model::UnitConfig unit_;
  const model::MemoryView& memory_;
  Report report_;
  std::map<std::string, std::uint64_t>& checked_;
  model::RootState root_;
  std::map<std::string, Space> spaces_;
  std::map<std::uint16_t, std::string> domains_;  ///< domain-id to the link that had it last
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
  std::vector<Former> freed_meanwhile_;  ///< while an AllocateAdl ran, which may have taken the page again
  unsigned allocating_ = 0;
  unsigned freeing_ = 0;
  bool ended_ = false;
};

}  // namespace gpudmar::sim
