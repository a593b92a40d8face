// SPDX-License-Identifier: Apache-2.0
// Basic Windows types for a 64-bit little-endian host: `long` types stay 32 bits wide on LP64.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sal.h"

#if !defined(_AMD64_) && !defined(_ARM64_)
#if defined(__aarch64__)
#define _ARM64_ 1
#else
#define _AMD64_ 1
#endif
#endif
#ifndef _WIN64
#define _WIN64 1
#endif

// C11 knows the keyword only under its own name.
#ifdef __cplusplus
#define C_ASSERT(e) static_assert(e, #e)
#else
#define C_ASSERT(e) _Static_assert(e, #e)
#endif

// The layouts of this kit are those of 64-bit Windows, and bit fields are laid out for little-endian hosts.
C_ASSERT(sizeof(void*) == 8 && sizeof(int) == 4);
C_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

// Versions of Windows; the default is the one that brings ExAllocatePool2, the lowest that this kit is
// complete for.
#define NTDDI_LONGHORN 0x06000000
#define NTDDI_WIN7 0x06010000
#define NTDDI_WIN8 0x06020000
#define NTDDI_WINBLUE 0x06030000
#define NTDDI_WIN10 0x0A000000
#define NTDDI_WIN10_VB 0x0A000008
#ifndef NTDDI_VERSION
#define NTDDI_VERSION NTDDI_WIN10_VB
#endif

// Calling conventions and linkage: all alike on 64-bit hosts.
#define NTAPI
#define APIENTRY
#define CALLBACK
#define FASTCALL
#define WINAPI
// Keywords of clang -fms-extensions and macros of MinGW, without effect either way.
#if !defined(_MSC_EXTENSIONS) && !defined(__MINGW32__) && !(defined(__clang__) && defined(GPUDMAR_KMD))
#define __cdecl
#define __stdcall
#define __fastcall
#endif
#define NTKERNELAPI
#define NTHALAPI
#define NTSYSAPI
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_ALIGN(n) __attribute__((aligned(n)))
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define DECLSPEC_SELECTANY __attribute__((weak))
#ifndef UNALIGNED
#define UNALIGNED
#endif
#ifndef FORCEINLINE
#define FORCEINLINE static inline __attribute__((always_inline))
#endif
#ifndef CFORCEINLINE
#define CFORCEINLINE FORCEINLINE
#endif
#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif
#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif

#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

typedef void* PVOID;
typedef void** PPVOID;
typedef void* HANDLE;
typedef HANDLE* PHANDLE;

typedef char CHAR;
typedef signed char SCHAR;
typedef char CCHAR;
typedef CHAR* PCHAR;
typedef const CHAR* PCCHAR;
typedef CHAR* PSTR;
typedef const CHAR* PCSTR;
typedef unsigned char UCHAR;
typedef UCHAR* PUCHAR;
typedef unsigned char BYTE;
typedef BYTE* PBYTE;
typedef UCHAR BOOLEAN;
typedef BOOLEAN* PBOOLEAN;
typedef int BOOL;
typedef int16_t SHORT;
typedef SHORT* PSHORT;
typedef int16_t CSHORT;
typedef float FLOAT;
typedef double DOUBLE;
typedef uint16_t USHORT;
typedef USHORT* PUSHORT;
typedef uint16_t WORD;
typedef int INT;
typedef int32_t INT32;
typedef int8_t INT8;
typedef int16_t INT16;
typedef uint8_t UINT8;
typedef uint16_t UINT16;
typedef unsigned int UINT;
typedef UINT* PUINT;
typedef uint32_t UINT32;
typedef int LONG;  // of 32 bits: `long` has 64 here
typedef LONG* PLONG;
typedef int LONG32;
typedef unsigned int ULONG;
typedef ULONG* PULONG;
typedef unsigned int DWORD;
typedef DWORD* PDWORD;
typedef unsigned int ULONG32;
// A driver may mix these with `unsigned __int64`, which is `unsigned long long`; the bench itself mixes them
// with uint64_t. C functions are the same for both.
#ifdef GPUDMAR_KMD
typedef long long INT64;
typedef unsigned long long UINT64;
#else
typedef int64_t INT64;
typedef uint64_t UINT64;
#endif
typedef INT64* PINT64;
typedef UINT64* PUINT64;
typedef INT64 LONG64;
typedef LONG64* PLONG64;
typedef INT64 LONGLONG;
typedef LONGLONG* PLONGLONG;
typedef UINT64 ULONG64;
typedef ULONG64* PULONG64;
typedef UINT64 ULONGLONG;
typedef ULONGLONG* PULONGLONG;
typedef UINT64 DWORDLONG;
typedef UINT64 DWORD64;
typedef intptr_t LONG_PTR;
typedef intptr_t INT_PTR;
typedef intptr_t SSIZE_T;
typedef uintptr_t ULONG_PTR;
typedef ULONG_PTR* PULONG_PTR;
typedef uintptr_t UINT_PTR;
typedef size_t SIZE_T;
typedef SIZE_T* PSIZE_T;
typedef ULONG_PTR KAFFINITY;
typedef KAFFINITY* PKAFFINITY;
typedef ULONG LOGICAL;
typedef LOGICAL* PLOGICAL;
typedef ULONG CLONG;
typedef CLONG* PCLONG;
typedef const void* LPCVOID;
typedef void* LPVOID;
typedef ULONG ACCESS_MASK;
typedef LONG NTSTATUS;
typedef NTSTATUS* PNTSTATUS;

