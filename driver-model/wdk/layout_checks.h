// SPDX-License-Identifier: Apache-2.0
// Compile-time checks of offsets and sizes; used by the layout_checks_*.cpp files, which are built for every
// interface version that the kit knows.
#pragma once

#include <cstddef>

#include "dispmprt.h"

#define GPUDMAR_OFFSET(type, member, offset) \
  static_assert(offsetof(type, member) == (offset), #type "." #member " is not at byte " #offset)
#define GPUDMAR_SIZE(type, bytes) \
  static_assert(sizeof(type) == (bytes), #type " is not " #bytes " bytes long")
