// SPDX-License-Identifier: Apache-2.0
// Every rule that the judge of `gpu-dmar kmd` knows: kept by a good sequence of calls, broken by one wrong
// call.
#include "sim/kmd/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/support/covers.h"

namespace {

using gpudmar::sim::kmd::Judge;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

HANDLE handle(std::uintptr_t value) { return reinterpret_cast<HANDLE>(value); }

const HANDLE kAdapter = handle(0x10);
const HANDLE kMember = handle(0x18);  // of the same link
const HANDLE kObject = handle(0x20);
const HANDLE kOpened = handle(0x30);

struct JudgeTest : ::testing::Test {
  std::vector<std::string> broken;
  std::map<std::string, int> loans;
  unsigned irql = PASSIVE_LEVEL;
  std::size_t remembered = 0;
  Judge judge{hooks()};
  DXGK_PAGE_NUMBER numbers[2] = {100, 200};
  DXGK_ADL adl = [this] {
    DXGK_ADL list{};
    list.PageCount = 2;
    list.Pages = numbers;
    return list;
  }();

  Judge::Hooks hooks() {
    Judge::Hooks h;
    h.broken = [this](const std::string& rule, const std::string&) { broken.push_back(rule); };
    h.broken_at = [this](const std::string& rule, const std::string&, std::size_t call) {
      broken.push_back(rule + " at " + std::to_string(call));
    };
    h.here = [this] { return remembered++; };
    h.loan = [this](const char* kind, std::uint64_t, std::uint64_t, bool begins) {
      loans[kind] += begins ? 1 : -1;
    };
    h.freed = [](unsigned, const std::vector<std::uint64_t>&) {};
    h.link_of = [](HANDLE adapter) {
      return adapter == kAdapter ? std::optional<unsigned>(0) : std::nullopt;
    };
    h.is_lead = [](HANDLE adapter) { return adapter == kAdapter; };
    h.function_of = [](HANDLE adapter) {
      return adapter == kAdapter  ? std::optional<int>(0)
             : adapter == kMember ? std::optional<int>(1)
                                  : std::nullopt;
    };
    h.pages_of = [](HANDLE) { return std::vector<std::uint64_t>(); };
    h.irql = [this] { return irql; };
    h.thread = [] { return std::uint64_t{1}; };
    return h;
  }
  template <typename Args>
  void call(const char* name, const Args& args, NTSTATUS status = STATUS_SUCCESS) {
    judge.begins(name, &args);
    judge.ends(name, &args, status, false);
  }
  static DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT mdl() {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    args.hAdapter = kAdapter;
    args.Size = 2 * PAGE_SIZE;
    args.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.Mdl.HighAddress.QuadPart = -1;
    args.hPhysicalMemoryObject = kObject;
    args.hAdapterMemoryObject = kOpened;
    return args;
  }
  /// The level and the data that some callbacks want.
  static unsigned level_of(const std::string& name) {
    return name == "DxgkCbNotifyInterrupt" ? DISPATCH_LEVEL + 1U
           : name == "DxgkCbNotifyDpc"     ? DISPATCH_LEVEL
                                           : PASSIVE_LEVEL;
  }
  static const void* data_of(const std::string& name) {
    static const DXGKARGCB_NOTIFY_INTERRUPT_DATA vsync = [] {
      DXGKARGCB_NOTIFY_INTERRUPT_DATA data{};
      data.InterruptType = DXGK_INTERRUPT_CRTC_VSYNC;
      return data;
    }();
    return name == "DxgkCbNotifyInterrupt" ? &vsync : nullptr;
  }
  void create(const std::function<void(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT&)>& change = {}) {
    auto args = mdl();
    if (change) change(args);
    call("DxgkCbCreatePhysicalMemoryObject", args);
  }
  void allocate(const std::function<void(DXGKARGCB_ALLOCATE_ADL&)>& change = {}) {
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = kOpened;
    args.Size = 2 * PAGE_SIZE;
    args.pAdl = &adl;
    if (change) change(args);
    call("DxgkCbAllocateAdl", args);
  }
  void free(HANDLE opened, DXGK_ADL* list) { call("DxgkCbFreeAdl", DXGKARGCB_FREE_ADL{opened, list}); }
  void destroy(HANDLE object, HANDLE opened) {
    call("DxgkCbDestroyPhysicalMemoryObject", DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT{object, opened});
  }
  void close(HANDLE opened) {
    call("DxgkCbClosePhysicalMemoryObject", DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT{opened});
  }
  void map(SIZE_T offset, SIZE_T size, DXGK_ACCESS_MODE mode = DXGK_ACCESS_MODE_KERNEL_MODE,
           HANDLE object = kObject) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, mode, offset, size, &adl};
    call("DxgkCbMapPhysicalMemory", args);
  }
  void unmap(void* base, SIZE_T size, HANDLE object = kObject) {
    call("DxgkCbUnmapPhysicalMemory", DXGKARGCB_UNMAP_PHYSICAL_MEMORY{object, base, size});
  }
};

