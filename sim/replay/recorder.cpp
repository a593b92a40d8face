// SPDX-License-Identifier: Apache-2.0
// From the call log, register windows and ports to lines of a trace.
#include "sim/replay/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <systemc>

#include "driver-model/dxgkrnl/interface_calls.h"
#include "driver-model/hw/regs/dma_regs.h"

namespace gpudmar::sim::replay {
namespace {

using nlohmann::json;
namespace dma = regs::dma;

/// What is more is an address, which another run does not have.
constexpr std::uint64_t kMostNumber = 0xFFFF;

/// Handles and pointers among the parameters by their names.
json bugcheck_line(const Handles& handles) {
  const wdk::BugCheck::Stop stop = wdk::BugCheck::newest();
  json parameters = json::array();
  for (const ULONG_PTR parameter : stop.parameters)
    parameters.push_back(parameter <= kMostNumber ? json(hex(parameter)) : handles.show(parameter));
  return {{"code", hex(stop.code)}, {"parameters", parameters}};
}

/// The bus driver's part of the register page.
bool is_configuration(std::uint64_t offset) { return offset >= dma::CFG_MSI_ADDR::kOffset; }

}  // namespace

/// A register window whose accesses are told.
class Recorder::Window final : public hw::Mmio {
 public:
  Window(Recorder& recorder, hw::Mmio& window, std::string name, int adapter)
      : recorder_(recorder), window_(window), name_(std::move(name)), adapter_(adapter) {}
  [[nodiscard]] hw::PhysAddr base() const override { return window_.base(); }
  [[nodiscard]] std::uint64_t size() const override { return window_.size(); }
  [[nodiscard]] std::uint32_t read32(std::uint64_t offset) override {
    return static_cast<std::uint32_t>(
        access(offset, 4, false, 0, [&](std::uint64_t) { return window_.read32(offset); }));
  }
  [[nodiscard]] std::uint64_t read64(std::uint64_t offset) override {
    return access(offset, 8, false, 0, [&](std::uint64_t) { return window_.read64(offset); });
  }
  void write32(std::uint64_t offset, std::uint32_t value) override {
    access(offset, 4, true, value, [&](std::uint64_t v) {
      window_.write32(offset, static_cast<std::uint32_t>(v));
      return v;
    });
  }
  void write64(std::uint64_t offset, std::uint64_t value) override {
    access(offset, 8, true, value, [&](std::uint64_t v) {
      window_.write64(offset, v);
      return v;
    });
  }

 private:
  template <typename Run>
  std::uint64_t access(std::uint64_t offset, unsigned bytes, bool write, std::uint64_t value, Run run) {
    // What the bus driver does is the system's, and happens again by itself.
    if (recorder_.closed_ || (adapter_ >= 0 && is_configuration(offset))) return run(value);
    recorder_.access(name_, adapter_, offset, bytes, write, value, [&] { value = run(value); });
    return value;
  }

