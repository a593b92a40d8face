// SPDX-License-Identifier: Apache-2.0
// System threads, their handles and references, and work items.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "driver-model/wdk/runtime/kernel_objects.h"

using gpudmar::wdk::Runtime;
using gpudmar::wdk::SpinLockWatch;
using gpudmar::wdk::ThreadExit;
using gpudmar::wdk::ThreadObject;

namespace gpudmar::wdk {

void spawn(Runtime& runtime, const std::string& name, std::function<void()> body) {
  if (!runtime.options().spawn) runtime.rule_broken(name + ": this system has no threads to spare");
  runtime.options().spawn(name, std::move(body));
}

void drop_if_unused(Runtime& runtime, ThreadObject* thread) {
  if (thread->running || thread->handle != nullptr || thread->references > 0) return;
  runtime.take_back("thread", thread);
  auto& threads = runtime.objects().threads;
  threads.remove_if([thread](const ThreadObject& entry) { return &entry == thread; });
}

}  // namespace gpudmar::wdk

namespace {

ThreadObject* find_handle(Runtime& runtime, HANDLE handle) {
  auto& threads = runtime.objects().threads;
  const auto it = std::find_if(threads.begin(), threads.end(),
                               [handle](const ThreadObject& t) { return t.handle == handle; });
  return handle == nullptr || it == threads.end() ? nullptr : &*it;
}

ThreadObject* find_object(Runtime& runtime, const void* object, const char* routine) {
  for (ThreadObject& thread : runtime.objects().threads)
    if (&thread == object) return &thread;
  runtime.rule_broken(fmt::format("{}: {} is no object that this kit keeps references of", routine, object));
}

void run_thread(Runtime& runtime, ThreadObject* thread, PKSTART_ROUTINE routine, PVOID context) {
  thread->id = runtime.current_thread();
  const SpinLockWatch locks(runtime);
  try {
    routine(context);
  } catch (const ThreadExit&) {
    // PsTerminateSystemThread.
  }
  locks.returned("a system thread");
  if (runtime.irql() != PASSIVE_LEVEL) {
    runtime.rule_broken(fmt::format("a system thread ends at IRQL {}", runtime.irql()));
  }
  thread->running = false;
  thread->header.SignalState = 1;
  drop_if_unused(runtime, thread);
}

}  // namespace

struct _IO_WORKITEM {
  PDEVICE_OBJECT device;
  bool queued;
};

extern "C" {

NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG, POBJECT_ATTRIBUTES, HANDLE, PCLIENT_ID ClientId,
                              PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
  Runtime& runtime = Runtime::enter("PsCreateSystemThread");
  runtime.require_at_most(PASSIVE_LEVEL, "PsCreateSystemThread");
  Runtime::Objects& objects = runtime.objects();
  ThreadObject& thread = objects.threads.emplace_back();
  thread.header.Type = gpudmar::wdk::kThread;
  InitializeListHead(&thread.header.WaitListHead);
  thread.handle = reinterpret_cast<HANDLE>(objects.next_handle += 4);
  thread.client_id = thread.handle;
  thread.running = true;
  *ThreadHandle = thread.handle;
  if (ClientId != nullptr)
    *ClientId = {reinterpret_cast<HANDLE>(gpudmar::wdk::kSystemProcessId), thread.handle};
  runtime.lend("thread", &thread);
  spawn(runtime, "system thread", [&runtime, &thread, StartRoutine, StartContext] {
    run_thread(runtime, &thread, StartRoutine, StartContext);
  });
  return STATUS_SUCCESS;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS) {
  Runtime& runtime = Runtime::enter("PsTerminateSystemThread");
  for (const ThreadObject& thread : runtime.objects().threads)
    if (thread.running && thread.id == runtime.current_thread()) throw ThreadExit();
  return STATUS_INVALID_PARAMETER;  // no system thread
}

PKTHREAD KeGetCurrentThread(VOID) { return reinterpret_cast<PKTHREAD>(Runtime::active().current_thread()); }

// All threads are of one priority here.
KPRIORITY KeSetPriorityThread(PKTHREAD, KPRIORITY) {
  Runtime::enter("KeSetPriorityThread");
  return 8;
}

NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK, POBJECT_TYPE, KPROCESSOR_MODE, PVOID* Object,
                                   POBJECT_HANDLE_INFORMATION) {
  Runtime& runtime = Runtime::enter("ObReferenceObjectByHandle");
  ThreadObject* thread = find_handle(runtime, Handle);
  if (thread == nullptr) return STATUS_INVALID_HANDLE;
  ++thread->references;
  *Object = thread;
  return STATUS_SUCCESS;
}

LONG_PTR ObfReferenceObject(PVOID Object) {
  Runtime& runtime = Runtime::enter("ObfReferenceObject");
  return ++find_object(runtime, Object, "ObReferenceObject")->references;
}

LONG_PTR ObfDereferenceObject(PVOID Object) {
  Runtime& runtime = Runtime::enter("ObfDereferenceObject");
  ThreadObject* thread = find_object(runtime, Object, "ObDereferenceObject");
  if (thread->references == 0) runtime.rule_broken("ObDereferenceObject without a reference");
  const LONG_PTR left = --thread->references;
  drop_if_unused(runtime, thread);
  return left;
}

NTSTATUS ZwClose(HANDLE Handle) {
  Runtime& runtime = Runtime::enter("ZwClose");
  ThreadObject* thread = find_handle(runtime, Handle);
  if (thread == nullptr) return STATUS_INVALID_HANDLE;
  thread->handle = nullptr;
  drop_if_unused(runtime, thread);
  return STATUS_SUCCESS;
}

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject) {
  const Runtime& runtime = Runtime::enter("IoAllocateWorkItem");
  auto* item = new _IO_WORKITEM{DeviceObject, false};
  runtime.lend("work item", item, sizeof *item);
  return item;
}

VOID IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine, WORK_QUEUE_TYPE,
                     PVOID Context) {
  Runtime& runtime = Runtime::enter("IoQueueWorkItem");
  if (IoWorkItem->queued) runtime.rule_broken("IoQueueWorkItem of an item that is queued");
  IoWorkItem->queued = true;
  spawn(runtime, "work item", [&runtime, IoWorkItem, WorkerRoutine, Context] {
    IoWorkItem->queued = false;  // the routine may queue or free it again
    const SpinLockWatch locks(runtime);
    WorkerRoutine(IoWorkItem->device, Context);
    locks.returned("the routine of a work item");
  });
}

VOID IoFreeWorkItem(PIO_WORKITEM IoWorkItem) {
  const Runtime& runtime = Runtime::enter("IoFreeWorkItem");
  if (IoWorkItem->queued) runtime.rule_broken("IoFreeWorkItem of an item that is queued");
  runtime.take_back("work item", IoWorkItem);
  delete IoWorkItem;
}

}  // extern "C"
