// SPDX-License-Identifier: Apache-2.0
// DEFINE_GUID: may be included again after initguid.h.
#include "ntdef.h"

#undef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
  EXTERN_C_START extern const GUID DECLSPEC_SELECTANY name;          \
  const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}};   \
  EXTERN_C_END typedef int name##_defined
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
  EXTERN_C_START extern const GUID name;                             \
  EXTERN_C_END typedef int name##_declared
#endif

#ifndef GPUDMAR_GUID_EQUAL
#define GPUDMAR_GUID_EQUAL
#define IsEqualGUID(a, b) (!memcmp((a), (b), sizeof(GUID)))
#endif
