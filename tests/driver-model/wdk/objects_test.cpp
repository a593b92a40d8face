// SPDX-License-Identifier: Apache-2.0
// The kernel runtime: mutexes, semaphores, resources, rundown, timers, DPCs, threads, work items, MDL
// mappings, loans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "driver-model/wdk/runtime/runtime.h"
#include "tests/support/fake_platform.h"

namespace {

using gpudmar::wdk::KernelRuleError;
using gpudmar::wdk::Runtime;

constexpr LONGLONG kTicksOf1000 = -10;  // 1000 cycles of 1 ns

struct ObjectsTest : ::testing::Test {
  gpudmar::test::FakePlatform fake;
  gpudmar::test::FakeMmio bar{0xE000'0000, 0x1000, &fake.time, 4};
  std::uintptr_t thread = 1;
  std::map<std::string, int> loans;
  std::vector<std::string> broken;
  std::vector<std::string> calls;
  Runtime runtime{platform(), options()};

  const gpudmar::hw::Platform& platform() {
    fake.platform.functions.push_back({"gpu0", 0x100, &bar});
    return fake.platform;
  }
  Runtime::Options options() {
    Runtime::Options o;
    o.infinite_wait_cycles = 5000;
    o.current_thread = [this] { return thread; };
    // The body runs when time passes next, in a thread of its own as far as identity goes.
    o.spawn = [this](const std::string&, std::function<void()> body) {
      fake.time.after(1, [this, body = std::move(body), id = ++spawned + 100] {
        const std::uintptr_t outer = std::exchange(thread, id);
        body();
        thread = outer;
      });
    };
    o.on_call = [this](const char* routine) { calls.emplace_back(routine); };
    o.on_rule_error = [this](const std::string& what) { broken.push_back(what); };
    o.on_loan = [this](const char* kind, const void*, std::size_t, bool begins) {
      loans[kind] += begins ? 1 : -1;
    };
    return o;
  }
  NTSTATUS wait(PVOID object, LONGLONG ticks) {
    LARGE_INTEGER timeout;
    timeout.QuadPart = ticks;
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &timeout);
  }
  std::uintptr_t spawned = 0;
};

TEST_F(ObjectsTest, MutexIsRecursiveAndBelongsToItsThread) {
  KMUTEX mutex;
  KeInitializeMutex(&mutex, 0);
  EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
  EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
  thread = 2;
  EXPECT_EQ(wait(&mutex, 0), STATUS_TIMEOUT);
  EXPECT_THROW(KeReleaseMutex(&mutex, FALSE), KernelRuleError);
  thread = 1;
  KeReleaseMutex(&mutex, FALSE);
  KeReleaseMutex(&mutex, FALSE);
  EXPECT_EQ(KeReadStateMutex(&mutex), 1);
  thread = 2;
  EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
}

TEST_F(ObjectsTest, SemaphoreCountsToItsLimit) {
  KSEMAPHORE semaphore;
  KeInitializeSemaphore(&semaphore, 1, 2);
  EXPECT_EQ(wait(&semaphore, 0), STATUS_SUCCESS);
  EXPECT_EQ(wait(&semaphore, 0), STATUS_TIMEOUT);
  EXPECT_EQ(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 0);
  EXPECT_THROW(KeReleaseSemaphore(&semaphore, 0, 1, FALSE), KernelRuleError);
  EXPECT_EQ(KeReadStateSemaphore(&semaphore), 2);
}

TEST_F(ObjectsTest, WaitAnyTellsWhichAndWaitAllTakesAll) {
  KEVENT a, b;
  KeInitializeEvent(&a, SynchronizationEvent, FALSE);
  KeInitializeEvent(&b, SynchronizationEvent, TRUE);
  PVOID objects[] = {&a, &b};
  LARGE_INTEGER poll{};
  const auto wait_for = [&](WAIT_TYPE type, PLARGE_INTEGER timeout) {
    return KeWaitForMultipleObjects(2, objects, type, Executive, KernelMode, FALSE, timeout, NULL);
  };
  EXPECT_EQ(wait_for(WaitAll, &poll), STATUS_TIMEOUT);
  EXPECT_EQ(KeReadStateEvent(&b), 1);  // nothing was taken
  EXPECT_EQ(wait_for(WaitAny, &poll), STATUS_WAIT_0 + 1);
  EXPECT_EQ(KeReadStateEvent(&b), 0);
  fake.time.after(300, [&] { KeSetEvent(&a, 0, FALSE); });
  fake.time.after(400, [&] { KeSetEvent(&b, 0, FALSE); });
  EXPECT_EQ(wait_for(WaitAll, NULL), STATUS_SUCCESS);
  EXPECT_EQ(fake.time.now(), 400u);
  EXPECT_EQ(KeReadStateEvent(&a) + KeReadStateEvent(&b), 0);
  EXPECT_THROW(KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, &poll, NULL),
               KernelRuleError);
}

