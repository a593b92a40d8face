// SPDX-License-Identifier: Apache-2.0
// Nothing of it is here; dispmprt.h of the kit includes it.
#pragma once

#include "ntdef.h"