  Recorder& recorder_;
  hw::Mmio& window_;
  std::string name_;
  int adapter_;
};

Recorder::Recorder(Machine& machine, const std::string& path, const json& head)
    : machine_(machine),
      file_(path, std::ios::binary),
      path_(path),
      ends_(machine, [this](std::size_t id, const std::string& result, bool write,
                            std::uint64_t address) { dma_ended(id, result, write, address); }),
      rings_(machine.config().adapters) {
  json line{{"gpu_dmar_trace", kTraceVersion}};
  line.update(head);
  write(line);
}

Recorder::~Recorder() = default;

void Recorder::write(const json& line) {
  file_ << line.dump() << '\n';
  if (!file_.flush()) throw std::runtime_error("cannot write " + path_);
}

std::string Recorder::thread() {
  const auto process =
      reinterpret_cast<std::uintptr_t>(sc_core::sc_get_current_process_handle().get_process_object());
  const auto [it, added] = threads_.try_emplace(process);
  if (added) it->second = std::to_string(threads_.size());
  return it->second;
}

json Recorder::begin() {
  return {{"seq", {next_seq_++}}, {"cycle", {machine_.board().cycles()}}, {"thread", thread()}};
}

void Recorder::end(json& line) {
  line["seq"].push_back(next_seq_++);
  line["cycle"].push_back(machine_.board().cycles());
}

hw::Platform Recorder::watch(const hw::Platform& platform) {
  hw::Platform watched = platform;
  for (std::size_t i = 0; i < watched.functions.size(); ++i) {
    hw::Function& function = watched.functions[i];
    windows_.push_back(std::make_unique<Window>(*this, *function.bar0, function.name, static_cast<int>(i)));
    function.bar0 = windows_.back().get();
  }
  return watched;
}

hw::Platform Recorder::watch_bench(const hw::Platform& platform) {
  hw::Platform watched = platform;
  windows_.push_back(std::make_unique<Window>(*this, *watched.iommu, "iommu", -1));
  watched.iommu = windows_.back().get();
  return watched;
}

void Recorder::attach(dxgkrnl::Kernel& kernel) {
  kernel_ = &kernel;
  places_.attach(&kernel);
  mdls_ = MdlNotes();
  rings_.assign(machine_.config().adapters, Rings());
  links_.clear();
  kernel.calls().watch([this](const dxgkrnl::CallRecord& record, bool finished) {
    if (!closed_) call(record, finished);
  });
  kernel.on_fault([this](const vtd::FaultRecord& record) {
    if (!closed_) fault(record);
  });
}

void Recorder::detach() {
  kernel_ = nullptr;
  places_.attach(nullptr);
}

std::string Recorder::name_allocation(std::size_t adapter, dxgkrnl::AllocationId id) {
  std::string name = fmt::format("allocation{}", ++allocations_);
  places_.name_allocation(name, {link_of(static_cast<unsigned>(adapter)), id});
  return name;
}

std::string Recorder::allocation_name(std::size_t adapter, dxgkrnl::AllocationId id) const {
  return places_.name_of({link_of(static_cast<unsigned>(adapter)), id});
}

std::size_t Recorder::link_of(unsigned adapter) const {
  return adapter < links_.size() ? links_[adapter] : adapter;
}

void Recorder::access(const std::string& window, unsigned adapter, std::uint64_t offset, unsigned bytes,
                      bool write_access, std::uint64_t& value, const std::function<void()>& run) {
  if (write_access && window != "iommu") {
    std::optional<unsigned> reset;
    if (const auto work = rings_.at(adapter).write(offset, value, &reset)) doorbell(adapter, *work);
    if (reset) ends_.cut(adapter, *reset);
  }
  json line = begin();
  line["register"] = {{"window", window}, {"offset", hex(offset)}, {"bytes", bytes}, {"write", write_access}};
  run();
  line["register"]["value"] = hex(value);
  end(line);
  write(line);
}

// The list behind a descriptor that has one, where it lies in the system's memory.
json Recorder::page_list(const Descriptor& descriptor, std::size_t link) {
  namespace d = dma::descriptor;
  if (d::SRC_SPACE.get(descriptor.data()) != dma::space::LOGICAL) return {};
  std::vector<std::uint64_t> entries(list_pages(descriptor));
  const std::uint64_t list = d::SRC.get(descriptor.data());
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t address = list + 8 * i;
    at = i == 0 || address % hw::kPageSize == 0 ? places_.physical(link, address) : at + 8;
    if (!machine_.board().memory().device().read(at, &entries[i], 8)) return {};
  }
  return describe_list(entries, [&](std::uint64_t address) { return places_.place(link, address); });
}

// The descriptors as they stand in memory now; what the engine fetches later is not looked at.
void Recorder::doorbell(unsigned adapter, const Rings::Work& work) {
  const std::size_t link = link_of(adapter);
  const auto place = [&](std::uint64_t address) { return places_.place(link, address); };
  json line = begin();
  json list = json::array();
  DmaEnds::Watched watched{next_dma_++, adapter, work.channel, {}, {}};
  for (const std::uint64_t address : work.addresses) {
    Descriptor descriptor{};
    SparseMemory& memory = work.space == dma::space::VRAM ? machine_.board().vram(adapter).device()
                                                          : machine_.board().memory().device();
    const std::uint64_t at = work.space == dma::space::VRAM ? address : places_.physical(link, address);
    if (!memory.read(at, descriptor.data(), kDescriptorBytes)) continue;
    json item = describe(descriptor, place);
    if (const json list = page_list(descriptor, link); !list.empty()) item["list"] = list;
    item["at"] = operand(work.space, address, place);
    list.push_back(std::move(item));
    namespace d = dma::descriptor;
    const std::uint64_t* const words = descriptor.data();
    if (d::OPCODE.get(words) == dma::opcode::FENCE) {
      if (d::DST_SPACE.get(words) == dma::space::LOGICAL) watched.fences.push_back(d::DST.get(words));
      continue;
    }
    const std::uint64_t bytes = d::LENGTH.get(words) + 1;
    if (d::SRC_SPACE.get(words) == dma::space::LOGICAL)
      watched.operands.emplace_back(d::SRC.get(words), bytes);
    if (d::DST_SPACE.get(words) == dma::space::LOGICAL)
      watched.operands.emplace_back(d::DST.get(words), bytes);
  }
  line["dma"] = {{"adapter", adapter}, {"channel", work.channel}, {"work", list}};
  dma_.emplace(watched.id, std::move(line));
  ends_.watch(std::move(watched));
}

