// SPDX-License-Identifier: Apache-2.0
// Part of wdm.h: counted strings, memory helpers, exceptions that are raised.
#pragma once

#include "wdm.h"

EXTERN_C_START

// ---- Counted strings
// ---------------------------------------------------------------------------------------

#define UNICODE_NULL ((WCHAR)0)
#define ANSI_NULL ((CHAR)0)
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)
#define UNICODE_STRING_MAX_CHARS 32767
#define DECLARE_UNICODE_STRING_SIZE(var, size) \
  WCHAR var##_buffer[size];                    \
  UNICODE_STRING var = {0, (USHORT)((size) * sizeof(WCHAR)), var##_buffer}

typedef const STRING* PCSTRING;
typedef const ANSI_STRING* PCANSI_STRING;
typedef const char* PCSZ;

VOID RtlInitString(PSTRING DestinationString, PCSZ SourceString);
VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString);
/// Refuse what is too long for a counted string (STATUS_NAME_TOO_LONG).
NTSTATUS RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSZ SourceString);
NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString);
FORCEINLINE VOID RtlInitEmptyUnicodeString(PUNICODE_STRING UnicodeString, PWCHAR Buffer, USHORT BufferSize) {
  UnicodeString->Length = 0;
  UnicodeString->MaximumLength = BufferSize;
  UnicodeString->Buffer = Buffer;
}
FORCEINLINE VOID RtlInitEmptyAnsiString(PANSI_STRING AnsiString, PCHAR Buffer, USHORT BufferSize) {
  AnsiString->Length = 0;
  AnsiString->MaximumLength = BufferSize;
  AnsiString->Buffer = Buffer;
}
/// As much as the destination holds; a terminator if there is room for it.
VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);
LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);

// ---- Memory
// ---------------------------------------------------------------------------------------

#define RtlCopyBytes RtlCopyMemory
#define RtlZeroBytes RtlZeroMemory
#define RtlFillBytes RtlFillMemory
#define RtlCopyMemoryNonTemporal RtlCopyMemory
/// Of whole ULONGs that equal the pattern, in bytes.
FORCEINLINE SIZE_T RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern) {
  SIZE_T count = 0;
  while (count < Length / sizeof(ULONG) && ((PULONG)Source)[count] == Pattern) ++count;
  return count * sizeof(ULONG);
}
FORCEINLINE VOID RtlFillMemoryUlong(PVOID Destination, SIZE_T Length, ULONG Pattern) {
  for (SIZE_T i = 0; i < Length / sizeof(ULONG); ++i) ((PULONG)Destination)[i] = Pattern;
}
/// Not left out by the compiler, even where nobody reads the memory again.
FORCEINLINE PVOID RtlSecureZeroMemory(PVOID ptr, SIZE_T cnt) {
  volatile UCHAR* bytes = (volatile UCHAR*)ptr;
  while (cnt-- != 0) *bytes++ = 0;
  return ptr;
}

// ---- Raising. Nothing catches it here, so that it is a rule that the driver broke
// ---------------------------------------------------------------------------------------

DECLSPEC_NORETURN VOID ExRaiseStatus(NTSTATUS Status);
DECLSPEC_NORETURN VOID ExRaiseAccessViolation(VOID);
DECLSPEC_NORETURN VOID ExRaiseDatatypeMisalignment(VOID);
DECLSPEC_NORETURN VOID RtlRaiseStatus(NTSTATUS Status);

#ifndef TYPE_ALIGNMENT
#define TYPE_ALIGNMENT(t) __alignof__(t)
#endif
/// Of memory of a process: below the kernel's, aligned, there.
VOID ProbeForRead(const volatile VOID* Address, SIZE_T Length, ULONG Alignment);
VOID ProbeForWrite(volatile VOID* Address, SIZE_T Length, ULONG Alignment);

#define FAST_FAIL_INVALID_ARG 5
#define FAST_FAIL_FATAL_APP_EXIT 7
#define FAST_FAIL_INVALID_REFERENCE_COUNT 14
#define KERNEL_SECURITY_CHECK_FAILURE ((ULONG)0x00000139)
// Clang has one of its own, which would end the program.
#undef __fastfail
#define __fastfail(Code) KeBugCheckEx(KERNEL_SECURITY_CHECK_FAILURE, (Code), 0, 0, 0)
#define RtlFailFast(Code) __fastfail(Code)
DECLSPEC_NORETURN VOID KeBugCheck(ULONG BugCheckCode);

EXTERN_C_END
