// SPDX-License-Identifier: Apache-2.0
// Order of the two big tables: the callbacks a driver receives and the entry points it registers.
#include "driver-model/wdk/layout_checks.h"

#define AT(member, offset) GPUDMAR_OFFSET(DXGKRNL_INTERFACE, member, offset)
AT(Size, 0x0);
AT(Version, 0x4);
AT(DeviceHandle, 0x8);
AT(DxgkCbEvalAcpiMethod, 0x10);
AT(DxgkCbGetDeviceInformation, 0x18);
AT(DxgkCbIndicateChildStatus, 0x20);
AT(DxgkCbMapMemory, 0x28);
AT(DxgkCbQueueDpc, 0x30);
AT(DxgkCbQueryServices, 0x38);
AT(DxgkCbReadDeviceSpace, 0x40);
AT(DxgkCbSynchronizeExecution, 0x48);
AT(DxgkCbUnmapMemory, 0x50);
AT(DxgkCbWriteDeviceSpace, 0x58);
AT(DxgkCbIsDevicePresent, 0x60);
AT(DxgkCbGetHandleData, 0x68);
AT(DxgkCbGetHandleParent, 0x70);
AT(DxgkCbEnumHandleChildren, 0x78);
AT(DxgkCbNotifyInterrupt, 0x80);
AT(DxgkCbNotifyDpc, 0x88);
AT(DxgkCbQueryVidPnInterface, 0x90);
AT(DxgkCbQueryMonitorInterface, 0x98);
AT(DxgkCbGetCaptureAddress, 0xA0);
AT(DxgkCbLogEtwEvent, 0xA8);
AT(DxgkCbExcludeAdapterAccess, 0xB0);
AT(DxgkCbCreateContextAllocation, 0xB8);
AT(DxgkCbDestroyContextAllocation, 0xC0);
AT(DxgkCbSetPowerComponentActive, 0xC8);
AT(DxgkCbSetPowerComponentIdle, 0xD0);
AT(DxgkCbAcquirePostDisplayOwnership, 0xD8);
AT(DxgkCbPowerRuntimeControlRequest, 0xE0);
AT(DxgkCbSetPowerComponentLatency, 0xE8);
AT(DxgkCbSetPowerComponentResidency, 0xF0);
AT(DxgkCbCompleteFStateTransition, 0xF8);
AT(DxgkCbCompletePStateTransition, 0x100);
AT(DxgkCbMapContextAllocation, 0x108);
AT(DxgkCbUpdateContextAllocation, 0x110);
AT(DxgkCbReserveGpuVirtualAddressRange, 0x118);
AT(DxgkCbAcquireHandleData, 0x120);
AT(DxgkCbReleaseHandleData, 0x128);
AT(DxgkCbHardwareContentProtectionTeardown, 0x130);
AT(DxgkCbMultiPlaneOverlayDisabled, 0x138);
AT(DxgkCbMitigatedRangeUpdate, 0x140);
AT(DxgkCbInvalidateHwContext, 0x148);
AT(DxgkCbIndicateConnectorChange, 0x150);
AT(DxgkCbUnblockUEFIFrameBufferRanges, 0x158);
AT(DxgkCbAcquirePostDisplayOwnership2, 0x160);
AT(DxgkCbSetProtectedSessionStatus, 0x168);
AT(DxgkCbAllocateContiguousMemory, 0x170);
AT(DxgkCbFreeContiguousMemory, 0x178);
AT(DxgkCbAllocatePagesForMdl, 0x180);
AT(DxgkCbFreePagesFromMdl, 0x188);
AT(DxgkCbPinFrameBufferForSave, 0x190);
AT(DxgkCbUnpinFrameBufferForSave, 0x198);
AT(DxgkCbMapFrameBufferPointer, 0x1A0);
AT(DxgkCbUnmapFrameBufferPointer, 0x1A8);
AT(DxgkCbMapMdlToIoMmu, 0x1B0);
AT(DxgkCbUnmapMdlFromIoMmu, 0x1B8);
AT(DxgkCbReportDiagnostic, 0x1C0);
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_5
AT(DxgkCbSignalEvent, 0x1C8);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6
AT(DxgkCbIsFeatureEnabled, 0x1D0);
AT(DxgkCbSaveMemoryForHotUpdate, 0x1D8);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_8
AT(DxgkCbNotifyCursorSupportChange, 0x1E0);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9
AT(DxgkCbQueryFeatureSupport, 0x1E8);
AT(DxgkCbCreatePhysicalMemoryObject, 0x1F0);
AT(DxgkCbDestroyPhysicalMemoryObject, 0x1F8);
AT(DxgkCbMapPhysicalMemory, 0x200);
AT(DxgkCbUnmapPhysicalMemory, 0x208);
AT(DxgkCbAllocateAdl, 0x210);
AT(DxgkCbFreeAdl, 0x218);
AT(DxgkCbOpenPhysicalMemoryObject, 0x220);
AT(DxgkCbClosePhysicalMemoryObject, 0x228);
AT(DxgkCbPinFrameBufferForSave2, 0x230);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1
AT(DxgkCbDisconnectDoorbell, 0x238);
GPUDMAR_SIZE(DXGKRNL_INTERFACE, 0x240);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9
GPUDMAR_SIZE(DXGKRNL_INTERFACE, 0x238);
#elif DXGKDDI_INTERFACE_VERSION < DXGKDDI_INTERFACE_VERSION_WDDM2_5
GPUDMAR_SIZE(DXGKRNL_INTERFACE, 0x1C8);
#endif
#undef AT

