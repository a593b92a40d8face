// SPDX-License-Identifier: Apache-2.0
// Only what dispmprt.h needs of it.
#pragma once

#include "dispmprt.h"
