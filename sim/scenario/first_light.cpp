// SPDX-License-Identifier: Apache-2.0
// The steps of the demonstration, through the miniport's escapes.
#include "sim/scenario/first_light.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <systemc>
#include <utility>

#include "driver-model/dxgkrnl/kernel.h"
#include "driver-model/hw/regs/dma_regs.h"
#include "driver-model/kmd/escape.h"
#include "driver-model/kmd/parameters.h"
#include "sim/scenario/guarantees.h"
#include "sim/scenario/system.h"

namespace gpudmar::sim {
namespace {

// Placed apart from offset 0, so that an address mix-up between VRAM and memory shows.
constexpr std::uint64_t kVramData = 16ULL << 20;
constexpr std::uint64_t kVramScratch = 8ULL << 20;
using Action = replay::Recorder::Action;

constexpr std::uint32_t kTouchBytes = 64;
constexpr std::uint64_t kFaultCycles = 50'000;  // until the records have reached the operating system

class FirstLight {
 public:
  FirstLight(Machine& machine, const std::vector<std::uint8_t>& data, std::uint64_t seed,
             replay::Recorder* recorder, const std::function<void(dxgkrnl::Kernel&)>& on_kernel)
      : machine_(machine),
        recorder_(recorder),
        kernel_platform_(recorder != nullptr ? recorder->watch(machine.platform()) : machine.platform()),
        platform_(recorder != nullptr ? recorder->watch_bench(kernel_platform_) : kernel_platform_),
        data_(data),
        kernel_(kernel_platform_, config(seed, recorder != nullptr)) {
    if (recorder != nullptr) recorder->attach(kernel_);
    if (on_kernel) on_kernel(kernel_);
  }

  void run(FirstLightResult& result);

 private:
  [[nodiscard]] static dxgkrnl::KernelConfig config(std::uint64_t seed, bool recorded) {
    dxgkrnl::KernelConfig config = kernel_config(seed);
    if (recorded) config.pool_in_ram = false;  // a replay has no driver whose pool would take pages
    return config;
  }
  void step(const std::string& name, const std::function<void()>& body);
  [[nodiscard]] StepCounts counters();

  /// Send an escape; throws when the driver did not understand it.
  template <typename Args>
  void send(std::uint32_t command, Args& args) {
    args.header = {GDM_ESCAPE_MAGIC, command, sizeof(Args), 0};
    const NTSTATUS status = kernel_.escape(&args, sizeof(Args));
    if (!NT_SUCCESS(status))
      throw std::runtime_error(
          fmt::format("escape {}: status {:#010x}", command, static_cast<std::uint32_t>(status)));
  }
  /// The same, and the command must succeed.
  template <typename Args>
  void call(std::uint32_t command, Args& args, const char* what) {
    send(command, args);
    if (!NT_SUCCESS(args.header.status))
      throw std::runtime_error(
          fmt::format("{}: status {:#010x}", what, static_cast<std::uint32_t>(args.header.status)));
  }

  std::uint32_t create(GdmObjectType type, std::uint64_t low, bool with_adapter);
  GdmMapObject map(std::uint32_t object);
  void unmap(GdmMapObject mapping) { call(GDM_ESCAPE_UNMAP_OBJECT, mapping, "unmap"); }
  GdmAllocateAdl allocate(std::uint32_t object);
  void copy(unsigned adapter, GdmOperand source, GdmOperand destination);
  void compare(std::uint32_t object, const std::string& what);
  void compare_vram(unsigned adapter);
  void check_scattered(const std::vector<dxgkrnl::ObjectView>& before);
  void touch(const GdmAllocateAdl& adl);
  void stray();
  void destroy(std::uint32_t object, GdmDestroyForm form);
  void fail(std::string line) { result_->failures.push_back(std::move(line)); }

