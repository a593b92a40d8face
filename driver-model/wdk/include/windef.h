// SPDX-License-Identifier: Apache-2.0
// Named by drivers that were written against the kit; the types stand in ntdef.h.
#pragma once

#include "ntdef.h"
