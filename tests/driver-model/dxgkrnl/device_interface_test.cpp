// SPDX-License-Identifier: Apache-2.0
// The callbacks about the device and its surroundings, the table of each version, properties of the device.
#include <gmock/gmock.h>

#include <array>
#include <cstring>

#include "driver-model/dxgkrnl/bugcheck.h"
#include "driver-model/dxgkrnl/pci_config.h"
#include "tests/driver-model/dxgkrnl/modes.h"
#include "tests/support/covers.h"

namespace gpudmar::dxgkrnl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

struct Surroundings : ::testing::Test {
  void SetUp() override { ASSERT_EQ(s.start(), STATUS_SUCCESS) << s.kernel->start_error(); }
  [[nodiscard]] const DXGKRNL_INTERFACE& table() const { return s.table(0); }
  [[nodiscard]] HANDLE handle() const { return table().DeviceHandle; }
  System s;
};

TEST_F(Surroundings, ConfigurationSpaceSaysWhatTheDeviceIs) {
  std::array<UCHAR, 300> space{};
  ULONG bytes = 0;
  const auto read = [&](ULONG offset, ULONG length, ULONG type = DXGK_WHICHSPACE_CONFIG) {
    return table().DxgkCbReadDeviceSpace(handle(), type, space.data(), offset, length, &bytes);
  };
  const auto word = [&](std::size_t at) { return static_cast<unsigned>(space[at] | space[at + 1] << 8); };
  ASSERT_EQ(read(0, 300), STATUS_SUCCESS);
  EXPECT_EQ(bytes, 256U) << "what there is";
  EXPECT_EQ(word(0), pci::kVendor);
  EXPECT_EQ(word(2), pci::kDevice);
  EXPECT_EQ(word(4) & 6U, 6U) << "memory space and bus master";
  EXPECT_EQ(space[0x0B], pci::kClass);
  std::uint64_t bar = 0;
  std::memcpy(&bar, &space[0x10], sizeof(bar));
  EXPECT_EQ(bar, s.machine.bars[0]->base() | 4);
  const unsigned message = space[0x34];
  EXPECT_EQ(space[message], 5);
  EXPECT_EQ(word(message + 2) & 1U, 1U) << "enabled";
  std::uint32_t target = 0;
  std::memcpy(&target, &space[message + 4], sizeof(target));
  EXPECT_EQ(target, hw::kInterruptWindowBase);
  ASSERT_EQ(read(2, 2), STATUS_SUCCESS);
  EXPECT_EQ(bytes, 2U);
  EXPECT_EQ(word(0), pci::kDevice);
  EXPECT_EQ(read(256, 1), STATUS_INVALID_PARAMETER);
  EXPECT_EQ(read(0, 4, DXGK_WHICHSPACE_ROM), STATUS_NOT_SUPPORTED);
  EXPECT_EQ(bytes, 0U);
  EXPECT_EQ(table().DxgkCbWriteDeviceSpace(handle(), DXGK_WHICHSPACE_CONFIG, space.data(), 4, 2, &bytes),
            STATUS_NOT_SUPPORTED);
  EXPECT_EQ(table().DxgkCbReadDeviceSpace(&s, 0, space.data(), 0, 4, &bytes), STATUS_INVALID_PARAMETER);
}

TEST_F(Surroundings, PresenceIsByWhatIsAskedFor) {
  PCI_DEVICE_PRESENCE_PARAMETERS wanted{};
  wanted.Size = sizeof(wanted);
  BOOLEAN present = FALSE;
  const auto ask = [&] {
    EXPECT_EQ(table().DxgkCbIsDevicePresent(handle(), &wanted, &present), STATUS_SUCCESS);
    return present != FALSE;
  };
  wanted.Flags = PCI_USE_VENDEV_IDS;
  EXPECT_FALSE(ask());
  wanted.VendorID = pci::kVendor;
  wanted.DeviceID = pci::kDevice;
  EXPECT_TRUE(ask());
  wanted.Flags |= PCI_USE_CLASS_SUBCLASS;
  EXPECT_FALSE(ask());
  wanted.BaseClass = pci::kClass;
  wanted.SubClass = pci::kSubclass;
  wanted.Flags |= PCI_USE_LOCAL_BUS | PCI_USE_LOCAL_DEVICE;
  EXPECT_TRUE(ask()) << "itself";
  wanted.Size = 4;
  EXPECT_EQ(table().DxgkCbIsDevicePresent(handle(), &wanted, &present), STATUS_INVALID_PARAMETER);
}