  Machine& machine_;
  replay::Recorder* recorder_;
  hw::Platform kernel_platform_;  // its registers watched by the recorder
  hw::Platform platform_;         // the bench's
  const std::vector<std::uint8_t>& data_;
  dxgkrnl::Kernel kernel_;
  std::map<std::string, std::uint64_t> checked_;
  std::unique_ptr<Guarantees> guarantees_;  // ends before the kernel
  FirstLightResult* result_ = nullptr;
};

StepCounts FirstLight::counters() {
  StepCounts now = read_counters(platform_);
  for (const auto& [name, count] : kernel_.calls().counts()) now.calls += count;
  return now;
}

void FirstLight::step(const std::string& name, const std::function<void()>& body) {
  const StepCounts before = counters();
  const std::uint64_t start = platform_.time->now();  // reading counters is not the step's time
  body();
  const std::uint64_t cycles = platform_.time->now() - start;
  StepResult step{name, difference(before, counters())};
  step.counts.cycles = cycles;
  if (step.counts.bytes > 0) result_->copy_cycles += cycles;
  result_->steps.push_back(step);
}

std::uint32_t FirstLight::create(GdmObjectType type, std::uint64_t low, bool with_adapter) {
  GdmCreateObject args{};
  args.type = type;
  args.cache = GDM_CACHE_CACHED;
  args.size = (data_.size() + hw::kPageSize - 1) / hw::kPageSize * hw::kPageSize;
  args.low = low;
  args.high = ~0ULL;
  args.with_adapter = with_adapter ? 1 : 0;
  call(GDM_ESCAPE_CREATE_OBJECT, args, "create object");
  return args.object;
}

GdmMapObject FirstLight::map(std::uint32_t object) {
  GdmMapObject args{};
  args.object = object;
  args.user_mode = 1;
  args.size = (data_.size() + hw::kPageSize - 1) / hw::kPageSize * hw::kPageSize;
  call(GDM_ESCAPE_MAP_OBJECT, args, "map");
  return args;
}

GdmAllocateAdl FirstLight::allocate(std::uint32_t object) {
  GdmAllocateAdl args{};
  args.object = object;
  args.size = (data_.size() + hw::kPageSize - 1) / hw::kPageSize * hw::kPageSize;
  call(GDM_ESCAPE_ALLOCATE_ADL, args, "allocate ADL");
  return args;
}

void FirstLight::copy(unsigned adapter, GdmOperand source, GdmOperand destination) {
  GdmCopy args{};
  args.adapter_index = adapter;
  args.source = source;
  args.destination = destination;
  args.size = data_.size();
  send(GDM_ESCAPE_COPY, args);
  if (!NT_SUCCESS(args.header.status))
    throw std::runtime_error(fmt::format("copy on GPU {}: status {:#010x}, device error {} at {:#x}", adapter,
                                         static_cast<std::uint32_t>(args.header.status), args.error.code,
                                         args.error.address));
}

void FirstLight::compare(std::uint32_t object, const std::string& what) {
  const GdmMapObject mapping = map(object);
  auto* view = reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(mapping.address));
  const auto difference = std::mismatch(data_.begin(), data_.end(), view);
  if (difference.first != data_.end()) {
    fail(fmt::format("{}: byte {} is {:#04x} instead of {:#04x}", what, difference.first - data_.begin(),
                     *difference.second, *difference.first));
  } else {
    result_->bytes_verified += data_.size();
  }
  std::memset(view, 0, data_.size());  // what is found there next time was written in between
  unmap(mapping);
}

// Local memory has no CPU mapping; the bench looks at it from behind.
void FirstLight::compare_vram(unsigned adapter) {
  std::vector<std::uint8_t> content(data_.size());
  if (!machine_.board().vram(adapter).device().read(kVramData, content.data(), content.size()))
    return fail(fmt::format("VRAM {}: the copy does not fit", adapter));
  if (content != data_) fail(fmt::format("VRAM {}: content differs from the file", adapter));
}

// The point of the first object: pages above 1 TiB, not one after the other. `before` are the driver's own
// objects.
void FirstLight::check_scattered(const std::vector<dxgkrnl::ObjectView>& before) {
  bool created = false;
  for (const auto& object : kernel_.objects()) {
    if (std::any_of(before.begin(), before.end(),
                    [&](const auto& old) { return old.handle == object.handle; }))
      continue;
    created = true;
    const auto& frames = object.page_frames;
    bool scattered = frames.size() < 3;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (frames[i] << hw::kPageShift < kTiB && platform_.memory->ram().back().base >= kTiB)
        return fail(fmt::format("page {} of the object lies below 1 TiB", i));
      if (i > 0 && frames[i] != frames[i - 1] + 1) scattered = true;
    }
    if (!scattered) fail("the pages of the object are not scattered");
  }
  if (!created) fail("the kernel knows of no new object");
}

