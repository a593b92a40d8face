// SPDX-License-Identifier: Apache-2.0
// After this header DEFINE_GUID defines instead of declaring.
#ifndef INITGUID
#define INITGUID
#endif
#include "guiddef.h"
