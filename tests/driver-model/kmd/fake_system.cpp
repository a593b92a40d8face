// SPDX-License-Identifier: Apache-2.0
// The scripted dxgkrnl: see fake_system.h.
#include "tests/driver-model/kmd/fake_system.h"

#include <cstring>
#include <stdexcept>
#include <utility>

namespace gpudmar::test {
namespace {

FakeSystem* active_system = nullptr;
constexpr std::uint64_t kBar = 0x8000'0000;

FakeSystem& note(const char* name) {
  FakeSystem& system = FakeSystem::active();
  system.calls.emplace_back(name);
  return system;
}

bool scripted_failure(FakeSystem& system, NTSTATUS& status) {
  const auto entry = system.fail.find(system.calls.back());
  if (entry == system.fail.end()) return false;
  status = entry->second;
  return true;
}

FakeSystem::Object* find(FakeSystem& system, HANDLE handle) {
  const auto entry = system.objects.find(reinterpret_cast<std::uintptr_t>(handle) & ~std::uintptr_t{1});
  if (entry == system.objects.end()) {
    system.misuse.push_back(system.calls.back() + ": unknown handle");
    return nullptr;
  }
  return entry->second.get();
}

// An adapter object's handle is its physical object's with bit 0 set.
HANDLE adapter_handle(HANDLE physical) {
  return reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(physical) | 1);
}

NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
  FakeSystem& system = note("Create");
  NTSTATUS status = STATUS_SUCCESS;
  if (scripted_failure(system, status)) return status;
  auto object = std::make_unique<FakeSystem::Object>();
  object->args = *args;
  object->storage.resize(args->Size + PAGE_SIZE);
  object->data = reinterpret_cast<std::uint8_t*>(
      ALIGN_UP_BY(reinterpret_cast<ULONG_PTR>(object->storage.data()), PAGE_SIZE));
  object->open = args->hAdapter != nullptr;
  const std::uintptr_t handle = system.next_handle += 2;
  args->hPhysicalMemoryObject = reinterpret_cast<HANDLE>(handle);
  args->hAdapterMemoryObject = object->open ? adapter_handle(args->hPhysicalMemoryObject) : nullptr;
  system.objects[handle] = std::move(object);
  return STATUS_SUCCESS;
}

void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
  FakeSystem& system = note(args->hAdapterMemoryObject != nullptr ? "Destroy+" : "Destroy");
  FakeSystem::Object* object = find(system, args->hPhysicalMemoryObject);
  if (object == nullptr) return;
  if (object->open != (args->hAdapterMemoryObject != nullptr)) system.misuse.push_back("Destroy: open state");
  if (object->maps != 0) system.misuse.push_back("Destroy: mapped");
  for (const auto& [key, adl] : system.adls) {
    if (adl->object == object) system.misuse.push_back("Destroy: live ADL");
  }
  system.objects.erase(reinterpret_cast<std::uintptr_t>(args->hPhysicalMemoryObject));
}

NTSTATUS open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args) {
  FakeSystem::Object* object = find(note("Open"), args->hPhysicalMemoryObject);
  if (object == nullptr || object->open) return STATUS_ALREADY_REGISTERED;
  object->open = true;
  args->hAdapterMemoryObject = adapter_handle(args->hPhysicalMemoryObject);
  return STATUS_SUCCESS;
}

void close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args) {
  FakeSystem& system = note("Close");
  FakeSystem::Object* object = find(system, args->hAdapterMemoryObject);
  if (object == nullptr) return;
  if (!object->open) system.misuse.push_back("Close: not open");
  object->open = false;
}

// The mapping begins 0x100 bytes before the data, as the documentation allows: drivers have to add Offset.
constexpr SIZE_T kMapSlack = 0x100;

NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args) {
  FakeSystem& system = note("Map");
  NTSTATUS status = STATUS_SUCCESS;
  if (scripted_failure(system, status)) return status;
  FakeSystem::Object* object = find(system, args->hPhysicalMemoryObject);
  if (object == nullptr || args->Offset + args->Size > object->args.Size) return STATUS_INVALID_PARAMETER;
  ++object->maps;
  args->pMappedAddress = object->data + args->Offset - kMapSlack;
  args->Offset = kMapSlack;
  args->Size += kMapSlack;
  return STATUS_SUCCESS;
}

void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args) {
  FakeSystem& system = note("Unmap");
  FakeSystem::Object* object = find(system, args->hPhysicalMemoryObject);
  if (object == nullptr) return;
  if (object->maps == 0) system.misuse.push_back("Unmap: not mapped");
  --object->maps;
}

NTSTATUS allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
  FakeSystem& system = note("AllocateAdl");
  NTSTATUS status = STATUS_SUCCESS;
  if (scripted_failure(system, status)) return status;
  if (args->hAdapterMemoryObject == nullptr) return STATUS_INVALID_PARAMETER;
  FakeSystem::Object* object = find(system, args->hAdapterMemoryObject);
  if (object == nullptr) return STATUS_INVALID_HANDLE;
  const bool contiguous =
      args->Flags.RequireContiguous != 0 || (args->Flags.PreferContiguous != 0 && system.contiguous);
  auto adl = std::make_unique<FakeSystem::Adl>();
  adl->object = object;
  adl->adl.PageCount = static_cast<UINT32>(args->Size >> PAGE_SHIFT);
  adl->adl.Flags.Contiguous = contiguous;
  for (UINT32 i = 0; i < adl->adl.PageCount; ++i) {
    const std::uint64_t page = system.next_page += contiguous ? 1 : 2;
    system.translations[page] = object->data + args->Offset + SIZE_T{i} * PAGE_SIZE;
    adl->pages.push_back(page);
  }
  ++system.next_page;  // a hole after each ADL
  if (contiguous) {
    adl->adl.BasePageNumber = adl->pages.front();
  } else {
    adl->adl.Pages = adl->pages.data();
  }
  args->pAdl = &adl->adl;
  system.adls[args->pAdl] = std::move(adl);
  return STATUS_SUCCESS;
}

void free_adl(const DXGKARGCB_FREE_ADL* args) {
  FakeSystem& system = note("FreeAdl");
  const auto entry = system.adls.find(args->pAdl);
  if (entry == system.adls.end()) {
    system.misuse.push_back("FreeAdl: unknown");
    return;
  }
  if (!system.translations_survive)
    for (const DXGK_PAGE_NUMBER page : entry->second->pages) system.translations.erase(page);
  system.adls.erase(entry);
}

unsigned gpu_of(HANDLE handle) {
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(handle) - 0xD000);
}

CM_RESOURCE_LIST resources;

NTSTATUS get_device_information(HANDLE handle, PDXGK_DEVICE_INFO info) {
  note("GetDeviceInformation");
  *info = {};
  resources = {};
  resources.Count = 1;
  resources.List[0].PartialResourceList.Count = 1;
  auto& bar = resources.List[0].PartialResourceList.PartialDescriptors[0];
  bar.Type = CmResourceTypeMemory;
  bar.u.Memory.Start.QuadPart = static_cast<LONGLONG>(kBar + gpu_of(handle) * 0x1000);
  bar.u.Memory.Length = 0x1000;
  info->TranslatedResourceList = &resources;
  return STATUS_SUCCESS;
}

NTSTATUS map_memory(HANDLE handle, PHYSICAL_ADDRESS address, ULONG, BOOLEAN, BOOLEAN, MEMORY_CACHING_TYPE,
                    PVOID* virtual_address) {
  FakeSystem& system = note("MapMemory");
  FakeMmio& mmio = system.gpus[gpu_of(handle)]->mmio;
  if (static_cast<std::uint64_t>(address.QuadPart) != mmio.base()) return STATUS_INVALID_PARAMETER;
  *virtual_address = system.runtime.map_mmio(mmio);
  return STATUS_SUCCESS;
}