TEST_F(ObjectsTest, ResourceIsSharedOrExclusive) {
  ERESOURCE resource;
  ExInitializeResourceLite(&resource);
  EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE));
  thread = 2;
  EXPECT_TRUE(ExAcquireResourceSharedLite(&resource, FALSE));
  EXPECT_FALSE(ExAcquireResourceExclusiveLite(&resource, FALSE));
  ExReleaseResourceLite(&resource);
  EXPECT_THROW(ExDeleteResourceLite(&resource), KernelRuleError);
  thread = 1;
  ExReleaseResourceLite(&resource);
  EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));
  EXPECT_TRUE(ExAcquireResourceExclusiveLite(&resource, FALSE));  // its owner again
  ExReleaseResourceLite(&resource);
  thread = 2;
  EXPECT_FALSE(ExAcquireResourceSharedLite(&resource, FALSE));
  EXPECT_THROW(ExReleaseResourceLite(&resource), KernelRuleError);
  thread = 1;
  ExReleaseResourceLite(&resource);
  EXPECT_EQ(ExDeleteResourceLite(&resource), STATUS_SUCCESS);
}

TEST_F(ObjectsTest, RundownLetsNobodyInOnceItWaits) {
  EX_RUNDOWN_REF rundown;
  ExInitializeRundownProtection(&rundown);
  ASSERT_TRUE(ExAcquireRundownProtection(&rundown));
  fake.time.after(200, [&] { ExReleaseRundownProtection(&rundown); });
  ExWaitForRundownProtectionRelease(&rundown);
  EXPECT_EQ(fake.time.now(), 200u);
  EXPECT_FALSE(ExAcquireRundownProtection(&rundown));
}

TEST_F(ObjectsTest, QueuedSpinLockRaisesAndRestores) {
  KSPIN_LOCK lock;
  KLOCK_QUEUE_HANDLE handle;
  KeInitializeSpinLock(&lock);
  KeAcquireInStackQueuedSpinLock(&lock, &handle);
  EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
  EXPECT_FALSE(KeTestSpinLock(&lock));
  KeReleaseInStackQueuedSpinLock(&handle);
  EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
  EXPECT_TRUE(KeTestSpinLock(&lock));
}

struct DpcNote {
  KIRQL irql = 0;
  PVOID argument = nullptr;
  int runs = 0;
  static VOID routine(PKDPC, PVOID context, PVOID argument1, PVOID) {
    auto* note = static_cast<DpcNote*>(context);
    note->irql = KeGetCurrentIrql();
    note->argument = argument1;
    ++note->runs;
  }
};