#define AT(member, index) GPUDMAR_OFFSET(DRIVER_INITIALIZATION_DATA, member, 8 * (index))
AT(Version, 0);
AT(DxgkDdiAddDevice, 1);
AT(DxgkDdiStartDevice, 2);
AT(DxgkDdiStopDevice, 3);
AT(DxgkDdiRemoveDevice, 4);
AT(DxgkDdiDispatchIoRequest, 5);
AT(DxgkDdiInterruptRoutine, 6);
AT(DxgkDdiDpcRoutine, 7);
AT(DxgkDdiQueryChildRelations, 8);
AT(DxgkDdiQueryChildStatus, 9);
AT(DxgkDdiQueryDeviceDescriptor, 10);
AT(DxgkDdiSetPowerState, 11);
AT(DxgkDdiNotifyAcpiEvent, 12);
AT(DxgkDdiResetDevice, 13);
AT(DxgkDdiUnload, 14);
AT(DxgkDdiQueryInterface, 15);
AT(DxgkDdiControlEtwLogging, 16);
AT(DxgkDdiQueryAdapterInfo, 17);
AT(DxgkDdiCreateDevice, 18);
AT(DxgkDdiCreateAllocation, 19);
AT(DxgkDdiDestroyAllocation, 20);
AT(DxgkDdiDescribeAllocation, 21);
AT(DxgkDdiGetStandardAllocationDriverData, 22);
AT(DxgkDdiAcquireSwizzlingRange, 23);
AT(DxgkDdiReleaseSwizzlingRange, 24);
AT(DxgkDdiPatch, 25);
AT(DxgkDdiSubmitCommand, 26);
AT(DxgkDdiPreemptCommand, 27);
AT(DxgkDdiBuildPagingBuffer, 28);
AT(DxgkDdiSetPalette, 29);
AT(DxgkDdiSetPointerPosition, 30);
AT(DxgkDdiSetPointerShape, 31);
AT(DxgkDdiResetFromTimeout, 32);
AT(DxgkDdiRestartFromTimeout, 33);
AT(DxgkDdiEscape, 34);
AT(DxgkDdiCollectDbgInfo, 35);
AT(DxgkDdiQueryCurrentFence, 36);
AT(DxgkDdiIsSupportedVidPn, 37);
AT(DxgkDdiRecommendFunctionalVidPn, 38);
AT(DxgkDdiEnumVidPnCofuncModality, 39);
AT(DxgkDdiSetVidPnSourceAddress, 40);
AT(DxgkDdiSetVidPnSourceVisibility, 41);
AT(DxgkDdiCommitVidPn, 42);
AT(DxgkDdiUpdateActiveVidPnPresentPath, 43);
AT(DxgkDdiRecommendMonitorModes, 44);
AT(DxgkDdiRecommendVidPnTopology, 45);
AT(DxgkDdiGetScanLine, 46);
AT(DxgkDdiStopCapture, 47);
AT(DxgkDdiControlInterrupt, 48);
AT(DxgkDdiCreateOverlay, 49);
AT(DxgkDdiDestroyDevice, 50);
AT(DxgkDdiOpenAllocation, 51);
AT(DxgkDdiCloseAllocation, 52);
AT(DxgkDdiRender, 53);
AT(DxgkDdiPresent, 54);
AT(DxgkDdiUpdateOverlay, 55);
AT(DxgkDdiFlipOverlay, 56);
AT(DxgkDdiDestroyOverlay, 57);
AT(DxgkDdiCreateContext, 58);
AT(DxgkDdiDestroyContext, 59);
AT(DxgkDdiLinkDevice, 60);
AT(DxgkDdiSetDisplayPrivateDriverFormat, 61);
AT(DxgkDdiDescribePageTable, 62);
AT(DxgkDdiUpdatePageTable, 63);
AT(DxgkDdiUpdatePageDirectory, 64);
AT(DxgkDdiMovePageDirectory, 65);
AT(DxgkDdiSubmitRender, 66);
AT(DxgkDdiCreateAllocation2, 67);
AT(DxgkDdiRenderKm, 68);
AT(Reserved, 69);
AT(DxgkDdiQueryVidPnHWCapability, 70);
AT(DxgkDdiSetPowerComponentFState, 71);
AT(DxgkDdiQueryDependentEngineGroup, 72);
AT(DxgkDdiQueryEngineStatus, 73);
AT(DxgkDdiResetEngine, 74);
AT(DxgkDdiStopDeviceAndReleasePostDisplayOwnership, 75);
AT(DxgkDdiSystemDisplayEnable, 76);
AT(DxgkDdiSystemDisplayWrite, 77);
AT(DxgkDdiCancelCommand, 78);
AT(DxgkDdiGetChildContainerId, 79);
AT(DxgkDdiPowerRuntimeControlRequest, 80);
AT(DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay, 81);
AT(DxgkDdiNotifySurpriseRemoval, 82);
AT(DxgkDdiGetNodeMetadata, 83);
AT(DxgkDdiSetPowerPState, 84);
AT(DxgkDdiControlInterrupt2, 85);
AT(DxgkDdiCheckMultiPlaneOverlaySupport, 86);
AT(DxgkDdiCalibrateGpuClock, 87);
AT(DxgkDdiFormatHistoryBuffer, 88);
AT(DxgkDdiRenderGdi, 89);
AT(DxgkDdiSubmitCommandVirtual, 90);
AT(DxgkDdiSetRootPageTable, 91);
AT(DxgkDdiGetRootPageTableSize, 92);
AT(DxgkDdiMapCpuHostAperture, 93);
AT(DxgkDdiUnmapCpuHostAperture, 94);
AT(DxgkDdiCheckMultiPlaneOverlaySupport2, 95);
AT(DxgkDdiCreateProcess, 96);
AT(DxgkDdiDestroyProcess, 97);
AT(DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay2, 98);
AT(Reserved1, 99);
AT(Reserved2, 100);
AT(DxgkDdiPowerRuntimeSetDeviceHandle, 101);
AT(DxgkDdiSetStablePowerState, 102);
AT(DxgkDdiSetVideoProtectedRegion, 103);
AT(DxgkDdiCheckMultiPlaneOverlaySupport3, 104);
AT(DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay3, 105);
AT(DxgkDdiPostMultiPlaneOverlayPresent, 106);
AT(DxgkDdiValidateUpdateAllocationProperty, 107);
AT(DxgkDdiControlModeBehavior, 108);
AT(DxgkDdiUpdateMonitorLinkInfo, 109);
AT(DxgkDdiCreateHwContext, 110);
AT(DxgkDdiDestroyHwContext, 111);
AT(DxgkDdiCreateHwQueue, 112);
AT(DxgkDdiDestroyHwQueue, 113);
AT(DxgkDdiSubmitCommandToHwQueue, 114);
AT(DxgkDdiSwitchToHwContextList, 115);
AT(DxgkDdiResetHwEngine, 116);
AT(DxgkDdiCreatePeriodicFrameNotification, 117);
AT(DxgkDdiDestroyPeriodicFrameNotification, 118);
AT(DxgkDdiSetTimingsFromVidPn, 119);
AT(DxgkDdiSetTargetGamma, 120);
AT(DxgkDdiSetTargetContentType, 121);
AT(DxgkDdiSetTargetAnalogCopyProtection, 122);
AT(DxgkDdiSetTargetAdjustedColorimetry, 123);
AT(DxgkDdiDisplayDetectControl, 124);
AT(DxgkDdiQueryConnectionChange, 125);
AT(DxgkDdiExchangePreStartInfo, 126);
AT(DxgkDdiGetMultiPlaneOverlayCaps, 127);
AT(DxgkDdiGetPostCompositionCaps, 128);
AT(DxgkDdiUpdateHwContextState, 129);
AT(DxgkDdiCreateProtectedSession, 130);
AT(DxgkDdiDestroyProtectedSession, 131);
AT(DxgkDdiSetSchedulingLogBuffer, 132);
AT(DxgkDdiSetupPriorityBands, 133);
AT(DxgkDdiNotifyFocusPresent, 134);
AT(DxgkDdiSetContextSchedulingProperties, 135);
AT(DxgkDdiSuspendContext, 136);
AT(DxgkDdiResumeContext, 137);
AT(DxgkDdiSetVirtualMachineData, 138);
AT(DxgkDdiBeginExclusiveAccess, 139);
AT(DxgkDdiEndExclusiveAccess, 140);
AT(DxgkDdiQueryDiagnosticTypesSupport, 141);
AT(DxgkDdiControlDiagnosticReporting, 142);
AT(DxgkDdiResumeHwEngine, 143);
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_5
AT(DxgkDdiSignalMonitoredFence, 144);
AT(DxgkDdiPresentToHwQueue, 145);
AT(DxgkDdiValidateSubmitCommand, 146);
AT(DxgkDdiSetTargetAdjustedColorimetry2, 147);
AT(DxgkDdiSetTrackedWorkloadPowerLevel, 148);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6
AT(DxgkDdiSaveMemoryForHotUpdate, 149);
AT(DxgkDdiRestoreMemoryForHotUpdate, 150);
AT(DxgkDdiCollectDiagnosticInfo, 151);
AT(Reserved3, 152);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_7
AT(DxgkDdiControlInterrupt3, 153);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9
AT(DxgkDdiSetFlipQueueLogBuffer, 154);
AT(DxgkDdiUpdateFlipQueueLog, 155);
AT(DxgkDdiCancelQueuedFlips, 156);
AT(DxgkDdiSetInterruptTargetPresentId, 157);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_0
AT(DxgkDdiSetAllocationBackingStore, 158);
AT(DxgkDdiCreateCpuEvent, 159);
AT(DxgkDdiDestroyCpuEvent, 160);
AT(DxgkDdiCancelFlips, 161);
#endif
#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1
AT(DxgkDdiCreateNativeFence, 162);
AT(DxgkDdiDestroyNativeFence, 163);
AT(DxgkDdiUpdateMonitoredValues, 164);
AT(DxgkDdiNotifyCurrentValueUpdates, 165);
AT(DxgkDdiCreateDoorbell, 166);
AT(DxgkDdiConnectDoorbell, 167);
AT(DxgkDdiDisconnectDoorbell, 168);
AT(DxgkDdiDestroyDoorbell, 169);
AT(DxgkDdiNotifyWorkSubmission, 170);
AT(DxgkDdiFlushHwQueue, 171);
#endif
#undef AT

