// SPDX-License-Identifier: Apache-2.0
// DbgPrint with the kernel's format extras: %wZ, %ws, %ls, %S, %wc, the I64, I32 and I size prefixes.
#include <cstdarg>
#include <cstdio>
#include <string>

#include "driver-model/wdk/runtime/runtime.h"

namespace {

std::string narrow(const WCHAR* text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text[i] < 0x80 ? static_cast<char>(text[i]) : '?';
  return out;
}

std::string narrow(const WCHAR* text) {
  if (text == nullptr) return "(null)";
  std::size_t count = 0;
  while (text[count] != 0) ++count;
  return narrow(text, count);
}

template <typename T>
std::string print_one(const std::string& spec, T value) {
  char buffer[512];
  const int count = std::snprintf(buffer, sizeof buffer, spec.c_str(), value);
  if (count < 0) return {};
  if (static_cast<std::size_t>(count) < sizeof buffer) return buffer;
  std::string big(static_cast<std::size_t>(count) + 1, '\0');
  std::snprintf(big.data(), big.size(), spec.c_str(), value);
  big.pop_back();
  return big;
}

enum class Length { kDefault, kWide, kHalf, k64, kPointer };

Length parse_length(const char*& p) {
  Length length = Length::kDefault;
  for (;; ++p) {
    if (*p == 'I') {
      if (p[1] == '6' && p[2] == '4') {
        p += 2;
        length = Length::k64;
      } else if (p[1] == '3' && p[2] == '2') {
        p += 2;
      } else {
        length = Length::kPointer;
      }
    } else if (*p == 'l') {
      length = length == Length::kWide ? Length::k64 : Length::kWide;
    } else if (*p == 'w') {
      length = Length::kWide;
    } else if (*p == 'z') {
      length = Length::kPointer;
    } else if (*p == 'h') {
      length = Length::kHalf;
    } else {
      return length;
    }
  }
}

// va_list is an array type on this ABI; the wrapper lets the helpers advance the caller's.
struct Arguments {
  va_list list;
};

// One conversion; `spec` holds the % sign, flags, width and precision.
std::string convert(const std::string& spec, Length length, char conversion, Arguments& arguments) {
  switch (conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      if (length == Length::k64 || length == Length::kPointer) {
        return print_one(spec + "ll" + conversion, va_arg(arguments.list, unsigned long long));
      }
      return print_one(spec + conversion, va_arg(arguments.list, unsigned));  // long has 32 bits in the kit
    case 'p':
      return print_one(spec + "p", va_arg(arguments.list, void*));
    case 'c':
    case 'C':
      return print_one(spec + "c", va_arg(arguments.list, int));
    case 'S':
      return print_one(spec + "s", narrow(va_arg(arguments.list, const WCHAR*)).c_str());
    case 's':
      if (length == Length::kWide) {
        return print_one(spec + "s", narrow(va_arg(arguments.list, const WCHAR*)).c_str());
      } else {
        const char* text = va_arg(arguments.list, const char*);
        return print_one(spec + "s", text == nullptr ? "(null)" : text);
      }
    case 'Z': {
      const auto* text = va_arg(arguments.list, const UNICODE_STRING*);
      return print_one(spec + "s", (text == nullptr ? std::string("(null)")
                                                    : narrow(text->Buffer, text->Length / sizeof(WCHAR)))
                                       .c_str());
    }
    case '%':
      return "%";
    default:
      return spec + conversion;  // an unknown conversion takes no argument and shows itself
  }
}

std::string format_message(const char* format, Arguments& arguments) {
  std::string out;
  for (const char* p = format; *p != '\0'; ++p) {
    if (*p != '%') {
      out += *p;
      continue;
    }
    std::string spec = "%";
    for (++p; *p != '\0' && std::string_view("-+ #0123456789.*").find(*p) != std::string_view::npos; ++p) {
      if (*p == '*') {
        spec += std::to_string(va_arg(arguments.list, int));
      } else {
        spec += *p;
      }
    }
    const Length length = parse_length(p);
    if (*p == '\0') break;
    out += convert(spec, length, *p, arguments);
  }
  return out;
}

void emit(const std::string& text) {
  const gpudmar::wdk::Runtime* runtime = gpudmar::wdk::Runtime::active_or_null();
  if (runtime != nullptr) {
    runtime->debug_print(text);
  } else {
    std::fputs(text.c_str(), stderr);
  }
}

}  // namespace

extern "C" {

ULONG DbgPrint(PCSTR Format, ...) {
  Arguments arguments;
  va_start(arguments.list, Format);
  emit(format_message(Format, arguments));
  va_end(arguments.list);
  return STATUS_SUCCESS;
}

ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...) {
  // Errors always; the rest would need the debugger's component masks, which this kernel has not.
  if (ComponentId != DPFLTR_IHVVIDEO_ID && Level != DPFLTR_ERROR_LEVEL) return STATUS_SUCCESS;
  Arguments arguments;
  va_start(arguments.list, Format);
  emit(format_message(Format, arguments));
  va_end(arguments.list);
  return STATUS_SUCCESS;
}

}  // extern "C"
