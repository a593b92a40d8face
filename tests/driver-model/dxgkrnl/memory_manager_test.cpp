// SPDX-License-Identifier: Apache-2.0
// The memory manager by itself, over backings that break their promises: what dxgkrnl must notice.
#include "driver-model/dxgkrnl/memory_manager.h"

#include <gtest/gtest.h>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using Code = std::pair<std::uint32_t, std::uint64_t>;

/// What a faulty backing does wrong.
struct Faults {
  bool forgets_to_lock = false;
  bool unlocks_twice = false;
  bool cannot_lock = false;
  bool wrong_type = false;
};

class FaultyBacking final : public mm::Backing {
 public:
  FaultyBacking(std::unique_ptr<mm::Backing> inner, const Faults& faults)
      : inner_(std::move(inner)), faults_(faults) {}
  [[nodiscard]] mm::BackingType type() const override {
    return faults_.wrong_type ? mm::BackingType::kIoSpace : inner_->type();
  }
  [[nodiscard]] std::uint64_t page_count() const override { return inner_->page_count(); }
  [[nodiscard]] std::optional<std::vector<mm::Pfn>> lock(std::uint64_t first, std::uint64_t count) override {
    if (faults_.cannot_lock) return std::nullopt;
    auto pages = inner_->lock(first, count);
    if (faults_.forgets_to_lock && pages) inner_->unlock(*pages);
    return pages;
  }
  void unlock(const std::vector<mm::Pfn>& pages) override {
    inner_->unlock(pages);
    if (faults_.unlocks_twice) inner_->unlock(pages);
  }
  [[nodiscard]] std::unique_ptr<mm::CpuMapping> map(std::uint64_t first, std::uint64_t count,
                                                    mm::AccessMode mode) override {
    return inner_->map(first, count, mode);
  }
  [[nodiscard]] std::vector<mm::Pfn> pages() const override { return inner_->pages(); }
  void release() override { inner_->release(); }

 private:
  std::unique_ptr<mm::Backing> inner_;
  const Faults& faults_;
};

class MemoryManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    adapter_.name = "link0";
    adapter_.space = std::make_unique<DmaSpace>(machine_.time);
    handle_ = handles_.insert(HandleKind::kAdapter, &adapter_);
    object_ = create_request(0x4000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, handle_);
    ASSERT_EQ(memory_.create(&object_), STATUS_SUCCESS);
  }
  DXGK_ADL* allocate(NTSTATUS status = STATUS_SUCCESS) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = object_.hAdapterMemoryObject;
    args.Size = 0x4000;
    EXPECT_EQ(memory_.allocate_adl(&args), status);
    return args.pAdl;
  }
  void free(DXGK_ADL* adl) {
    const DXGKARGCB_FREE_ADL args{object_.hAdapterMemoryObject, adl};
    memory_.free_adl(&args);
  }
  void destroy() {
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object_.hPhysicalMemoryObject,
                                                        object_.hAdapterMemoryObject};
    memory_.destroy(&args);
  }

  test::ModelMachine machine_;
  Faults faults_;
  mm::PageAllocator pages_{machine_.memory, machine_.time};
  HandleTable handles_{1};
  AdapterSpace adapter_;
  HANDLE handle_ = nullptr;
  MemoryManager memory_{
      pages_, machine_.time, handles_, {46, 16, [this](mm::Pager& pager, const mm::BackingRequest& request) {
                                          mm::BackingResult result = mm::make_backing(pager, request);
                                          result.backing = std::make_unique<FaultyBacking>(
                                              std::move(result.backing), faults_);
                                          return result;
                                        }}};
  DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object_{};
};

TEST_F(MemoryManagerTest, AnAdlOverUnlockedPagesStopsTheSystem) {
  test::covers("R144");
  faults_.forgets_to_lock = true;
  EXPECT_EQ(bugcheck_of([&] { (void)allocate(); }), Code(0x1E4, 4));
}

TEST_F(MemoryManagerTest, MemoryOfAnotherTypeStopsTheSystem) {
  test::covers("R48");
  faults_.wrong_type = true;
  auto request = create_request(0x1000, DXGK_PHYSICAL_MEMORY_TYPE_MDL, handle_);
  EXPECT_EQ(bugcheck_of([&] { (void)memory_.create(&request); }), Code(0x1E4, 1));
}

TEST_F(MemoryManagerTest, UnlockingUnderAnotherAdlStopsTheSystem) {
  test::covers("R145");
  DXGK_ADL* a = allocate();
  (void)allocate();
  faults_.unlocks_twice = true;
  EXPECT_EQ(bugcheck_of([&] { free(a); }), Code(0x1E4, 5));
}

TEST_F(MemoryManagerTest, PagesUnderAnAdlKeepTheirLastLock) {
  test::covers("R136", "R145");
  DXGK_ADL* adl = allocate();
  const auto frames = memory_.objects().front().page_frames;
  EXPECT_THROW(pages_.unlock(frames), mm::PageStateError);
  EXPECT_THROW(pages_.free(frames), mm::PageStateError);
  EXPECT_THROW(pages_.end_device_access({pages_.total_pages()}), mm::PageStateError);
  free(adl);
  EXPECT_THROW(pages_.end_device_access(frames), mm::PageStateError);
  destroy();
  EXPECT_EQ(pages_.free_pages(), pages_.total_pages());
}

TEST_F(MemoryManagerTest, MemoryLockedByOthersIsNotFreed) {
  test::covers("R145", "R97");
  const auto frames = memory_.objects().front().page_frames;
  pages_.lock(frames);
  EXPECT_EQ(bugcheck_of([&] { destroy(); }), Code(0x1E4, 5));
  for (const mm::Pfn pfn : frames) EXPECT_TRUE(pages_.state(pfn));
}

TEST_F(MemoryManagerTest, ALockThatFailsIsAStatus) {
  test::covers("R137");
  faults_.cannot_lock = true;
  EXPECT_EQ(allocate(STATUS_INSUFFICIENT_RESOURCES), nullptr);
  faults_.cannot_lock = false;
  DXGK_ADL* adl = allocate();
  ASSERT_NE(adl, nullptr);
  free(adl);
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