TEST_F(Surroundings, WhatThisMachineLacksIsRefusedAndNoted) {
  DXGK_CHILD_STATUS child{};
  EXPECT_EQ(table().DxgkCbIndicateChildStatus(handle(), &child), STATUS_INVALID_PARAMETER)
      << "StartDevice said that there are no children";
  INTERFACE interface {};
  EXPECT_EQ(table().DxgkCbQueryServices(handle(), DxgkServicesAgp, &interface), STATUS_NOT_SUPPORTED);
  EXPECT_EQ(table().DxgkCbEvalAcpiMethod(handle(), DISPLAY_ADAPTER_HW_ID, nullptr, 0, nullptr, 0),
            STATUS_NOT_SUPPORTED);
  EXPECT_THAT(s.kernel->warnings(), Contains(HasSubstr("DxgkCbEvalAcpiMethod")));
  DXGK_DISPLAY_INFORMATION display{};
  display.Width = 640;
  EXPECT_EQ(table().DxgkCbAcquirePostDisplayOwnership(handle(), &display), STATUS_SUCCESS);
  EXPECT_EQ(display.Width, 0U) << "no frame buffer of the firmware's";
  GUID event{};
  table().DxgkCbLogEtwEvent(&event, 0, 8, &event);
  EXPECT_EQ(s.kernel->calls().counts()["DxgkCbLogEtwEvent"], 1U);
  const auto raised = bugcheck_of([&] {
    const KIRQL old = KeRaiseIrqlToDpcLevel();
    try {
      (void)table().DxgkCbQueryServices(handle(), DxgkServicesAgp, &interface);
    } catch (...) {
      KeLowerIrql(old);
      throw;
    }
  });
  EXPECT_EQ(raised.first, bugcheck::kVideoDxgkrnlFatalError);
}

// A driver casts the entry to its kit's type and calls it: it gets an answer and no crash.
TEST_F(Surroundings, UndeclaredCallbacksAnswer) {
  using Status = NTSTATUS (*)(HANDLE, ULONG);
  using Pointer = PVOID (*)(const void*);
  EXPECT_EQ(reinterpret_cast<Status>(table().DxgkCbSetPowerComponentActive)(handle(), 0),
            STATUS_NOT_SUPPORTED);
  EXPECT_EQ(reinterpret_cast<Pointer>(table().DxgkCbGetHandleData)(&s), nullptr);
  EXPECT_THAT(s.kernel->warnings(), Contains(HasSubstr("DxgkCbGetHandleData")));
}

TEST(InterfaceTable, IsFullAsFarAsItsVersionGoes) {
  for (const auto& [version, bytes] : {std::pair<ULONG, ULONG>{DXGKDDI_INTERFACE_VERSION_WDDM2_4, 0x1C8},
                                       {DXGKDDI_INTERFACE_VERSION_WDDM2_9, 0x238},
                                       {DXGKDDI_INTERFACE_VERSION_WDDM3_0, 0x238},
                                       {DXGKDDI_INTERFACE_VERSION_WDDM3_1, 0x240}}) {
    DXGKRNL_INTERFACE table{};
    fill_interface(table, &table, version);
    EXPECT_EQ(table.Size, bytes);
    std::array<void*, sizeof(table) / sizeof(void*)> words{};
    std::memcpy(words.data(), &table, sizeof(table));
    for (std::size_t i = 2; i < words.size(); ++i)
      EXPECT_EQ(words[i] != nullptr, i * sizeof(void*) < bytes)
          << std::hex << version << " at " << i * sizeof(void*);
  }
}

