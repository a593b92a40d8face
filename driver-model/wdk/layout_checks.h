// SPDX-License-Identifier: Apache-2.0
// Compile-time checks of offsets and sizes; used by the layout_checks_*.cpp files, which are built for every
// interface version that the kit knows.
#pragma once

#include "dispmprt.h"

#ifdef __cplusplus
#define GPUDMAR_CHECK(what, text) static_assert(what, text)
#else
#define GPUDMAR_CHECK(what, text) _Static_assert(what, text)
#endif
#define GPUDMAR_OFFSET(type, member, offset) \
  GPUDMAR_CHECK(offsetof(type, member) == (offset), #type "." #member " is not at byte " #offset)
#define GPUDMAR_SIZE(type, bytes) \
  GPUDMAR_CHECK(sizeof(type) == (bytes), #type " is not " #bytes " bytes long")