void FirstLight::touch(const GdmAllocateAdl& adl) {
  GdmFreeAdlAndTouch args{};
  args.adl = adl.adl;
  args.bytes = kTouchBytes;
  args.vram_scratch = kVramScratch;
  call(GDM_ESCAPE_FREE_ADL_AND_TOUCH, args, "free ADL and touch");
  if (args.adapters != platform_.functions.size())
    fail(fmt::format("{} GPUs touched the freed ADL instead of {}", args.adapters,
                     platform_.functions.size()));
  for (std::uint32_t i = 0; i < args.adapters; ++i) {
    if (args.result[i].live_status != STATUS_SUCCESS)
      fail(fmt::format("GPU {}: the read before FreeAdl was blocked", i));
    if (args.result[i].read_status != STATUS_DEVICE_DATA_ERROR)
      fail(fmt::format("GPU {}: the read after FreeAdl was not blocked", i));
    if (args.result[i].write_status != STATUS_DEVICE_DATA_ERROR)
      fail(fmt::format("GPU {}: the write after FreeAdl was not blocked", i));
  }
  result_->faults_expected = 2ULL * args.adapters;
  if (!platform_.time->wait_until([&] { return kernel_.faults().size() >= result_->faults_expected; },
                                  kFaultCycles))
    fail(fmt::format("{} of {} fault records came in {} cycles", kernel_.faults().size(),
                     result_->faults_expected, kFaultCycles));
  const auto faults = kernel_.faults();
  result_->faults_recorded = faults.size();
  for (const auto& function : platform_.functions) {
    for (const bool write : {false, true}) {
      const unsigned reason = write ? 5 : 6;  // no write, no read permission (VT-d 6.4)
      const auto count = std::count_if(faults.begin(), faults.end(), [&](const vtd::FaultRecord& fault) {
        return fault.source_id == function.source_id && fault.is_write == write && fault.reason == reason &&
               fault.address == (args.address & ~(hw::kPageSize - 1));
      });
      if (count != 1)
        fail(fmt::format("{}: {} fault records of the {} of {:#x}, expected 1", function.name, count,
                         write ? "write" : "read", args.address));
    }
  }
  if (faults.size() != result_->faults_expected)
    fail(fmt::format("{} fault records instead of {}", faults.size(), result_->faults_expected));
}

// One GPU alone uses an address that no ADL ever had: the last page it can drive.
void FirstLight::stray() {
  const auto bits =
      regs::dma::CAPS::ADDR_BITS.get(platform_.functions.front().bar0->read64(regs::dma::CAPS::kOffset));
  const std::uint64_t address = (1ULL << bits) - hw::kPageSize;
  const GdmOperand nowhere{GDM_OPERAND_LOGICAL, 0, address};
  const GdmOperand vram{GDM_OPERAND_VRAM, 0, kVramScratch};
  for (const bool write : {false, true}) {
    const auto before = kernel_.faults().size();
    GdmCopy args{};
    args.source = write ? vram : nowhere;
    args.destination = write ? nowhere : vram;
    args.size = kTouchBytes;
    send(GDM_ESCAPE_COPY, args);
    ++result_->faults_expected;
    const char* const what = write ? "write" : "read";
    if (args.header.status != STATUS_DEVICE_DATA_ERROR)
      fail(fmt::format("GPU 0: the {} of {:#x}, which no ADL has, was not blocked", what, address));
    if (!platform_.time->wait_until([&] { return kernel_.faults().size() > before; }, kFaultCycles))
      return fail(
          fmt::format("no fault record of the {} of {:#x} in {} cycles", what, address, kFaultCycles));
    const vtd::FaultRecord fault = kernel_.faults().back();
    if (fault.source_id != platform_.functions.front().source_id || fault.is_write != write ||
        fault.reason != (write ? 5 : 6) || fault.address != address)
      fail(fmt::format("the {} of {:#x} was recorded as {:#x}, source {:#06x}, reason {:#04x}", what, address,
                       fault.address, fault.source_id, fault.reason));
  }
  result_->faults_recorded = kernel_.faults().size();
}

void FirstLight::destroy(std::uint32_t object, GdmDestroyForm form) {
  GdmDestroyObject args{};
  args.object = object;
  args.form = form;
  call(GDM_ESCAPE_DESTROY_OBJECT, args, "destroy");
}