TEST_F(ObjectsTest, DpcRunsOnceAtDispatchLevel) {
  DpcNote note;
  KDPC dpc;
  KeInitializeDpc(&dpc, DpcNote::routine, &note);
  EXPECT_TRUE(KeInsertQueueDpc(&dpc, &note, NULL));
  EXPECT_FALSE(KeInsertQueueDpc(&dpc, NULL, NULL));
  KeFlushQueuedDpcs();
  EXPECT_EQ(note.runs, 1);
  EXPECT_EQ(note.irql, DISPATCH_LEVEL);
  EXPECT_EQ(note.argument, &note);
  EXPECT_TRUE(KeInsertQueueDpc(&dpc, NULL, NULL));
  EXPECT_TRUE(KeRemoveQueueDpc(&dpc));
  KeFlushQueuedDpcs();
  EXPECT_EQ(note.runs, 1);
}

TEST_F(ObjectsTest, ARoutineThatKeepsASpinLockIsTold) {
  static KSPIN_LOCK lock;
  KeInitializeSpinLock(&lock);
  KDPC dpc;
  KeInitializeDpc(
      &dpc, [](PKDPC, PVOID, PVOID, PVOID) { KeAcquireSpinLockAtDpcLevel(&lock); }, NULL);
  KeInsertQueueDpc(&dpc, NULL, NULL);
  EXPECT_THROW(fake.time.wait(10), KernelRuleError);
  thread = 1;
  KeInitializeSpinLock(&lock);
  PIO_WORKITEM item = IoAllocateWorkItem(NULL);
  IoQueueWorkItem(
      item, [](PDEVICE_OBJECT, PVOID) { KeAcquireSpinLockRaiseToDpc(&lock); }, DelayedWorkQueue, NULL);
  EXPECT_THROW(fake.time.wait(10), KernelRuleError);
  IoFreeWorkItem(item);
  thread = 1;
  KeInitializeSpinLock(&lock);
  HANDLE handle = NULL;
  PsCreateSystemThread(
      &handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, [](PVOID) { KeAcquireSpinLockRaiseToDpc(&lock); }, NULL);
  EXPECT_THROW(fake.time.wait(10), KernelRuleError);
  ASSERT_EQ(broken.size(), 3u);
  EXPECT_THAT(broken[0], ::testing::StartsWith("a DPC routine returns and holds"));
  EXPECT_THAT(broken[1], ::testing::StartsWith("the routine of a work item returns and holds"));
  EXPECT_THAT(broken[2], ::testing::StartsWith("a system thread returns and holds"));
}

TEST_F(ObjectsTest, TimerSignalsRunsItsDpcAndCanBeCancelled) {
  DpcNote note;
  KDPC dpc;
  KeInitializeDpc(&dpc, DpcNote::routine, &note);
  KTIMER timer;
  KeInitializeTimer(&timer);
  LARGE_INTEGER due;
  due.QuadPart = kTicksOf1000;
  EXPECT_FALSE(KeSetTimer(&timer, due, &dpc));
  EXPECT_EQ(loans["timer"], 1);
  EXPECT_EQ(wait(&timer, 5 * kTicksOf1000), STATUS_SUCCESS);
  EXPECT_GE(fake.time.now(), 1000u);
  EXPECT_TRUE(KeReadStateTimer(&timer));
  KeFlushQueuedDpcs();
  EXPECT_EQ(note.runs, 1);
  EXPECT_EQ(loans["timer"], 0);
  EXPECT_FALSE(KeSetTimer(&timer, due, NULL));
  EXPECT_TRUE(KeCancelTimer(&timer));
  EXPECT_FALSE(KeCancelTimer(&timer));
  EXPECT_EQ(wait(&timer, 3 * kTicksOf1000), STATUS_TIMEOUT);
}

VOID set_event(PVOID context) {
  KeSetEvent(static_cast<PRKEVENT>(context), 0, FALSE);
  PsTerminateSystemThread(STATUS_SUCCESS);
  KeClearEvent(static_cast<PRKEVENT>(context));  // never reached
}