#if DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_1
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x560);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM3_0
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x510);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_9
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x4F0);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_7
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x4D0);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_6
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x4C8);
#elif DXGKDDI_INTERFACE_VERSION >= DXGKDDI_INTERFACE_VERSION_WDDM2_5
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x4A8);
#else
GPUDMAR_SIZE(DRIVER_INITIALIZATION_DATA, 0x480);
#endif

#define AT(member, index) GPUDMAR_OFFSET(KMDDOD_INITIALIZATION_DATA, member, 8 * (index))
AT(Version, 0);
AT(DxgkDdiAddDevice, 1);
AT(DxgkDdiStartDevice, 2);
AT(DxgkDdiStopDevice, 3);
AT(DxgkDdiRemoveDevice, 4);
AT(DxgkDdiDispatchIoRequest, 5);
AT(DxgkDdiInterruptRoutine, 6);
AT(DxgkDdiDpcRoutine, 7);
AT(DxgkDdiQueryChildRelations, 8);
AT(DxgkDdiQueryChildStatus, 9);
AT(DxgkDdiQueryDeviceDescriptor, 10);
AT(DxgkDdiSetPowerState, 11);
AT(DxgkDdiNotifyAcpiEvent, 12);
AT(DxgkDdiResetDevice, 13);
AT(DxgkDdiUnload, 14);
AT(DxgkDdiQueryInterface, 15);
AT(DxgkDdiControlEtwLogging, 16);
AT(DxgkDdiQueryAdapterInfo, 17);
AT(DxgkDdiSetPalette, 18);
AT(DxgkDdiSetPointerPosition, 19);
AT(DxgkDdiSetPointerShape, 20);
AT(DxgkDdiEscape, 21);
AT(DxgkDdiCollectDbgInfo, 22);
AT(DxgkDdiIsSupportedVidPn, 23);
AT(DxgkDdiRecommendFunctionalVidPn, 24);
AT(DxgkDdiEnumVidPnCofuncModality, 25);
AT(DxgkDdiSetVidPnSourceVisibility, 26);
AT(DxgkDdiCommitVidPn, 27);
AT(DxgkDdiUpdateActiveVidPnPresentPath, 28);
AT(DxgkDdiRecommendMonitorModes, 29);
AT(DxgkDdiGetScanLine, 30);
AT(DxgkDdiQueryVidPnHWCapability, 31);
AT(DxgkDdiPresentDisplayOnly, 32);
AT(DxgkDdiStopDeviceAndReleasePostDisplayOwnership, 33);
AT(DxgkDdiSystemDisplayEnable, 34);
AT(DxgkDdiSystemDisplayWrite, 35);
AT(DxgkDdiGetChildContainerId, 36);
AT(DxgkDdiControlInterrupt, 37);
AT(DxgkDdiSetPowerComponentFState, 38);
AT(DxgkDdiPowerRuntimeControlRequest, 39);
AT(DxgkDdiNotifySurpriseRemoval, 40);
AT(DxgkDdiPowerRuntimeSetDeviceHandle, 41);
#undef AT
GPUDMAR_SIZE(KMDDOD_INITIALIZATION_DATA, 336);
