// SPDX-License-Identifier: Apache-2.0
// What a driver owes the graphics kernel, judged call by call from the arguments alone: the kernel under it
// may answer wrongly or be forgiving, the rules are the documentation's (docs/ddi-rules.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "dispmprt.h"

namespace gpudmar::sim::kmd {

class Judge {
 public:
  struct Hooks {
    std::function<void(const std::string& rule, const std::string& what)> broken;
    /// The same of an earlier call, which here() was asked about while it ran.
    std::function<void(const std::string& rule, const std::string& what, std::size_t call)> broken_at;
    std::function<std::size_t()> here;
    /// A memory object, adapter object, ADL or CPU mapping begins or ends.
    std::function<void(const char* kind, std::uint64_t id, std::uint64_t pages, bool begins)> loan;
    /// Pages of an ADL that is gone.
    std::function<void(unsigned link, const std::vector<std::uint64_t>& pages)> freed;
    /// Number of the link that an adapter handle belongs to; nullopt: no live handle.
    std::function<std::optional<unsigned>(HANDLE adapter)> link_of;
    std::function<bool(HANDLE adapter)> is_lead;  ///< a live handle, and its link's lead's
    /// Index of the function that an adapter handle belongs to; nullopt: no live handle.
    std::function<std::optional<int>(HANDLE adapter)> function_of;
    /// Page frames of what a 2.4 callback gave out.
    std::function<std::vector<std::uint64_t>(HANDLE memory)> pages_of;
    std::function<unsigned()> irql;
    std::function<std::uint64_t()> thread;
    /// What the driver imports of the routines that a driver with isolation may not (R226).
    std::vector<std::string> forbidden_imports{};
    /// RAM, or the interrupt window, is there.
    std::function<bool(std::uint64_t base, std::uint64_t bytes)> is_taken{};
    /// The GPU is through with a submission, told with the link and EngineOrdinal; nullopt: nobody can tell.
    std::function<std::optional<bool>(unsigned link, UINT engine, UINT fence)> is_done{};
    /// The adapter has video present sources; also true where its start has not said yet.
    std::function<bool(HANDLE adapter)> has_sources{};
  };
  explicit Judge(Hooks hooks) : hooks_(std::move(hooks)) {}

  /// A call of either direction begins; `arguments` of the memory callbacks, of BuildPagingBuffer and of
  /// QueryAdapterInfo, else anything; `adapter`: the handle that a callback takes beside them; `function`:
  /// whose entry point it is, -1 of none.
  void begins(const std::string& name, const void* arguments, HANDLE adapter = nullptr, int function = -1);
  /// It ended; `bugcheck`: with the end of the system.
  void ends(const std::string& name, const void* arguments, NTSTATUS status, bool bugcheck,
            HANDLE adapter = nullptr, int function = -1);

  /// Somebody else looks at a rule; and found it broken, and has told.
  void look(const std::string& rule) { ++looks_[rule]; }
  void note_broken(const std::string& rule) { broken_.insert(rule); }

  /// How far each paging node is by what the driver has told; empty: nothing was submitted.
  [[nodiscard]] std::string progress() const;

  /// A link's pages that ADLs name at present.
  [[nodiscard]] bool is_live(unsigned link, std::uint64_t page) const;
  /// Looks at the ADLs that are left; while the kernel under the driver still stands.
  void run_ends();
  /// Rules that were looked at and kept each time, with how often.
  [[nodiscard]] std::map<std::string, std::uint64_t> kept() const;
  /// Pages of objects that are left: what devices still reach, and what only the system has lost.
  struct Left {
    std::uint64_t reachable = 0;
    std::uint64_t unreachable = 0;
  };
  [[nodiscard]] Left left() const;