TEST_F(ObjectsTest, ThreadIsJoinedThroughItsObject) {
  KEVENT ran;
  KeInitializeEvent(&ran, NotificationEvent, FALSE);
  HANDLE handle = NULL;
  ASSERT_EQ(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, set_event, &ran),
            STATUS_SUCCESS);
  PVOID object = NULL;
  ASSERT_EQ(ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode, &object, NULL), STATUS_SUCCESS);
  EXPECT_EQ(ZwClose(handle), STATUS_SUCCESS);
  EXPECT_EQ(ZwClose(handle), STATUS_INVALID_HANDLE);
  EXPECT_EQ(wait(object, 5 * kTicksOf1000), STATUS_SUCCESS);
  EXPECT_EQ(KeReadStateEvent(&ran), 1);
  EXPECT_EQ(loans["thread"], 1);
  EXPECT_EQ(ObDereferenceObject(object), 0);
  EXPECT_EQ(loans["thread"], 0);
}

TEST_F(ObjectsTest, WorkItemRunsAndMayNotBeFreedWhileQueued) {
  static int runs;
  runs = 0;
  PIO_WORKITEM item = IoAllocateWorkItem(NULL);
  IoQueueWorkItem(
      item, [](PDEVICE_OBJECT, PVOID) { ++runs; }, DelayedWorkQueue, NULL);
  EXPECT_THROW(IoFreeWorkItem(item), KernelRuleError);
  fake.time.wait(10);
  EXPECT_EQ(runs, 1);
  IoFreeWorkItem(item);
  EXPECT_EQ(loans["work item"], 0);
}

TEST_F(ObjectsTest, MdlIsMappedOverItsPages) {
  std::vector<std::uint64_t> storage((sizeof(MDL) + 2 * sizeof(PFN_NUMBER)) / 8);
  auto* mdl = reinterpret_cast<PMDL>(storage.data());
  mdl->ByteCount = 2 * PAGE_SIZE;
  MmGetMdlPfnArray(mdl)[0] = 7;
  MmGetMdlPfnArray(mdl)[1] = 3;
  EXPECT_EQ(MmSizeOfMdl(NULL, 2 * PAGE_SIZE), storage.size() * 8);
  auto* data = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), data);
  data[PAGE_SIZE] = 0x5A;
  EXPECT_EQ(fake.memory.load32(3 * PAGE_SIZE) & 0xFF, 0x5Au);
  EXPECT_THROW(MmUnmapLockedPages(data + 8, mdl), KernelRuleError);
  MmUnmapLockedPages(data, mdl);
  EXPECT_EQ(fake.memory.mapped_pages, 0u);
  EXPECT_EQ(loans["MDL mapping"], 0);
}

TEST_F(ObjectsTest, MdlIsBuiltOverMappedMemoryAndInParts) {
  auto* data = static_cast<UCHAR*>(fake.memory.map({7 * PAGE_SIZE, 3 * PAGE_SIZE, 9 * PAGE_SIZE}, true));
  EXPECT_EQ(MmGetPhysicalAddress(data + PAGE_SIZE + 5).QuadPart, 3 * PAGE_SIZE + 5);
  PMDL whole = IoAllocateMdl(data + 16, 3 * PAGE_SIZE - 16, FALSE, FALSE, NULL);
  ASSERT_NE(whole, nullptr);
  MmBuildMdlForNonPagedPool(whole);
  EXPECT_EQ(MmGetMdlPfnArray(whole)[2], 9u);
  EXPECT_EQ(MmGetSystemAddressForMdlSafe(whole, NormalPagePriority), data + 16);

  PMDL part = IoAllocateMdl(data, PAGE_SIZE, FALSE, FALSE, NULL);
  IoBuildPartialMdl(whole, part, data + PAGE_SIZE + 8, 100);
  EXPECT_EQ(MmGetMdlPfnArray(part)[0], 3u);
  EXPECT_EQ(MmGetMdlByteOffset(part), 8u);
  EXPECT_EQ(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), data + PAGE_SIZE + 8);
  EXPECT_THROW(IoBuildPartialMdl(whole, part, data + PAGE_SIZE + 8, 0), KernelRuleError)
      << "two pages, room for one";
  EXPECT_THROW(IoBuildPartialMdl(whole, part, data, 8), KernelRuleError) << "before the source";
  EXPECT_THROW(IoBuildPartialMdl(whole, part, data + 2 * PAGE_SIZE, PAGE_SIZE + 1), KernelRuleError)
      << "behind it";
  IoFreeMdl(part);
  IoFreeMdl(whole);
  fake.memory.unmap(data, 3);
  EXPECT_THROW(MmGetPhysicalAddress(data), KernelRuleError);
  EXPECT_EQ(loans["pool"], 0);
}