TEST_F(JudgeTest, AGoodLifeBreaksNothingAndLeavesNothing) {
  create();
  map(0, 2 * PAGE_SIZE);
  allocate();
  EXPECT_TRUE(judge.is_live(0, 100));
  EXPECT_FALSE(judge.is_live(0, 101));
  EXPECT_FALSE(judge.is_live(1, 100));
  EXPECT_EQ(judge.left().reachable, 2u);
  free(kOpened, &adl);
  EXPECT_FALSE(judge.is_live(0, 100));
  EXPECT_EQ(judge.left().unreachable, 2u);
  unmap(&adl, 2 * PAGE_SIZE);
  close(kOpened);
  destroy(kObject, NULL);
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(judge.left().unreachable, 0u);
  for (const auto& [kind, count] : loans) EXPECT_EQ(count, 0) << kind;
  EXPECT_EQ(judge.kept().at("R92"), 1u);
  EXPECT_EQ(judge.kept().count("R126"), 0u);  // never came up
}

TEST_F(JudgeTest, CreateRules) {
  const auto breaks = [&](const char* rule,
                          const std::function<void(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT&)>& change) {
    broken.clear();
    auto args = mdl();
    change(args);
    judge.begins("DxgkCbCreatePhysicalMemoryObject", &args);
    judge.ends("DxgkCbCreatePhysicalMemoryObject", &args, STATUS_INVALID_PARAMETER, false);
    EXPECT_THAT(broken, ElementsAre(rule)) << rule;
  };
  breaks("R43", [](auto& a) { a.hAdapter = kObject; });
  breaks("R46", [](auto& a) { a.Size = 0; });
  breaks("R48", [](auto& a) { a.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4); });
  breaks("R49", [](auto& a) { a.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3); });
  breaks("R62", [](auto& a) { a.Mdl.SkipBytes.QuadPart = 12; });
  breaks("R65", [](auto& a) { a.Mdl.Flags = MM_ALLOCATE_AND_HOT_REMOVE; });
  breaks("R67", [](auto& a) {
    a.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
    a.Mdl.SkipBytes.QuadPart = 3 * PAGE_SIZE;
  });
  breaks("R68", [](auto& a) { a.Mdl.Flags = MM_ALLOCATE_FAST_LARGE_PAGES; });
  breaks("R69", [](auto& a) { a.Size = 1ULL << 32; });
  const auto contiguous = [](auto& a) {
    a.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    a.ContiguousMemory = {};
    a.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  };
  breaks("R71", [&](auto& a) {
    contiguous(a);
    a.ContiguousMemory.BoundaryAddressMultiple.QuadPart = 3 * PAGE_SIZE;
  });
  breaks("R72", [&](auto& a) {
    contiguous(a);
    a.ContiguousMemory.LowestAcceptableAddress.QuadPart = 8 * PAGE_SIZE;
    a.ContiguousMemory.HighestAcceptableAddress.QuadPart = PAGE_SIZE;
  });
  const auto section = [](auto& a) {
    a.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
    a.Section = {};
    a.Section.PageProtection = PAGE_READWRITE;
  };
  breaks("R50", [&](auto& a) {
    section(a);
    a.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
  });
  breaks("R51", [&](auto& a) {
    section(a);
    a.Section.PageProtection = PAGE_EXECUTE_READ;
  });
  breaks("R52", [&](auto& a) {
    section(a);
    a.Section.PageProtection = PAGE_READWRITE | PAGE_NOCACHE;
  });
  const auto io = [](auto& a) {
    a.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    a.IOSpace.BaseAddress.QuadPart = 0xD000'0000;
  };
  breaks("R57", [&](auto& a) {
    io(a);
    a.IOSpace.BaseAddress.QuadPart += 8;
  });
  breaks("R58", [&](auto& a) {
    io(a);
    a.Size = 100;
  });
}

