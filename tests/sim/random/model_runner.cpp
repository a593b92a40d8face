// SPDX-License-Identifier: Apache-2.0
// Calls, copies and probes on the machine without clock.
#include "tests/sim/random/model_runner.h"

#include <fmt/format.h>

#include <cstring>
#include <random>

#include "driver-model/dxgkrnl/bugcheck.h"

namespace gpudmar::random {
namespace {

constexpr std::uint64_t kWord = 8;

struct StatusName {
  const char* name;
  NTSTATUS value;
};
const StatusName kStatuses[] = {{"STATUS_SUCCESS", STATUS_SUCCESS},
                                {"STATUS_INVALID_HANDLE", STATUS_INVALID_HANDLE},
                                {"STATUS_INVALID_PARAMETER", STATUS_INVALID_PARAMETER},
                                {"STATUS_NO_MEMORY", STATUS_NO_MEMORY},
                                {"STATUS_CONFLICTING_ADDRESSES", STATUS_CONFLICTING_ADDRESSES},
                                {"STATUS_OBJECT_TYPE_MISMATCH", STATUS_OBJECT_TYPE_MISMATCH},
                                {"STATUS_INVALID_PAGE_PROTECTION", STATUS_INVALID_PAGE_PROTECTION},
                                {"STATUS_INSUFFICIENT_RESOURCES", STATUS_INSUFFICIENT_RESOURCES},
                                {"STATUS_ALREADY_REGISTERED", STATUS_ALREADY_REGISTERED}};

Expected answer_of(NTSTATUS status) {
  for (const StatusName& known : kStatuses)
    if (known.value == status) return {known.name, 0, 0};
  return {fmt::format("{:#010x}", static_cast<std::uint32_t>(status)), 0, 0};
}

HANDLE garbage() { return reinterpret_cast<HANDLE>(0x5A5A'5A50); }

test::ModelMachine::Options options(const Stream& stream, const Reference::Machine& machine) {
  test::ModelMachine::Options options;
  options.ram.clear();
  for (const auto& [base, bytes] : machine.ram) options.ram.push_back({base, bytes});
  options.iommu = stream.iommu != "off";
  return options;
}

dxgkrnl::KernelConfig config(const Stream& stream) {
  dxgkrnl::KernelConfig config;
  config.seed = stream.seed;
  config.isolation = stream.iommu == "isolation";
  return config;
}

}  // namespace

struct ModelRunner::Failure : std::runtime_error {
  Failure(const std::string& what, std::string more) : std::runtime_error(what), detail(std::move(more)) {}
  std::string detail;
};

Reference::Machine model_machine(const std::string& iommu) {
  Reference::Machine machine;
  machine.translated = iommu != "off";
  machine.identity = iommu != "logical";
  if (machine.identity) machine.ram.pop_back();  // the GPUs must see everything
  machine.vram_bytes = 1U << 18;
  return machine;
}

ModelRunner::ModelRunner(const Stream& stream, const Reference::Machine& machine, const Sabotage& sabotage)
    : stream_(stream),
      machine_(machine),
      sabotage_(sabotage),
      system_(options(stream, machine), config(stream)),
      vram_(machine.adapters, std::vector<std::uint8_t>(machine.vram_bytes)) {
  system_.kernel->on_fault([this](const vtd::FaultRecord& fault) { faults_.push_back(fault); });
}

ModelRunner::~ModelRunner() = default;

void ModelRunner::expect(bool holds, const std::string& what, const std::string& detail) {
  if (!holds) throw Failure(what, detail);
}

ModelRun ModelRunner::run() {
  const Step* now = nullptr;
  try {
    expect(NT_SUCCESS(system_.start()), "start", system_.kernel->start_error());
    std::mt19937_64 order(stream_.seed);
    for (const Section& section : stream_.sections) {
      std::vector<std::size_t> next(section.threads.size(), 0);
      std::size_t left = 0;
      for (const auto& thread : section.threads) left += thread.size();
      for (; left > 0; --left) {
        std::size_t thread = order() % next.size();
        while (next[thread] == section.threads[thread].size()) thread = (thread + 1) % next.size();
        now = &section.threads[thread][next[thread]++];
        step(*now);
        ++run_.steps;
      }
    }
  } catch (const Failure& failure) {
    run_.failure = failure.what();
    run_.detail = failure.detail;
  } catch (const std::exception& error) {
    run_.failure = fmt::format("{}: exception", now != nullptr ? to_string(now->what) : "start");
    run_.detail = error.what();
  }
  if (!run_.failure.empty())
    run_.detail += fmt::format(" at step {}: {}", run_.steps, now != nullptr ? to_json(*now).dump() : "none");
  return run_;
}

HANDLE ModelRunner::device(int adapter) const {
  if (adapter < 0) return nullptr;
  if (adapter >= static_cast<int>(machine_.adapters)) return garbage();
  return system_.table(static_cast<std::size_t>(adapter)).DeviceHandle;
}

HANDLE ModelRunner::handle(const Step& step, bool adapter) const {
  if (step.handle == Handle::kNull) return nullptr;
  if (step.handle == Handle::kGarbage) return garbage();
  const auto it = objects_.find(step.name);
  if (it == objects_.end()) return nullptr;
  return (step.handle == Handle::kSwapped) == adapter ? it->second.physical : it->second.adapter;
}

void ModelRunner::step(const Step& step) {
  if (sabotage_.lose && sabotage_.lose(step)) return;
  switch (step.what) {
    case Do::kWait:
      return;  // one thread after the other
    case Do::kFill:
    case Do::kCheck:
      return data(step);
    case Do::kCopy:
      return copy(step);
    case Do::kProbe:
      return probe(step);
    default:
      break;
  }
  const auto used = system_.kernel->adapters().at(0).logical_pages_used;
  const auto locked = system_.kernel->pages().locked_pages();
  const auto free_pages = system_.kernel->pages().free_pages();
  Expected answer;
  if (!sabotage_.skip || !sabotage_.skip(step)) answer = call(step);
  if (sabotage_.answer) sabotage_.answer(step, answer);
  expect(answer == step.expect, fmt::format("{}: {} instead of {}", to_string(step.what), to_string(answer),
                                            to_string(step.expect)));
  if (answer.ok() || answer.bugcheck != 0) return;
  judged("G20");
  expect(system_.kernel->adapters().at(0).logical_pages_used == used, "a failed call keeps logical pages");
  expect(system_.kernel->pages().locked_pages() == locked, "a failed call keeps pages locked");
  // More are free when MM_ALLOCATE_TRIM_IF_NECESSARY had sections give some.
  expect(system_.kernel->pages().free_pages() >= free_pages, "a failed call keeps pages");
}

Expected ModelRunner::call(const Step& step) {
  NTSTATUS status = STATUS_SUCCESS;
  try {
    switch (step.what) {
      case Do::kCreate:
        status = create(step);
        break;
      case Do::kOpen:
        status = open(step);
        break;
      case Do::kClose:
        close(step);
        break;
      case Do::kDestroy:
        destroy(step);
        break;
      case Do::kMap:
        status = map(step);
        break;
      case Do::kUnmap:
        unmap(step);
        break;
      case Do::kAdl:
        status = allocate(step);
        break;
      case Do::kFree:
        free(step);
        break;
      case Do::kReattach:
        status = system_.kernel->reattach();
        break;
      case Do::kStop:
        status = system_.kernel->stop();
        break;
      default:
        throw std::logic_error("no callback");
    }
  } catch (const wdk::BugCheck& bugcheck) {
    return {"", bugcheck.code(), bugcheck.parameter(0)};
  }
  return answer_of(status);
}

NTSTATUS ModelRunner::create(const Step& step) {
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
  args.hAdapter = device(step.adapter);
  args.Size = step.size;
  args.Context = 0xDEAD'0000;
  args.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(step.type);
  args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(step.cache);
  switch (step.type) {
    case 0:
      args.Mdl.LowAddress.QuadPart = static_cast<LONGLONG>(step.low);
      args.Mdl.HighAddress.QuadPart = static_cast<LONGLONG>(step.high);
      args.Mdl.SkipBytes.QuadPart = static_cast<LONGLONG>(step.step);
      args.Mdl.Flags = step.flags;
      break;
    case 1:
      args.ContiguousMemory.LowestAcceptableAddress.QuadPart = static_cast<LONGLONG>(step.low);
      args.ContiguousMemory.HighestAcceptableAddress.QuadPart = static_cast<LONGLONG>(step.high);
      args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = static_cast<LONGLONG>(step.step);
      break;
    case 2:
      args.Section.DesiredAccess = SECTION_ALL_ACCESS;
      args.Section.PageProtection = step.protection;
      args.Section.AllocationAttributes = SEC_COMMIT;
      break;
    default:
      args.IOSpace.BaseAddress.QuadPart = static_cast<LONGLONG>(step.low);
      break;
  }
  args.hPhysicalMemoryObject = args.hAdapterMemoryObject = garbage();
  const NTSTATUS status = table().DxgkCbCreatePhysicalMemoryObject(&args);
  Object& object = objects_[step.name];
  if (!NT_SUCCESS(status)) {
    judged("R44");
    expect(args.hPhysicalMemoryObject == nullptr && args.hAdapterMemoryObject == nullptr,
           "create: a failure returns handles");
    return status;
  }
  expect(
      args.hPhysicalMemoryObject != nullptr && (args.hAdapterMemoryObject != nullptr) == (step.adapter >= 0),
      "create: not the handles it should return");
  object = {args.hPhysicalMemoryObject, args.hAdapterMemoryObject, step.adapter >= 0};
  check_placement(step, object.physical);
  return status;
}

// Where the pages lie: R63, R66, R67, R70, R74.
void ModelRunner::check_placement(const Step& step, HANDLE object) {
  const auto view = system_.kernel->memory().object(object);
  expect(view.has_value(), "create: the object is unknown");
  judged("R45");
  expect(view->context == 0xDEAD'0000, "create: another context");
  const auto& frames = view->page_frames;
  const auto address = [&](std::size_t i) { return frames[i] * kPage; };
  const bool chunks = step.type == 0 && (step.flags & 0x20) != 0;
  if (step.type == 0 && (step.step == 0 || chunks)) {
    judged("R74");
    for (std::size_t i = 0; i < frames.size(); ++i)
      expect(address(i) >= step.low && address(i) + kPage - 1 <= step.high,
             "create: a page outside the window");
  }
  if (step.type == 1) {
    judged("R70");
    expect(address(0) >= step.low && address(frames.size() - 1) + kPage - 1 <= step.high,
           "create: the run leaves the limits");
    if (step.step != 0)
      expect(address(0) / step.step == (address(frames.size() - 1) + kPage - 1) / step.step,
             "create: the run crosses a boundary");
  }
  const std::size_t run = step.type == 1 || (chunks && step.step == 0) ? frames.size()
                          : chunks                                     ? step.step / kPage
                                                                       : 1;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i % run != 0) expect(frames[i] == frames[i - 1] + 1, "create: not one run");
    if (chunks && step.step != 0 && i % run == 0)
      expect(address(i) % step.step == 0, "create: a chunk not aligned");
  }
}

NTSTATUS ModelRunner::open(const Step& step) {
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{handle(step, false), device(step.adapter), garbage()};
  const NTSTATUS status = table().DxgkCbOpenPhysicalMemoryObject(&args);
  judged("R85");
  expect(NT_SUCCESS(status) == (args.hAdapterMemoryObject != nullptr),
         "open: the handle does not fit the status");
  if (!NT_SUCCESS(status)) return status;
  Object& object = objects_.at(step.name);
  expect(object.adapter != args.hAdapterMemoryObject, "open: the old handle once more");
  object.adapter = args.hAdapterMemoryObject;
  object.open = true;
  return status;
}

void ModelRunner::close(const Step& step) {
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{handle(step, true)};
  table().DxgkCbClosePhysicalMemoryObject(&args);
  objects_.at(step.name).open = false;
}

void ModelRunner::destroy(const Step& step) {
  DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{handle(step, false), nullptr};
  const auto it = objects_.find(step.name);
  const HANDLE adapter = it == objects_.end() ? nullptr : it->second.adapter;
  const bool open = it != objects_.end() && it->second.open;
  if (step.form == Step::Form::kStale || (step.form == Step::Form::kCombined && open))
    args.hAdapterMemoryObject = adapter;
  if (step.form == Step::Form::kOther) args.hAdapterMemoryObject = objects_.at(step.other).adapter;
  if (step.form == Step::Form::kSplit) {
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT close{adapter};
    table().DxgkCbClosePhysicalMemoryObject(&close);
  }
  table().DxgkCbDestroyPhysicalMemoryObject(&args);
  objects_.at(step.name).open = false;
}

NTSTATUS ModelRunner::map(const Step& step) {
  DXGKARGCB_MAP_PHYSICAL_MEMORY args{handle(step, false), static_cast<DXGK_ACCESS_MODE>(step.mode),
                                     step.offset, step.size, garbage()};
  const NTSTATUS status = table().DxgkCbMapPhysicalMemory(&args);
  if (!NT_SUCCESS(status)) {
    judged("R115");
    expect(args.pMappedAddress == nullptr && args.Offset == step.offset && args.Size == step.size,
           "map: a failure changes the arguments");
    return status;
  }
  judged("R101");
  expect(args.pMappedAddress != nullptr && args.Size >= args.Offset + step.size, "map: too short");
  views_[step.item] = {step.name, args.pMappedAddress, args.Size,
                       static_cast<std::uint8_t*>(args.pMappedAddress) + args.Offset};
  return status;
}

void ModelRunner::unmap(const Step& step) {
  const View& view = views_.at(step.item);
  Step target = step;
  if (target.name.empty()) target.name = view.object;
  DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{};
  args.hPhysicalMemoryObject = handle(target, false);
  args.pBaseAddress = static_cast<std::uint8_t*>(view.base) + step.base_shift;
  args.Size = view.size + static_cast<SIZE_T>(step.size_shift);
  table().DxgkCbUnmapPhysicalMemory(&args);
}

NTSTATUS ModelRunner::allocate(const Step& step) {
  DXGKARGCB_ALLOCATE_ADL args{};
  args.hAdapterMemoryObject = handle(step, true);
  args.Offset = step.offset;
  args.Size = step.size;
  args.Flags.Value = step.flags;
  args.pAdl = static_cast<DXGK_ADL*>(garbage());
  const NTSTATUS status = table().DxgkCbAllocateAdl(&args);
  expect(NT_SUCCESS(status) == (args.pAdl != nullptr), "adl: the pointer does not fit the status");
  if (!NT_SUCCESS(status)) return status;
  check_adl(step, *args.pAdl);
  Adl& adl = adls_[step.item];
  adl = {step.name, args.pAdl, true, {}};
  for (UINT32 i = 0; i < args.pAdl->PageCount; ++i) {
    adl.pages.push_back(
        (args.pAdl->Flags.Contiguous != 0 ? args.pAdl->BasePageNumber + i : args.pAdl->Pages[i]) * kPage);
    live_pages_.insert(adl.pages.back());
  }
  check_neighbours(adl);
  return status;
}

// R120, R127, R129, R133 to R136, R148.
void ModelRunner::check_adl(const Step& step, const DXGK_ADL& adl) {
  judged("G7");
  expect(adl.PageCount == step.size / kPage, "adl: another page count");
  expect(adl.Flags.Reserved == 0, "adl: reserved flags");
  if ((step.flags & 1) != 0) expect(adl.Flags.Contiguous == 1, "adl: not contiguous");
  if ((step.flags & 3) == 0) expect(adl.Flags.Contiguous == 0, "adl: no page array");
  const auto view = system_.kernel->memory().object(objects_.at(step.name).physical);
  for (UINT32 i = 0; i < adl.PageCount; ++i) {
    const std::uint64_t number = adl.Flags.Contiguous != 0 ? adl.BasePageNumber + i : adl.Pages[i];
    expect(number <= machine_.highest_visible / kPage, "adl: a page beyond what the GPUs see");
    expect(number < 0xFEE00 || number > 0xFEEFF, "adl: a page in the interrupt window");
    const std::uint64_t page = step.offset / kPage + i;
    const bool device = view->page_frames.empty();  // I/O space: no pages of the system's
    const std::uint64_t frame = device ? view->io_base / kPage + page : view->page_frames.at(page);
    const auto state = system_.kernel->pages().state(frame);
    expect(device || (state.has_value() && state->locks > 0), "adl: a page that is not locked");
    if (machine_.identity) expect(number == frame, "adl: not the numbers of the pages");
  }
}

// G4: nothing beside what is live.
void ModelRunner::check_neighbours(const Adl& adl) {
  if (!machine_.translated || adl.pages.empty()) return;
  judged("G4");
  for (const std::uint64_t page : {adl.pages.front() - kPage, adl.pages.back() + kPage}) {
    const bool window = page / kPage >= 0xFEE00 && page / kPage <= 0xFEEFF;
    if (page > machine_.highest_visible || window || live_pages_.count(page) != 0) continue;
    expect(blocked(0, page, false), "a page beside an ADL translates", fmt::format("{:#x}", page));
  }
}

void ModelRunner::free(const Step& step) {
  Adl& adl = adls_[step.item];
  Step owner = step;
  if (owner.name.empty()) owner.name = adl.object;
  const DXGKARGCB_FREE_ADL args{handle(owner, true), adl.adl};
  table().DxgkCbFreeAdl(&args);
  adl.alive = false;
  for (const std::uint64_t page : adl.pages) live_pages_.erase(live_pages_.find(page));
  if (!machine_.translated) return;
  judged("G5");
  for (const std::uint64_t page : adl.pages) {
    if (live_pages_.count(page) != 0) {  // 1:1, and another ADL's page too
      expect(!blocked(0, page, false), "a freed ADL takes a page of another one along");
      continue;
    }
    expect(blocked(0, page, true), "a freed ADL lets writes through");
    if (machine_.adapters > 1) expect(blocked(1, page, false), "a freed ADL lets reads of GPU 1 through");
  }
}

void ModelRunner::data(const Step& step) {
  std::uint8_t* bytes = nullptr;
  DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
  if (!step.item.empty()) {
    bytes = views_.at(step.item).data + step.offset;
  } else {
    map = {objects_.at(step.name).physical, DXGK_ACCESS_MODE_KERNEL_MODE, 0, step.offset + step.size,
           nullptr};
    expect(NT_SUCCESS(table().DxgkCbMapPhysicalMemory(&map)), "no mapping to look at the memory");
    bytes = static_cast<std::uint8_t*>(map.pMappedAddress) + map.Offset + step.offset;
  }
  if (step.what == Do::kFill) {
    for (std::uint64_t i = 0; i < step.size; ++i) bytes[i] = pattern_byte(step.pattern, i);
  } else {
    expect(digest(bytes, step.size) == step.digest, "check: other bytes");
  }
  if (map.pMappedAddress == nullptr) return;
  const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{map.hPhysicalMemoryObject, map.pMappedAddress, map.Size};
  table().DxgkCbUnmapPhysicalMemory(&unmap);
}

std::uint64_t ModelRunner::address(const Operand& operand, std::uint64_t offset) const {
  if (operand.kind == Operand::Kind::kAddress) return operand.offset + offset;
  const std::uint64_t at = operand.offset + offset;
  return adls_.at(operand.adl).pages.at(at / kPage) + at % kPage;
}

std::vector<std::uint8_t> ModelRunner::read(const Operand& from, unsigned gpu, std::uint64_t size) {
  std::vector<std::uint8_t> bytes(size);
  if (from.kind == Operand::Kind::kVram) {
    std::memcpy(bytes.data(), vram_[gpu].data() + from.offset, size);
    return bytes;
  }
  const auto source = static_cast<std::uint16_t>((gpu + 1) << 8);
  std::uint64_t word = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t at = address(from, i);
    if (i == 0 || at % kWord == 0) {
      const auto value = system_.machine.dma_read(source, at / kWord * kWord);
      expect(value.has_value(), "copy: a read is blocked");
      word = *value;
    }
    bytes[i] = static_cast<std::uint8_t>(word >> (8 * (at % kWord)));
  }
  return bytes;
}

void ModelRunner::write(const Operand& to, unsigned gpu, const std::vector<std::uint8_t>& bytes) {
  if (to.kind == Operand::Kind::kVram) {
    std::memcpy(vram_[gpu].data() + to.offset, bytes.data(), bytes.size());
    return;
  }
  const auto source = static_cast<std::uint16_t>((gpu + 1) << 8);
  for (std::uint64_t i = 0; i < bytes.size();) {
    const std::uint64_t at = address(to, i);
    const std::uint64_t count = std::min(kWord - at % kWord, bytes.size() - i);
    std::uint64_t word = 0;
    if (count < kWord) {  // the machine writes whole words
      const auto old = system_.machine.dma_read(source, at / kWord * kWord);
      expect(old.has_value(), "copy: a read is blocked");
      word = *old;
    }
    for (std::uint64_t k = 0; k < count; ++k) {
      const unsigned shift = 8 * ((at + k) % kWord);
      word = (word & ~(0xFFULL << shift)) | static_cast<std::uint64_t>(bytes[i + k]) << shift;
    }
    expect(system_.machine.dma_write(source, at / kWord * kWord, word), "copy: a write is blocked");
    i += count;
  }
}

void ModelRunner::copy(const Step& step) { write(step.to, step.gpu, read(step.from, step.gpu, step.size)); }

// One access of the GPU; a blocked one must leave its record.
bool ModelRunner::blocked(unsigned gpu, std::uint64_t address, bool write) {
  const auto source = static_cast<std::uint16_t>((gpu + 1) << 8);
  const std::size_t before = faults_.size();
  const bool done = write ? system_.machine.dma_write(source, address, 0xBAD)
                          : system_.machine.dma_read(source, address).has_value();
  system_.machine.time.wait(1);
  if (done) {
    expect(faults_.size() == before, "a fault record without a fault");
    return false;
  }
  judged("G21");
  expect(faults_.size() == before + 1, "not one fault record");
  const vtd::FaultRecord& fault = faults_.back();
  expect(fault.source_id == source && fault.is_write == write && fault.address == address / kPage * kPage &&
             fault.reason == (write ? 5 : 6),
         "the fault record is of something else");
  return true;
}

void ModelRunner::probe(const Step& step) {
  const bool was_blocked = blocked(step.gpu, address(step.from, 0), step.write);
  expect(was_blocked == step.blocked,
         fmt::format("probe: {}", was_blocked ? "blocked" : "done, not blocked"));
}

}  // namespace gpudmar::random