TEST_F(Surroundings, PropertiesOfTheDevice) {
  PDEVICE_OBJECT device = s.kernel->functions()[1]->device_object();
  ULONG value = 0;
  ULONG length = 0;
  ASSERT_EQ(IoGetDeviceProperty(device, DevicePropertyBusNumber, sizeof(value), &value, &length),
            STATUS_SUCCESS);
  EXPECT_EQ(value, 2U);
  EXPECT_EQ(length, sizeof(value));
  ASSERT_EQ(IoGetDeviceProperty(device, DevicePropertyAddress, sizeof(value), &value, &length),
            STATUS_SUCCESS);
  EXPECT_EQ(value, 0U);
  EXPECT_EQ(IoGetDeviceProperty(device, DevicePropertyHardwareID, 0, nullptr, &length),
            STATUS_BUFFER_TOO_SMALL);
  std::vector<WCHAR> text(length / sizeof(WCHAR));
  ASSERT_EQ(IoGetDeviceProperty(device, DevicePropertyHardwareID, length, text.data(), &length),
            STATUS_SUCCESS);
  EXPECT_EQ(std::u16string(text.begin(), text.end() - 2), u"PCI\\VEN_1234&DEV_4744");
  EXPECT_EQ(IoGetDeviceProperty(device, DevicePropertyUINumber, sizeof(value), &value, &length),
            STATUS_OBJECT_NAME_NOT_FOUND);
  EXPECT_EQ(
      IoGetDeviceProperty(reinterpret_cast<PDEVICE_OBJECT>(&s), DevicePropertyAddress, 4, &value, &length),
      STATUS_INVALID_DEVICE_REQUEST);
}

NTSTATUS display_only_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path) {
  static KMDDOD_INITIALIZATION_DATA data{};
  static const auto add = [](IN_CONST_PDEVICE_OBJECT, OUT_PPVOID context) -> NTSTATUS {
    *context = nullptr;
    return STATUS_SUCCESS;
  };
  data.Version = DXGKDDI_INTERFACE_VERSION;
  data.DxgkDdiAddDevice = add;
  data.DxgkDdiStartDevice = [](IN_CONST_PVOID, IN_PDXGK_START_INFO, IN_PDXGKRNL_INTERFACE, OUT_PULONG,
                               OUT_PULONG) -> NTSTATUS { return STATUS_SUCCESS; };
  data.DxgkDdiStopDevice =
      data.DxgkDdiRemoveDevice = [](IN_CONST_PVOID) -> NTSTATUS { return STATUS_SUCCESS; };
  data.DxgkDdiQueryAdapterInfo = [](IN_CONST_HANDLE, IN_CONST_PDXGKARG_QUERYADAPTERINFO) -> NTSTATUS {
    return STATUS_NOT_SUPPORTED;
  };
  data.DxgkDdiPresentDisplayOnly = display_only_entry;  // any function
  EXPECT_EQ(DxgkInitializeDisplayOnlyDriver(driver, path, nullptr), STATUS_INVALID_PARAMETER);
  return DxgkInitializeDisplayOnlyDriver(driver, path, &data);
}

TEST(DisplayOnly, RegistersItsEntriesUnderTheirNames) {
  test::ModelMachine machine;
  Kernel kernel(machine.platform(), {});
  ASSERT_EQ(kernel.load(display_only_entry), STATUS_SUCCESS);
  EXPECT_NE(kernel.driver().DxgkDdiStartDevice, nullptr);
  EXPECT_EQ(kernel.driver().DxgkDdiBuildPagingBuffer, nullptr);
  EXPECT_EQ(kernel.driver().Version, static_cast<ULONG>(DXGKDDI_INTERFACE_VERSION));
  kernel.unload();
}

}  // namespace
}  // namespace gpudmar::dxgkrnl