TEST_F(JudgeTest, AddressLimitsAreUnsigned) {
  gpudmar::test::covers("E20");
  create([](auto& a) {
    a.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    a.ContiguousMemory = {};
    a.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
  });
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(JudgeTest, AdlRules) {
  create();
  const auto breaks = [&](const char* rule, const std::function<void(DXGKARGCB_ALLOCATE_ADL&)>& change) {
    broken.clear();
    DXGKARGCB_ALLOCATE_ADL args{};
    args.hAdapterMemoryObject = kOpened;
    args.Size = 2 * PAGE_SIZE;
    change(args);
    judge.begins("DxgkCbAllocateAdl", &args);
    judge.ends("DxgkCbAllocateAdl", &args, STATUS_INVALID_PARAMETER, false);
    EXPECT_THAT(broken, ::testing::Contains(rule));
    EXPECT_EQ(broken.size(), 1u) << rule;
  };
  breaks("R121", [](auto& a) { a.Offset = 8, a.Size = PAGE_SIZE; });
  breaks("R122", [](auto& a) { a.Size = 12; });
  breaks("R122", [](auto& a) { a.Size = 0; });
  breaks("R123", [](auto& a) { a.Offset = PAGE_SIZE; });
  breaks("R124", [](auto& a) { a.hAdapterMemoryObject = NULL; });
  breaks("R125", [](auto& a) { a.hAdapterMemoryObject = kObject; });
  breaks("R126", [](auto& a) { a.Flags.RequireContiguous = 1; });
  breaks("R131", [](auto& a) { a.Flags.Reserved = 4; });
  broken.clear();
  free(kOpened, &adl);
  EXPECT_THAT(broken, ElementsAre("R143"));
}

TEST_F(JudgeTest, AnAdlIsNotChanged) {
  gpudmar::test::covers("R141");
  create();
  const auto freed_after = [&](const std::function<void()>& change) {
    broken.clear();
    const DXGK_ADL good = adl;
    allocate();
    change();
    free(kOpened, &adl);
    adl = good;
    numbers[1] = 200;
    return broken;
  };
  EXPECT_THAT(freed_after([] {}), IsEmpty());
  EXPECT_EQ(judge.kept().at("R141"), 1u);
  EXPECT_THAT(freed_after([&] { adl.PageCount = 77; }), ElementsAre("R141"));
  EXPECT_FALSE(judge.is_live(0, 100)) << "the pages that it had are gone all the same";
  EXPECT_THAT(freed_after([&] { adl.Flags.Contiguous = 1; }), ElementsAre("R141"));
  EXPECT_THAT(freed_after([&] { adl.Pages = nullptr; }), ElementsAre("R141"));
  EXPECT_THAT(freed_after([&] { numbers[1] = 201; }), ElementsAre("R141"));
  adl.Flags.Contiguous = 1;
  adl.BasePageNumber = 7;
  EXPECT_THAT(freed_after([] {}), IsEmpty());
  EXPECT_THAT(freed_after([&] { ++adl.BasePageNumber; }), ElementsAre("R141"));
  EXPECT_EQ(judge.kept().count("R141"), 0u);
}

TEST_F(JudgeTest, AnAdlThatIsLeftIsLookedAtInTheEnd) {
  gpudmar::test::covers("R141");
  create();
  remembered = 5;
  allocate();
  judge.run_ends();
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(judge.kept().at("R141"), 1u);
  numbers[0] = 99;
  judge.run_ends();
  EXPECT_THAT(broken, ElementsAre("R141 at 5"));
  broken.clear();
  const DXGKARGCB_FREE_ADL args{kOpened, &adl};
  judge.begins("DxgkCbFreeAdl", &args);
  judge.ends("DxgkCbFreeAdl", &args, STATUS_SUCCESS, true);
  EXPECT_THAT(broken, ElementsAre("R141"));
  judge.run_ends();  // whether that FreeAdl took its memory away is not known
  EXPECT_THAT(broken, ElementsAre("R141"));
}

TEST_F(JudgeTest, MappingRules) {
  create();
  map(PAGE_SIZE, 2 * PAGE_SIZE);
  map(0, 0);
  EXPECT_THAT(broken, ElementsAre("R105", "R105"));
  broken.clear();
  map(0, PAGE_SIZE, static_cast<DXGK_ACCESS_MODE>(2));
  map(0, PAGE_SIZE, DXGK_ACCESS_MODE_KERNEL_MODE, kOpened);
  EXPECT_THAT(broken, ElementsAre("R104", "R106"));
  broken.clear();
  unmap(&broken, PAGE_SIZE);  // not the base of a mapping
  unmap(&adl, 1);             // not its size
  EXPECT_THAT(broken, ElementsAre("R111", "R111"));
  broken.clear();
  map(0, PAGE_SIZE);  // that one counted as unmapped
  unmap(&adl, PAGE_SIZE);
  unmap(&adl, PAGE_SIZE);
  EXPECT_THAT(broken, ElementsAre("R112"));
}

TEST_F(JudgeTest, IoSpaceIsNotForUserMode) {
  create([](auto& a) {
    a.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    a.IOSpace.BaseAddress.QuadPart = 0xD000'0000;
  });
  map(0, PAGE_SIZE, DXGK_ACCESS_MODE_USER_MODE);
  EXPECT_THAT(broken, ElementsAre("R103"));
}

TEST_F(JudgeTest, OpenCloseDestroyRules) {
  create();
  DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{kObject, kAdapter, NULL};
  call("DxgkCbOpenPhysicalMemoryObject", open, STATUS_ALREADY_REGISTERED);
  open.hPhysicalMemoryObject = kOpened;
  call("DxgkCbOpenPhysicalMemoryObject", open, STATUS_INVALID_HANDLE);
  EXPECT_THAT(broken, ElementsAre("R81", "R84"));
  broken.clear();
  allocate();
  const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT early{kOpened};
  judge.begins("DxgkCbClosePhysicalMemoryObject", &early);
  judge.ends("DxgkCbClosePhysicalMemoryObject", &early, STATUS_SUCCESS,
             true);  // a bugcheck: nothing has changed
  const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT wrong{kObject, NULL};
  map(0, PAGE_SIZE);
  judge.begins("DxgkCbDestroyPhysicalMemoryObject", &wrong);
  judge.ends("DxgkCbDestroyPhysicalMemoryObject", &wrong, STATUS_SUCCESS, true);
  EXPECT_THAT(broken, ElementsAre("R87", "R92", "R94", "R91"));
  broken.clear();
  free(kOpened, &adl);
  unmap(&adl, PAGE_SIZE);
  close(kOpened);
  close(kOpened);
  destroy(kObject, kOpened);
  destroy(kObject, NULL);
  EXPECT_THAT(broken, ElementsAre("R90", "R90", "R95"));
  broken.clear();
  close(kAdapter);
  EXPECT_THAT(broken, ElementsAre("R95"));
}

TEST_F(JudgeTest, DestroyWithAnothersAdapterObject) {
  create();
  create([](auto& a) { a.hPhysicalMemoryObject = handle(0x40), a.hAdapterMemoryObject = handle(0x50); });
  destroy(kObject, handle(0x50));
  EXPECT_THAT(broken, ElementsAre("R93"));
}

TEST_F(JudgeTest, LevelAndArguments) {
  irql = DISPATCH_LEVEL;
  judge.begins("DxgkCbFreeAdl", nullptr);
  EXPECT_THAT(broken, ElementsAre("R28", "R29"));
}

TEST_F(JudgeTest, LevelOfCallbacksAboutTheDevice) {
  const auto at = [&](unsigned level, const char* name) {
    broken.clear();
    irql = level;
    judge.begins(name, nullptr, kAdapter);
    judge.ends(name, nullptr, STATUS_SUCCESS, false, kAdapter);
    return broken;
  };
  for (const char* name :
       {"DxgkCbAcquirePostDisplayOwnership", "DxgkCbEvalAcpiMethod", "DxgkCbExcludeAdapterAccess",
        "DxgkCbGetDeviceInformation", "DxgkCbIsDevicePresent", "DxgkCbMapMemory", "DxgkCbQueryServices",
        "DxgkCbReadDeviceSpace", "DxgkCbUnmapMemory", "DxgkCbWriteDeviceSpace"}) {
    EXPECT_THAT(at(APC_LEVEL, name), IsEmpty()) << name;
    EXPECT_THAT(at(DISPATCH_LEVEL, name), ElementsAre("wdk.irql")) << name;
  }
  for (const char* name : {"DxgkCbIndicateChildStatus", "DxgkCbNotifyDpc", "DxgkCbQueueDpc",
                           "DxgkCbSynchronizeExecution", "DxgkCbLogEtwEvent"})
    EXPECT_THAT(at(DISPATCH_LEVEL, name), IsEmpty()) << name;
}

TEST_F(JudgeTest, InterruptRoutineMayQueueAndNotifyOnly) {
  judge.begins("DxgkDdiInterruptRoutine", nullptr, nullptr, 0);
  judge.begins("DxgkCbQueueDpc", nullptr, kAdapter);
  judge.ends("DxgkCbQueueDpc", nullptr, TRUE, false, kAdapter);
  EXPECT_THAT(broken, IsEmpty());
  judge.begins("DxgkCbMapMemory", nullptr, kAdapter);
  judge.ends("DxgkCbMapMemory", nullptr, STATUS_SUCCESS, false, kAdapter);
  EXPECT_THAT(broken, ElementsAre("E14"));
  judge.ends("DxgkDdiInterruptRoutine", nullptr, STATUS_SUCCESS, false, nullptr, 0);
  judge.begins("DxgkCbMapMemory", nullptr, kAdapter);
  EXPECT_EQ(broken.size(), 1u);
}

TEST_F(JudgeTest, EachCallbackTakesALiveHandle) {
  gpudmar::test::covers("E17");
  const auto finds = [&](const std::string& name, HANDLE adapter, NTSTATUS status = STATUS_SUCCESS) {
    broken.clear();
    irql = level_of(name);
    judge.begins(name, data_of(name), adapter);
    judge.ends(name, data_of(name), status, false, adapter);
    return broken;
  };
  for (const char* name :
       {"DxgkCbAcquirePostDisplayOwnership", "DxgkCbEvalAcpiMethod", "DxgkCbExcludeAdapterAccess",
        "DxgkCbGetDeviceInformation", "DxgkCbIndicateChildStatus", "DxgkCbIsDevicePresent", "DxgkCbMapMemory",
        "DxgkCbNotifyDpc", "DxgkCbNotifyInterrupt", "DxgkCbQueryServices", "DxgkCbQueueDpc",
        "DxgkCbReadDeviceSpace", "DxgkCbSynchronizeExecution", "DxgkCbUnmapMemory",
        "DxgkCbWriteDeviceSpace"}) {
    EXPECT_THAT(finds(name, kAdapter), IsEmpty()) << name;
    EXPECT_THAT(finds(name, kMember), IsEmpty()) << name;
    EXPECT_THAT(finds(name, kObject, STATUS_INVALID_PARAMETER), ElementsAre("E17")) << name;
  }
  EXPECT_THAT(finds("DxgkCbLogEtwEvent", nullptr), IsEmpty()) << "it takes none";
  EXPECT_THAT(finds("DxgkCbMapMemory", kAdapter, STATUS_INVALID_PARAMETER), ElementsAre("wdk.arguments"));
  EXPECT_THAT(finds("DxgkCbReadDeviceSpace", kAdapter, STATUS_INVALID_PARAMETER), IsEmpty())
      << "a device need not have that space";
}

TEST_F(JudgeTest, AnInterruptIsToldOfByItsMember) {
  gpudmar::test::covers("E17");
  for (const auto& [routine, name] : {std::pair{"DxgkDdiInterruptRoutine", "DxgkCbQueueDpc"},
                                      std::pair{"DxgkDdiInterruptRoutine", "DxgkCbNotifyInterrupt"},
                                      std::pair{"DxgkDdiDpcRoutine", "DxgkCbNotifyDpc"},
                                      std::pair{"DxgkDdiDpcRoutine", "DxgkCbQueueDpc"}}) {
    broken.clear();
    irql = level_of(name);
    judge.begins(routine, nullptr, nullptr, 1);
    for (const HANDLE adapter : {kMember, kAdapter}) {
      EXPECT_THAT(broken, IsEmpty()) << name;
      judge.begins(name, data_of(name), adapter);
      judge.ends(name, data_of(name), STATUS_SUCCESS, false, adapter);
    }
    EXPECT_THAT(broken, ElementsAre("E17")) << name;
    judge.ends(routine, nullptr, STATUS_SUCCESS, false, nullptr, 1);
  }
  broken.clear();
  judge.begins("DxgkDdiSubmitCommand", nullptr);
  judge.begins("DxgkCbQueueDpc", nullptr, kMember);
  EXPECT_THAT(broken, IsEmpty()) << "elsewhere any member's will do";
}

TEST_F(JudgeTest, ImportsOfADriverThatOptsIn) {
  gpudmar::test::covers("R226");
  DXGK_DRIVERCAPS caps{};
  DXGKARG_QUERYADAPTERINFO query{};
  query.Type = DXGKQAITYPE_DRIVERCAPS;
  query.pOutputData = &caps;
  query.OutputDataSize = sizeof(caps);
  auto with = hooks();
  with.forbidden_imports = {"MmProbeAndLockPages"};
  Judge forbidden(with);
  const auto answer = [&](Judge& by) {
    by.begins("DxgkDdiQueryAdapterInfo", &query);
    by.ends("DxgkDdiQueryAdapterInfo", &query, STATUS_SUCCESS, false);
  };
  answer(forbidden);
  EXPECT_THAT(broken, IsEmpty()) << "it does not opt in";
  EXPECT_EQ(forbidden.kept().count("R226"), 0u);
  caps.MemoryManagementCaps.IoMmuSecureModeSupported = 1;
  answer(judge);
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(judge.kept().at("R226"), 1u);
  query.Type = DXGKQAITYPE_PHYSICAL_MEMORY_CAPS;
  answer(forbidden);
  EXPECT_THAT(broken, IsEmpty()) << "not what was asked for";
  query.Type = DXGKQAITYPE_DRIVERCAPS;
  answer(forbidden);
  EXPECT_THAT(broken, ElementsAre("R226"));
}

TEST_F(JudgeTest, WhatOthersLookAt) {
  judge.look("E5");
  EXPECT_EQ(judge.kept().at("E5"), 1u);
  judge.note_broken("E5");
  EXPECT_EQ(judge.kept().count("E5"), 0u);
}

TEST_F(JudgeTest, EntryPoints) {
  gpudmar::test::covers("E3", "E10", "E11", "E17", "E19");
  judge.begins("DxgkDdiStartDevice", nullptr);
  judge.ends("DxgkDdiStartDevice", nullptr, STATUS_SUCCESS, false);
  judge.begins("DxgkDdiSetPowerState", nullptr);
  judge.ends("DxgkDdiSetPowerState", nullptr, STATUS_UNSUCCESSFUL, false);
  judge.begins("DxgkDdiSubmitCommand", nullptr);
  judge.ends("DxgkDdiSubmitCommand", nullptr, STATUS_UNSUCCESSFUL, false);
  judge.begins("DxgkDdiResetFromTimeout", nullptr);
  judge.ends("DxgkDdiResetFromTimeout", nullptr, STATUS_UNSUCCESSFUL, false);
  EXPECT_THAT(broken, ElementsAre("E19", "E3", "E10", "E11"));
  broken.clear();
  judge.begins("DxgkDdiStartDevice", nullptr);
  judge.begins("DxgkCbGetDeviceInformation", nullptr, kObject);
  judge.ends("DxgkCbGetDeviceInformation", nullptr, STATUS_INVALID_PARAMETER, false, kObject);
  irql = DISPATCH_LEVEL;
  judge.ends("DxgkDdiStartDevice", nullptr, STATUS_SUCCESS, false);
  EXPECT_THAT(broken, ElementsAre("E17", "wdk.irql"));
}

}  // namespace