NTSTATUS unmap_memory(HANDLE, PVOID address) {
  note("UnmapMemory").runtime.unmap_mmio(address);
  return STATUS_SUCCESS;
}

void run_dpc(FakeSystem& system, unsigned gpu) {
  system.platform.time.after(3, [&system, gpu] {
    if (KeGetCurrentIrql() >= DISPATCH_LEVEL)
      return run_dpc(system, gpu);  // time passes in a routine above it
    const wdk::IrqlRaise raised(system.runtime, DISPATCH_LEVEL);
    system.driver.DxgkDdiDpcRoutine(system.contexts[gpu]);
  });
}

BOOLEAN queue_dpc(HANDLE handle) {
  run_dpc(FakeSystem::active(), gpu_of(handle));
  return TRUE;
}

NTSTATUS synchronize_execution(HANDLE, PKSYNCHRONIZE_ROUTINE routine, PVOID context, ULONG, PBOOLEAN result) {
  FakeSystem& system = note("SynchronizeExecution");
  const wdk::IrqlRaise raised(system.runtime, wdk::kDeviceIrql);
  *result = routine(context);
  return STATUS_SUCCESS;
}

void notify_interrupt(HANDLE handle, DXGKARGCB_NOTIFY_INTERRUPT_DATA* data) {
  FakeSystem& system = FakeSystem::active();
  if (KeGetCurrentIrql() <= DISPATCH_LEVEL) system.misuse.push_back("NotifyInterrupt: IRQL");
  system.notifications.push_back({gpu_of(handle), *data, false});
}

void notify_dpc(HANDLE) {
  FakeSystem& system = FakeSystem::active();
  if (KeGetCurrentIrql() != DISPATCH_LEVEL) system.misuse.push_back("NotifyDpc: IRQL");
  for (FakeSystem::Notification& notification : system.notifications) notification.seen = true;
}

}  // namespace

extern "C" NTSTATUS DxgkInitialize(PDRIVER_OBJECT, PUNICODE_STRING, PDRIVER_INITIALIZATION_DATA data) {
  FakeSystem::active().driver = *data;
  return STATUS_SUCCESS;
}

FakeSystem& FakeSystem::active() {
  if (active_system == nullptr) throw std::logic_error("no fake system");
  return *active_system;
}

FakeSystem::FakeSystem(unsigned gpu_count, const FakeGpu::Config& gpu)
    : runtime(platform.platform, [this] {
        wdk::Runtime::Options options;
        options.debug_output = [this](std::string_view text) { printed_ += text; };
        return options;
      }()) {
  active_system = this;
  for (unsigned i = 0; i < gpu_count; ++i) {
    gpus.push_back(
        std::make_unique<FakeGpu>(platform.time, kBar + i * 0x1000, gpu,
                                  [this](std::uint64_t logical, void* data, std::size_t bytes, bool write) {
                                    return access(logical, data, bytes, write);
                                  }));
    gpus.back()->interrupt = [this, i] { interrupt(i); };
  }
  if (!NT_SUCCESS(DriverEntry(nullptr, nullptr))) throw std::runtime_error("DriverEntry failed");
}

FakeSystem::~FakeSystem() {
  GdmParameters = GdmDefaultParameters;
  active_system = nullptr;
}

void FakeSystem::interrupt(unsigned gpu) {
  if (KeGetCurrentIrql() >= wdk::kDeviceIrql) {  // one routine at a time
    platform.time.after(1, [this, gpu] { interrupt(gpu); });
    return;
  }
  const wdk::IrqlRaise raised(runtime, wdk::kDeviceIrql);
  driver.DxgkDdiInterruptRoutine(contexts[gpu], 0);
}

std::uint8_t* FakeSystem::resolve(std::uint64_t logical) {
  const auto page = translations.find(logical >> PAGE_SHIFT);
  return page == translations.end() ? nullptr : page->second + (logical & (PAGE_SIZE - 1));
}

