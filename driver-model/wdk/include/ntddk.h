// SPDX-License-Identifier: Apache-2.0
// The usual first include of a display miniport.
#pragma once

#include "ntddk_avl.h"
#include "wdm.h"