void Recorder::dma_ended(std::size_t id, const std::string& result, bool write_access,
                         std::uint64_t address) {
  const auto it = dma_.find(id);
  if (it == dma_.end() || closed_) return;
  json line = std::move(it->second);
  dma_.erase(it);
  if (!result.empty()) line["dma"]["result"] = result;
  if (result == "blocked") {
    line["dma"]["write"] = write_access;
    line["dma"]["address"] =
        places_.place(link_of(line["dma"]["adapter"].get<unsigned>()), address & ~(hw::kPageSize - 1));
  }
  end(line);
  write(line);
}

void Recorder::fault(const vtd::FaultRecord& record) {
  const auto& functions = machine_.platform().functions;
  const auto it = std::find_if(functions.begin(), functions.end(),
                               [&](const auto& function) { return function.source_id == record.source_id; });
  if (it == functions.end()) return;
  const auto adapter = static_cast<unsigned>(it - functions.begin());
  json line{{"seq", {next_seq_++}}, {"cycle", {machine_.board().cycles()}}};
  line["fault"] = {{"adapter", adapter},
                   {"write", record.is_write},
                   {"address", places_.place(link_of(adapter), record.address)},
                   {"reason", fmt::format("{:02x}", record.reason)}};
  write(line);
}

// ---- Calls

void Recorder::call(const dxgkrnl::CallRecord& record, bool finished) {
  if (finished)
    call_ends(record);
  else
    call_begins(record);
}

void Recorder::call_begins(const dxgkrnl::CallRecord& record) {
  if (record.name == "DxgkDdiStartDevice" && kernel_ != nullptr) {
    links_ = links_by_adapter(*kernel_, machine_.config().adapters);
    for (const auto& function : kernel_->functions())
      handles_.bind(function->function().name, reinterpret_cast<std::uintptr_t>(function->device_handle));
  }
  Open open;
  open.line = begin();
  open.line["call"] = record.name;
  if (record.function >= 0) open.line["adapter"] = record.function;
  if (const KIRQL irql = KeGetCurrentIrql(); irql != PASSIVE_LEVEL) open.line["irql"] = irql;
  if (kernel_ != nullptr && kernel_->processes().current() != dxgkrnl::kSystemProcess)
    open.line["process"] = kernel_->processes().name(kernel_->processes().current());
  json in = json::object();
  open.function = find_function(record.name);
  if (open.function != nullptr) {
    if (open.function->device)
      in[open.function->device_name] = handles_.show(reinterpret_cast<std::uintptr_t>(record.adapter));
    if (record.arguments == nullptr && open.function->bytes != 0)
      open.line["null"] = true;
    else
      in.update(show_in(*open.function, record.arguments, handles_));
    if (const auto context = in.find("Context"); context != in.end() && number_of(*context) > kMostNumber) {
      const std::uint64_t value = number_of(*context);
      const json known = handles_.show(value);
      const bool named = Handles::name_in(known) == known.get<std::string>();
      *context = named ? known : json(handles_.make("context", value));
    }
    if (record.arguments != nullptr) look_at_mdl(record, in);
  } else {
    open.begin = entry_point_begins(record.name, record.arguments, handles_);
    in = entry_point_arguments(record.name, record.arguments, handles_);
    note_submission(record);
  }
  if (!in.empty()) open.line["in"] = in;
  open_[record.id] = std::move(open);
}

// What the system has not made as it stands there is told in full: an MDL of the driver's own, with a name
// from here on, and one that the driver has changed while it was mapped.
void Recorder::look_at_mdl(const dxgkrnl::CallRecord& record, json& in) {
  if (record.name == "DxgkCbUnmapMdlFromIoMmu" && in["hMemoryHandle"].is_string())
    if (const auto now = mdls_.changed(in["hMemoryHandle"].get<std::string>())) in["Mdl"] = *now;
  if (record.name != "DxgkCbMapMdlToIoMmu") return;
  PMDL const mdl = static_cast<const DXGKARGCB_MAPMDLTOIOMMU*>(record.arguments)->pMdl;
  if (mdl == nullptr || mdls_.is_told(in["pMdl"].get<std::string>(), *mdl)) return;
  const std::string name = handles_.make("made", reinterpret_cast<std::uintptr_t>(mdl));
  mdls_.tell(name, *mdl);
  in["pMdl"] = name;
  in["Mdl"] = describe_mdl(*mdl);
}