TEST_F(ObjectsTest, PartOfAnMdlIsMappedAndItsEndUnmapsIt) {
  PMDL whole = IoAllocateMdl(NULL, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
  MmGetMdlPfnArray(whole)[0] = 7;
  MmGetMdlPfnArray(whole)[1] = 3;
  PMDL part = IoAllocateMdl(NULL, PAGE_SIZE, FALSE, FALSE, NULL);
  IoBuildPartialMdl(whole, part, reinterpret_cast<PVOID>(PAGE_SIZE), 0);
  auto* data = static_cast<UCHAR*>(MmGetSystemAddressForMdlSafe(part, NormalPagePriority));
  data[1] = 0x6B;
  EXPECT_EQ(fake.memory.load32(3 * PAGE_SIZE) >> 8 & 0xFF, 0x6Bu);
  EXPECT_EQ(loans["MDL mapping"], 1);
  MmPrepareMdlForReuse(part);
  EXPECT_EQ(loans["MDL mapping"], 0);
  IoBuildPartialMdl(whole, part, NULL, PAGE_SIZE);
  ASSERT_NE(MmGetSystemAddressForMdlSafe(part, NormalPagePriority), nullptr);
  IoFreeMdl(part);
  EXPECT_EQ(loans["MDL mapping"], 0);
  ASSERT_NE(MmGetSystemAddressForMdlSafe(whole, NormalPagePriority), nullptr);
  EXPECT_THROW(IoFreeMdl(whole), KernelRuleError) << "mapped";
  MmUnmapLockedPages(whole->MappedSystemVa, whole);
  IoFreeMdl(whole);
  EXPECT_EQ(loans["pool"], 0);
}

using ObjectsDeathTest = ObjectsTest;
TEST_F(ObjectsDeathTest, MappingOfAnMdlIsProtected) {
  PMDL mdl = IoAllocateMdl(NULL, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
  MmGetMdlPfnArray(mdl)[0] = 7;
  MmGetMdlPfnArray(mdl)[1] = 3;
  EXPECT_EQ(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), STATUS_NOT_MAPPED_VIEW);
  auto* data = static_cast<volatile UCHAR*>(MmMapLockedPages(mdl, KernelMode));
  EXPECT_EQ(MmProtectMdlSystemAddress(mdl, PAGE_WRITECOPY), STATUS_INVALID_PAGE_PROTECTION);
  EXPECT_EQ(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), STATUS_SUCCESS);
  EXPECT_EQ(data[PAGE_SIZE], 0);
  EXPECT_DEATH(data[PAGE_SIZE] = 1, "");
  EXPECT_EQ(MmProtectMdlSystemAddress(mdl, PAGE_NOACCESS), STATUS_SUCCESS);
  EXPECT_DEATH(static_cast<void>(data[0]), "");
  EXPECT_EQ(MmProtectMdlSystemAddress(mdl, PAGE_READWRITE), STATUS_SUCCESS);
  data[PAGE_SIZE] = 0x6B;
  EXPECT_EQ(fake.memory.load32(3 * PAGE_SIZE) & 0xFF, 0x6Bu);
  KeFlushIoBuffers(mdl, TRUE, TRUE);
  MmUnmapLockedPages(mdl->MappedSystemVa, mdl);
  IoFreeMdl(mdl);
  const gpudmar::wdk::IrqlRaise raised(runtime, gpudmar::wdk::kDeviceIrql);
  EXPECT_THROW(MmProtectMdlSystemAddress(mdl, PAGE_READONLY), KernelRuleError);
  EXPECT_THROW(KeFlushIoBuffers(mdl, TRUE, TRUE), KernelRuleError);
}

