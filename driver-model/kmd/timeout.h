// SPDX-License-Identifier: Apache-2.0
// What the driver does when the system finds the device hung.
#pragma once

#include "driver-model/kmd/gdm.h"

/// No member of the link reads or writes memory afterwards, and none takes work until the restart.
NTSTATUS GdmResetFromTimeout(GDM_LINK* Link);
NTSTATUS GdmRestartFromTimeout(GDM_LINK* Link);
/// One node. STATUS_IO_TIMEOUT: it does not end, and the whole adapter has to be reset.
NTSTATUS GdmResetEngine(GDM_LINK* Link, DXGKARG_RESETENGINE* Args);
NTSTATUS GdmQueryEngineStatus(GDM_LINK* Link, DXGKARG_QUERYENGINESTATUS* Args);
NTSTATUS GdmQueryDependentEngineGroup(GDM_LINK* Link, DXGKARG_QUERYDEPENDENTENGINEGROUP* Args);
NTSTATUS GdmCollectDbgInfo(GDM_LINK* Link, const DXGKARG_COLLECTDBGINFO* Args);