void Recorder::note_mdl(const dxgkrnl::CallRecord& record, const json& in, const json& out) {
  const auto given = [](const json& values) {
    const auto handle = values.find("hMemoryHandle");
    return handle != values.end() && handle->is_string() ? handle->get<std::string>() : std::string();
  };
  if (record.arguments == nullptr || !NT_SUCCESS(record.status)) return;
  if (record.name == "DxgkCbAllocatePagesForMdl") {
    PMDL const mdl = static_cast<const DXGKARGCB_ALLOCATEPAGESFORMDL*>(record.arguments)->pMdl;
    if (mdl != nullptr) mdls_.tell(out["pMdl"].get<std::string>(), *mdl, given(out));
  }
  if (record.name == "DxgkCbMapMdlToIoMmu" && !given(out).empty())
    mdls_.map(given(out), *static_cast<const DXGKARGCB_MAPMDLTOIOMMU*>(record.arguments)->pMdl);
  if (record.name == "DxgkCbFreePagesFromMdl") mdls_.freed(given(in));
  if (record.name == "DxgkCbUnmapMdlFromIoMmu") mdls_.unmap(given(in));
}

void Recorder::note_submission(const dxgkrnl::CallRecord& record) {
  if (record.name != "DxgkDdiSubmitCommand" || record.arguments == nullptr || kernel_ == nullptr) return;
  const auto& args = *static_cast<const DXGKARG_SUBMITCOMMAND*>(record.arguments);
  const dxgkrnl::PhysicalAdapter* const lead = kernel_->find_adapter(record.adapter);
  if (lead == nullptr) return;
  places_.submitted(link_of(static_cast<unsigned>(lead->index())), record.engine,
                    static_cast<std::uint64_t>(args.DmaBufferPhysicalAddress.QuadPart), args.DmaBufferSize);
}

void Recorder::call_ends(const dxgkrnl::CallRecord& record) {
  const auto it = open_.find(record.id);
  if (it == open_.end()) return;
  Open open = std::move(it->second);
  open_.erase(it);
  json& line = open.line;
  const json in = line.value("in", json::object());
  if (record.bugcheck) {
    line["bugcheck"] = bugcheck_line(handles_);
  } else {
    if (open.function == nullptr || open.function->status) line["status"] = status_name(record.status);
    const auto name = [&](const Field& field, std::uint64_t value) -> json {
      if (value == 0) return nullptr;
      const auto size = in.find("Size");
      const bool view = field.makes == "view";
      return handles_.make(field.makes, value, !view ? 0 : size == in.end() ? 1 : number_of(*size));
    };
    const json out =
        open.function != nullptr
            ? call_result({kernel_, &handles_, &places_.pages()}, *open.function, record.arguments, in, name)
            : entry_point_result(record.name, record.arguments, open.begin, handles_, record.status, name);
    if (!out.empty()) line["out"] = out;
    note_mdl(record, in, out);
  }
  end(line);
  write(line);
}

void Recorder::close(const std::vector<std::string>& failures) {
  if (closed_) return;
  for (auto& [id, line] : dma_) write(line);
  for (auto& [id, open] : open_) write(open.line);
  json violations = json::array();
  for (const Violation& violation : machine_.violations().list())
    violations.push_back(
        {{"rule", violation.rule}, {"cycle", violation.cycle}, {"message", violation.message}});
  write({{"seq", {next_seq_++}},
         {"cycle", {machine_.board().cycles()}},
         {"end", {{"failures", failures}, {"violations", violations}}}});
  closed_ = true;
}

Recorder::Action::Action(Recorder* recorder, const std::string& name, const json& in)
    : recorder_(recorder), exceptions_(std::uncaught_exceptions()) {
  if (recorder_ == nullptr || recorder_->closed_) return;
  line_ = recorder_->begin();
  line_["system"] = name;
  if (!in.empty()) line_["in"] = in;
}

NTSTATUS Recorder::Action::done(NTSTATUS status) {
  if (recorder_ != nullptr) line_["status"] = status_name(status);
  return status;
}

void Recorder::Action::out(const json& values) { line_["out"] = values; }

Recorder::Action::~Action() {
  if (recorder_ == nullptr || recorder_->closed_) return;
  try {
    if (std::uncaught_exceptions() > exceptions_) line_["bugcheck"] = bugcheck_line(recorder_->handles_);
    if (line_["system"] == "load" && recorder_->kernel_ != nullptr)
      line_["out"] = entry_points(recorder_->kernel_->driver());
    recorder_->end(line_);
    recorder_->write(line_);
  } catch (const std::exception&) {
    recorder_->closed_ = true;  // the disk is full: the trace ends here
  }
}

}  // namespace gpudmar::sim::replay
