// SPDX-License-Identifier: Apache-2.0
// The usual first include of file-system-aware drivers: here the same as ntddk.h.
#pragma once

#include "ntddk.h"