 private:
  struct Adl {
    std::vector<std::uint64_t> numbers;
    DXGK_ADL header{};      ///< as it was handed out
    std::size_t call = 0;   ///< of AllocateAdl
    bool readable = false;  ///< no call that ends it has begun
  };
  struct Pin {
    Adl pages;                      ///< not `readable` where an MDL was returned
    const DXGK_ADL* adl = nullptr;  ///< of PinFrameBufferForSave2
  };
  struct Object {
    DXGK_PHYSICAL_MEMORY_TYPE type{};
    std::uint64_t size = 0;
    HANDLE adapter_object = nullptr;
    unsigned link = 0;
    bool view_denied = false;  ///< a section, and its DesiredAccess does not allow what a view would do
    std::map<const void*, Adl> adls;
    std::map<void*, std::uint64_t> mappings;  // base to size
    [[nodiscard]] std::uint64_t pages() const { return BYTES_TO_PAGES(size); }
  };
  using Place = std::pair<unsigned, UINT>;  // of a save area: link and physical adapter
  struct Call {
    std::string name;
    unsigned irql = 0;
    int function = -1;
    std::size_t broken = 0;  ///< how many times a rule was, when it began
    std::uint64_t owed = 0;  ///< of a DPC: notices of its function that were complete by then
  };
  /// A paging node, by the fences.
  struct Node {
    int lead = -1;  ///< function
    UINT node = 0;
    UINT submitted = 0;
    UINT told = 0;       ///< complete, by NotifyInterrupt
    UINT confirmed = 0;  ///< and by NotifyDpc
    bool reset = false;  ///< nobody listens before the next submission
    std::set<UINT> preemptions;
    std::string last;  ///< what NotifyInterrupt told last
  };
  /// What a function's driver has answered; nullopt: not yet.
  struct Caps {
    struct Isolation {
      bool supported = false;
      bool required = false;
    };
    std::optional<Isolation> driver;
    std::optional<Isolation> iommu;
  };
  /// What a function has told by NotifyInterrupt, and what NotifyDpc has confirmed: counts.
  struct Notices {
    std::uint64_t told = 0;
    std::uint64_t complete = 0;  ///< told by routines that have returned
    std::uint64_t confirmed = 0;
    std::uint64_t late = 0;  ///< were complete and not confirmed at the last time-out
  };
  struct Thread {
    std::vector<Call> calls;  ///< the innermost last
    bool asked_for_resources = false;
    // Of the entry point that runs:
    std::map<Place, std::size_t> unpinned;  ///< pins without memory, and nothing done about it: call
    std::set<Place> cancelled;              ///< not even a page could be mapped
    const UCHAR* buffer = nullptr;          ///< of BuildPagingBuffer, at its begin
    UINT buffer_size = 0;
    UINT multipass = 0;
    std::set<int> told;  ///< functions that the interrupt routine, or what runs in its place, told of
  };
  /// Memory of a 2.4 callback.
  struct Block {
    std::string end;  ///< what takes it back
    unsigned link = 0;
    std::vector<std::uint64_t> pages;
    PMDL mdl = nullptr;  ///< the driver's own
  };
  /// Of a save area, for the CPU.
  struct View {
    std::size_t before = 0;  ///< bytes in front of what was asked for
    std::size_t hash = 0;    ///< of them, as they were
    bool alone = true;       ///< nobody else shows or pins the area
  };

  /// Counts a look at a rule; tells when it is broken.
  void check(const char* rule, bool kept, const std::string& what);
  void check_level_and_arguments(const std::string& name, const void* arguments);
  void check_interrupt_routine(const Thread& thread, const std::string& name);
  void check_handle(const Thread& thread, const std::string& name, HANDLE adapter);
  void check_end_of_ddi(Thread& thread, const std::string& name, NTSTATUS status);
  void memory_call_begins(const std::string& name, const void* arguments);
  void memory_call_refused(const Call& call, const std::string& name, const void* arguments, NTSTATUS status,
                           bool bugcheck);

  // judge_answers.cpp
  void adapter_info_answered(const DXGKARG_QUERYADAPTERINFO& query, NTSTATUS status, int function);
  void driver_caps_answered(const DXGK_DRIVERCAPS& caps, int function);
  void iommu_caps_answered(const DXGK_IOMMU_CAPS& caps, int function);
  void check_caps(int function);
  void reserved_ranges_answered(const DXGK_HARDWARERESERVEDRANGES& answer);
  void allocation_created(const DXGKARG_CREATEALLOCATION& args);