// 16 bits wide as on Windows; L"..." literals fit when the driver is built with -fshort-wchar.
#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#elif defined(__cplusplus)
typedef char16_t WCHAR;
#else
typedef uint16_t WCHAR;
#endif
typedef WCHAR* PWCH;
typedef WCHAR* PWCHAR;
typedef const WCHAR* PCWCH;
typedef WCHAR* PWSTR;
typedef const WCHAR* PCWSTR;

#define MAXUCHAR 0xFF
#define MAXUSHORT 0xFFFF
#define MAXLONG 0x7FFFFFFF
#define MINLONG ((LONG)0x80000000)
#define MAXUINT 0xFFFFFFFFu
#define MAXULONG 0xFFFFFFFFu
#define MAXULONG64 ((ULONGLONG)~0ull)
#define MAXULONGLONG ((ULONGLONG)~0ull)
#define MAXSIZE_T ((SIZE_T) ~(SIZE_T)0)
#define MAXLONGLONG ((LONGLONG)0x7FFFFFFFFFFFFFFFll)

#define NT_SUCCESS(status) (((NTSTATUS)(status)) >= 0)
#define NT_INFORMATION(status) ((((ULONG)(status)) >> 30) == 1)
#define NT_WARNING(status) ((((ULONG)(status)) >> 30) == 2)
#define NT_ERROR(status) ((((ULONG)(status)) >> 30) == 3)

typedef union _LARGE_INTEGER {
  struct {
    ULONG LowPart;
    LONG HighPart;
  };
  struct {
    ULONG LowPart;
    LONG HighPart;
  } u;
  LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
  struct {
    ULONG LowPart;
    ULONG HighPart;
  };
  struct {
    ULONG LowPart;
    ULONG HighPart;
  } u;
  ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct _GUID {
  ULONG Data1;
  USHORT Data2;
  USHORT Data3;
  UCHAR Data4[8];
} GUID, *LPGUID;
typedef const GUID* LPCGUID;

typedef struct _LUID {
  ULONG LowPart;
  LONG HighPart;
} LUID, *PLUID;

typedef struct _SINGLE_LIST_ENTRY {
  struct _SINGLE_LIST_ENTRY* Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct _LIST_ENTRY {
  struct _LIST_ENTRY* Flink;
  struct _LIST_ENTRY* Blink;
} LIST_ENTRY, *PLIST_ENTRY, *PRLIST_ENTRY;

typedef struct _UNICODE_STRING {
  USHORT Length;         // bytes, without a terminator
  USHORT MaximumLength;  // bytes
  PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING* PCUNICODE_STRING;

typedef struct _STRING {
  USHORT Length;
  USHORT MaximumLength;
  PCHAR Buffer;
} STRING, ANSI_STRING, *PSTRING, *PANSI_STRING;

// The terminator counts in MaximumLength only.
#define RTL_CONSTANT_STRING(literal) \
  { sizeof(literal) - sizeof((literal)[0]), sizeof(literal), (PWCH)(literal) }
#define DECLARE_CONST_UNICODE_STRING(var, literal) const UNICODE_STRING var = RTL_CONSTANT_STRING(literal)

typedef struct _OBJECT_ATTRIBUTES {
  ULONG Length;
  HANDLE RootDirectory;
  PUNICODE_STRING ObjectName;
  ULONG Attributes;
  PVOID SecurityDescriptor;
  PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define OBJ_IGNORE_IMPERSONATED_DEVICEMAP 0x00000800
#define OBJ_DONT_REPARSE 0x00001000
#define OBJ_VALID_ATTRIBUTES 0x00001FF2

#define InitializeObjectAttributes(p, name, attributes, root, descriptor) \
  {                                                                       \
    (p)->Length = sizeof(OBJECT_ATTRIBUTES);                              \
    (p)->RootDirectory = (root);                                          \
    (p)->ObjectName = (name);                                             \
    (p)->Attributes = (attributes);                                       \
    (p)->SecurityDescriptor = (descriptor);                               \
    (p)->SecurityQualityOfService = NULL;                                 \
  }

#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define CONTAINING_RECORD(address, type, field) ((type*)((PCHAR)(address)-offsetof(type, field)))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type*)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_CONTAINS_FIELD(s, size, field) \
  ((((PCHAR) & (s)->field) + sizeof((s)->field)) <= (((PCHAR)(s)) + (size)))
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ARRAYSIZE(array) RTL_NUMBER_OF(array)
// Of the kit for C; in C++ only drivers, since the library has functions of these names.
#if !defined(NOMINMAX) && (defined(GPUDMAR_KMD) || !defined(__cplusplus))
#ifndef min
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif
#endif
#define UNREFERENCED_PARAMETER(x) ((void)(x))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(x) ((void)(x))
#define NOTHING

#define ALIGN_DOWN_BY(value, n) ((ULONG_PTR)(value) & ~((ULONG_PTR)(n)-1))
#define ALIGN_UP_BY(value, n) (ALIGN_DOWN_BY(((ULONG_PTR)(value) + (n)-1), n))
#define ALIGN_DOWN(value, type) ALIGN_DOWN_BY(value, sizeof(type))
#define ALIGN_UP(value, type) ALIGN_UP_BY(value, sizeof(type))
#define ALIGN_DOWN_POINTER_BY(p, n) ((PVOID)ALIGN_DOWN_BY(p, n))
#define ALIGN_UP_POINTER_BY(p, n) ((PVOID)ALIGN_UP_BY(p, n))