bool FakeSystem::access(std::uint64_t logical, void* data, std::size_t bytes, bool write) {
  if (failing_accesses != 0 && --failing_accesses == 0) return false;
  std::uint8_t* at = resolve(logical);
  if (at == nullptr) return false;
  if (write)
    std::memcpy(at, data, bytes);
  else
    std::memcpy(data, at, bytes);
  return true;
}

void FakeSystem::add_devices() {
  contexts.assign(gpus.size(), nullptr);
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    LINKED_DEVICE link = {7, static_cast<ULONG>(gpus.size()), static_cast<BOOLEAN>(i == 0)};
    if (!NT_SUCCESS(driver.DxgkDdiAddDevice(nullptr, &contexts[i])) ||
        !NT_SUCCESS(driver.DxgkDdiLinkDevice(nullptr, contexts[i], &link))) {
      throw std::runtime_error("AddDevice or LinkDevice failed");
    }
  }
}

NTSTATUS FakeSystem::start_device(unsigned gpu) {
  DXGKRNL_INTERFACE table{};
  table.Size = interface_size;
  table.Version = DXGKDDI_INTERFACE_VERSION;
  table.DeviceHandle = device_handle(gpu);
  table.DxgkCbGetDeviceInformation = get_device_information;
  table.DxgkCbMapMemory = map_memory;
  table.DxgkCbUnmapMemory = unmap_memory;
  table.DxgkCbQueueDpc = queue_dpc;
  table.DxgkCbSynchronizeExecution = synchronize_execution;
  table.DxgkCbNotifyInterrupt = notify_interrupt;
  table.DxgkCbNotifyDpc = notify_dpc;
  table.DxgkCbCreatePhysicalMemoryObject = create;
  table.DxgkCbDestroyPhysicalMemoryObject = destroy;
  table.DxgkCbOpenPhysicalMemoryObject = open;
  table.DxgkCbClosePhysicalMemoryObject = close;
  table.DxgkCbMapPhysicalMemory = map;
  table.DxgkCbUnmapPhysicalMemory = unmap;
  table.DxgkCbAllocateAdl = allocate_adl;
  table.DxgkCbFreeAdl = free_adl;
  DXGK_START_INFO info{};
  ULONG sources = 1;
  ULONG children = 1;
  const NTSTATUS status = driver.DxgkDdiStartDevice(contexts[gpu], &info, &table, &sources, &children);
  table = {};  // the driver must have copied it (E19)
  return status;
}

NTSTATUS FakeSystem::start() {
  add_devices();
  for (std::size_t i = gpus.size(); i-- > 0;) {
    const NTSTATUS status = start_device(static_cast<unsigned>(i));
    if (!NT_SUCCESS(status)) return status;
  }
  return STATUS_SUCCESS;
}

void FakeSystem::stop() {
  for (void* context : contexts) driver.DxgkDdiStopDevice(context);
  for (std::size_t i = contexts.size(); i-- > 0;) driver.DxgkDdiRemoveDevice(contexts[i]);
  contexts.clear();
}

NTSTATUS FakeSystem::query(DXGK_QUERYADAPTERINFOTYPE type, void* out, UINT size, void* in, UINT in_size) {
  DXGKARG_QUERYADAPTERINFO args{};
  args.Type = type;
  args.pInputData = in;
  args.InputDataSize = in_size;
  args.pOutputData = out;
  args.OutputDataSize = size;
  return driver.DxgkDdiQueryAdapterInfo(contexts[0], &args);
}

NTSTATUS FakeSystem::raw_escape(void* data, UINT size) {
  DXGKARG_ESCAPE args{};
  args.pPrivateDriverData = data;
  args.PrivateDriverDataSize = size;
  return driver.DxgkDdiEscape(contexts[0], &args);
}

}  // namespace gpudmar::test