  void create(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args);
  void create_mdl(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args);
  void open(const DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT& args);
  void close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT& args);
  void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT& args);
  void map(const DXGKARGCB_MAP_PHYSICAL_MEMORY& args);
  void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY& args);
  void allocate_adl(const DXGKARGCB_ALLOCATE_ADL& args);
  void free_adl(const DXGKARGCB_FREE_ADL& args);

  // judge_interrupt.cpp
  void interrupts_begin(Thread& thread, const std::string& name, const void* arguments, HANDLE adapter,
                        int function);
  void interrupts_end(Thread& thread, const std::string& name, const void* arguments, NTSTATUS status,
                      HANDLE adapter);
  void notified(Thread& thread, const DXGKARGCB_NOTIFY_INTERRUPT_DATA& data, HANDLE adapter);
  void completed(unsigned link, UINT engine, UINT node_ordinal, UINT fence, const char* what);
  void check_fence(unsigned link, UINT engine, UINT node_ordinal, UINT fence, const char* what);
  void submitted(const DXGKARG_SUBMITCOMMAND& args, unsigned link, HANDLE lead);
  void timed_out(unsigned link);

  // judge_legacy.cpp
  [[nodiscard]] static bool is_legacy_callback(const std::string& name);
  void legacy_begins(const std::string& name, const void* arguments, HANDLE adapter);
  void legacy_ends(const std::string& name, const void* arguments, HANDLE adapter, NTSTATUS status);
  void block_given(const std::string& name, const char* end, const void* arguments, unsigned link);
  void block_ends(const std::string& name, HANDLE handle);

  // judge_save.cpp
  void frame_buffer_begins(const std::string& name, const void* arguments, unsigned link, HANDLE adapter);
  void frame_buffer_failed(const std::string& name, const void* arguments, unsigned link, NTSTATUS status);
  void frame_buffer_ends(const std::string& name, const void* arguments, unsigned link);
  void saving_ends(Thread& thread, const std::string& name);
  [[nodiscard]] std::uint64_t save_size(HANDLE adapter, UINT index) const;
  void share_views(const Place& place);

  void paging_begins(const void* arguments);
  void paging_ends(const void* arguments, NTSTATUS status);
  void make_live(unsigned link, const std::vector<std::uint64_t>& pages);
  void end_live(unsigned link, const std::vector<std::uint64_t>& pages);

  void created(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args);
  void opened(Object& object, HANDLE handle, HANDLE adapter);
  void closed(Object& object);
  void adl_allocated(const DXGKARGCB_ALLOCATE_ADL& args);
  void adl_freed(const DXGKARGCB_FREE_ADL& args);
  [[nodiscard]] static std::string change_of(const DXGK_ADL& now, const Adl& then);
  [[nodiscard]] Object* find(HANDLE handle);
  [[nodiscard]] Object* find_adapter_object(HANDLE handle);
  void loan(const char* kind, const void* id, std::uint64_t pages, bool begins);

  Hooks hooks_;
  std::map<std::string, std::uint64_t> looks_;
  std::set<std::string> broken_;
  std::size_t times_broken_ = 0;
  std::map<HANDLE, Object> objects_;
  std::map<HANDLE, HANDLE> adapter_objects_;                              // to their objects
  std::set<HANDLE> ended_;                                                // handles that were good once
  std::map<unsigned, std::unordered_map<std::uint64_t, unsigned>> live_;  // by link: page to ADLs
  std::map<HANDLE, Block> blocks_;
  std::map<Place, Pin> pins_;
  std::map<std::pair<Place, void*>, View> views_;             // by base
  std::map<std::pair<int, UINT>, std::uint64_t> save_sizes_;  // by the lead's function and the index
  std::map<std::uint64_t, Thread> threads_;
  std::map<std::pair<unsigned, UINT>, Node> nodes_;  // by link and EngineOrdinal
  std::map<int, Caps> caps_;                         // by function
  bool map_aperture2_ = false;                       // some function's driver has it
  std::map<int, Notices> notices_;                   // by function
};

}  // namespace gpudmar::sim::kmd