TEST_F(ObjectsTest, PoolHasNoPageFrames) {
  std::vector<UCHAR> pool(PAGE_SIZE);
  EXPECT_THROW(MmGetPhysicalAddress(pool.data()), KernelRuleError);
  PMDL mdl = IoAllocateMdl(pool.data(), PAGE_SIZE, FALSE, FALSE, NULL);
  EXPECT_THROW(MmBuildMdlForNonPagedPool(mdl), KernelRuleError);
  IoFreeMdl(mdl);
}

TEST_F(ObjectsTest, InstalledMemoryIsListed) {
  PPHYSICAL_MEMORY_RANGE ranges = MmGetPhysicalMemoryRanges();
  const auto& ram = fake.memory.ram();
  for (std::size_t i = 0; i < ram.size(); ++i) {
    EXPECT_EQ(static_cast<std::uint64_t>(ranges[i].BaseAddress.QuadPart), ram[i].base);
    EXPECT_EQ(static_cast<std::uint64_t>(ranges[i].NumberOfBytes.QuadPart), ram[i].size);
  }
  EXPECT_EQ(ranges[ram.size()].NumberOfBytes.QuadPart, 0);
  ExFreePool(ranges);
}

TEST_F(ObjectsTest, RegistersOfABarAreMappedByAddress) {
  PHYSICAL_ADDRESS address;
  address.QuadPart = 0xE000'0000;
  auto* registers = static_cast<UCHAR*>(MmMapIoSpace(address, 0x1000, MmNonCached));
  ASSERT_NE(registers, nullptr);
  bar.poke32(0x10, 0x1234);
  ULONG words[2] = {};
  READ_REGISTER_BUFFER_ULONG(reinterpret_cast<volatile ULONG*>(registers + 0x10), words, 2);
  EXPECT_EQ(words[0], 0x1234u);
  EXPECT_EQ(MmMapIoSpace(address, 0x2000, MmNonCached), nullptr);
  address.QuadPart = 0xE000'0010;
  auto* behind = static_cast<UCHAR*>(MmMapIoSpace(address, 0x20, MmNonCached));
  EXPECT_EQ(READ_REGISTER_ULONG(reinterpret_cast<volatile ULONG*>(behind)), 0x1234u);
  EXPECT_EQ(MmMapIoSpace(address, 0xFF1, MmNonCached), nullptr) << "past the end";
  EXPECT_THROW(MmUnmapIoSpace(behind + 4, 0x20), KernelRuleError);
  MmUnmapIoSpace(behind, 0x20);
  MmUnmapIoSpace(registers, 0x1000);
  EXPECT_THROW(MmUnmapIoSpace(registers, 0x1000), KernelRuleError);
  EXPECT_EQ(loans["registers"], 0);
}

TEST_F(ObjectsTest, PagedPoolIsNotForDispatchLevel) {
  PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, 'tseT');
  EXPECT_EQ(loans["pool"], 1);
  KeRaiseIrqlToDpcLevel();
  EXPECT_THROW((void)ExAllocatePool2(POOL_FLAG_PAGED, 64, 'tseT'), KernelRuleError);
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_THAT(broken[0], ::testing::HasSubstr("ExAllocatePool2 at IRQL 2"));
  KeLowerIrql(PASSIVE_LEVEL);
  EXPECT_THROW(ExFreePoolWithTag(block, 'rehO'), gpudmar::wdk::BugCheck);
  EXPECT_EQ(broken.size(), 2u);
  ExFreePool(block);
  EXPECT_EQ(loans["pool"], 0);
  EXPECT_THAT(calls, ::testing::IsSupersetOf({"ExAllocatePool2", "KfRaiseIrql", "ExFreePool"}));
}

}  // namespace
