// SPDX-License-Identifier: Apache-2.0
// Part of wdm.h: structured exception handling for drivers that `make kmd` builds. There are no hardware
// exceptions: the handler is compiled and never runs, __finally runs after the block was left at its end or
// by
// __leave. Not by `return`, `goto` or a C++ exception.
#pragma once

#ifdef GPUDMAR_KMD
#undef __try
#undef __except
#undef __finally
#undef __leave
#define __try for (int gpudmar_seh_once = 1; gpudmar_seh_once != 0; gpudmar_seh_once = 0)
// A space before the parenthesis would make it part of the replacement:
// clang-format off
#define __except(filter) if (0 && ((filter), 1))
// clang-format on
#define __finally
// Of the innermost loop or switch, which has to be the __try itself.
#define __leave break

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)
#define GetExceptionCode() ((ULONG)STATUS_SUCCESS)
#define exception_code() GetExceptionCode()
#define GetExceptionInformation() ((struct _EXCEPTION_POINTERS*)0)
#define AbnormalTermination() 0
#endif