void FirstLight::run(FirstLightResult& result) {
  result_ = &result;
  const auto adapters = static_cast<unsigned>(platform_.functions.size());
  const unsigned second = adapters > 1 ? 1 : 0;
  const GdmOperand vram{GDM_OPERAND_VRAM, 0, kVramData};
  std::uint32_t source = 0;
  std::uint32_t target = 0;
  GdmAllocateAdl source_adl{};
  GdmAllocateAdl target_adl{};
  const std::uint64_t high_memory = platform_.memory->ram().back().base >= kTiB ? kTiB : 0;

  guarantees_ = std::make_unique<Guarantees>(machine_, kernel_, checked_);
  step("start the adapters", [&] {
    const NTSTATUS loaded = Action(recorder_, "load").done(kernel_.load(&DriverEntry));
    if (!NT_SUCCESS(loaded))
      throw std::runtime_error(
          fmt::format("the driver does not load: {:#010x}", static_cast<std::uint32_t>(loaded)));
    if (!NT_SUCCESS(Action(recorder_, "start").done(kernel_.start())))
      throw std::runtime_error("start: " + kernel_.start_error());
    guarantees_->system_started();
    for (const auto& adapter : kernel_.adapters()) {
      if (adapter.mode != dxgkrnl::RemappingMode::kLogical)
        fail(adapter.name + " was not started in logical mode");
      if (adapter.source_ids.size() != adapters)
        fail(fmt::format("{} source-ids attached instead of {}", adapter.source_ids.size(), adapters));
    }
  });
  step("file into an MDL object", [&] {
    const auto before = kernel_.objects();
    source = create(GDM_OBJECT_MDL, high_memory, true);
    check_scattered(before);
    const GdmMapObject mapping = map(source);
    std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(mapping.address)), data_.data(),
                data_.size());
    unmap(mapping);
  });
  step("AllocateAdl", [&] { source_adl = allocate(source); });
  const GdmOperand from{GDM_OPERAND_ADL, source_adl.adl, 0};
  step("GPU 0: object to VRAM", [&] {
    copy(0, from, vram);
    compare_vram(0);
  });
  step("second object, opened later", [&] {
    target = create(GDM_OBJECT_CONTIGUOUS, 0, false);
    GdmObjectCommand open{};
    open.object = target;
    call(GDM_ESCAPE_OPEN_OBJECT, open, "open");
    target_adl = allocate(target);
  });
  const GdmOperand to{GDM_OPERAND_ADL, target_adl.adl, 0};
  step("GPU 0: VRAM to second object", [&] { copy(0, vram, to); });
  step("compare by CPU mapping", [&] { compare(target, "second object, written by GPU 0"); });
  step(fmt::format("GPU {}: same ADL to VRAM", second), [&] {
    copy(second, from, vram);
    compare_vram(second);
  });
  step(fmt::format("GPU {}: VRAM to second object", second), [&] { copy(second, vram, to); });
  step("compare by CPU mapping",
       [&] { compare(target, fmt::format("second object, written by GPU {}", second)); });
  step("FreeAdl, then use it", [&] { touch(source_adl); });
  // Both GPUs read the page before it was freed, so it was in the IOTLB: the invalidation took it away.
  if (result.steps.back().counts.hits == 0)
    fail("the freed page was not cached: its invalidation was not shown");
  step("GPU 0: beside every ADL", [&] { stray(); });
  step("close and destroy", [&] {
    destroy(source, GDM_DESTROY_SPLIT);
    GdmFreeAdl free_target{};
    free_target.adl = target_adl.adl;
    call(GDM_ESCAPE_FREE_ADL, free_target, "free ADL");
    destroy(target, GDM_DESTROY_COMBINED);
  });
  guarantees_->settle();
  guarantees_->sweep();
  result.total = counters();
  const NTSTATUS stopped = Action(recorder_, "stop").done(kernel_.stop());
  if (!NT_SUCCESS(stopped)) fail(fmt::format("stop: status {:#010x}", static_cast<std::uint32_t>(stopped)));
  {
    const Action action(recorder_, "unload");
    kernel_.unload();
  }
  result.ddi_calls = kernel_.calls().counts();
  result.total.calls = 0;
  for (const auto& [name, count] : result.ddi_calls) result.total.calls += count;
}

/// Most promises hold for requests alone in the unit and for ports that are ready: how many of them a run has
/// is sure only where the memory's timing is the same for every access.
bool even(const AxiMemoryConfig& m) {
  return m.jitter == 0 && !m.out_of_order && m.ar_stall == 0 && m.aw_stall == 0 && m.w_stall == 0 &&
         m.r_stall == 0 && m.b_stall == 0;
}

}  // namespace

FirstLightResult run_first_light(Machine& machine, const std::vector<std::uint8_t>& data, std::uint64_t seed,
                                 replay::Recorder* recorder,
                                 const std::function<void(dxgkrnl::Kernel&)>& on_kernel) {
  FirstLightResult result;
  try {
    // A replay answers for the driver, but not for the paging buffers that it builds.
    FirstLight scenario(machine, data, seed, recorder, on_kernel);
    scenario.run(result);
  } catch (const std::exception& error) {
    result.failures.emplace_back(error.what());
  }
  if (result.failures.empty() && even(machine.config().memory))
    machine.contract().check_minimum("first_light", machine.board().cycles());
  result.total.cycles = 0;  // the whole run, its end included
  conclude(machine, result);
  if (recorder != nullptr) recorder->close(result.failures);
  GdmParameters = GdmDefaultParameters;
  return result;
}

}  // namespace gpudmar::sim
