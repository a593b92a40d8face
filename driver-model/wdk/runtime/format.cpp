// SPDX-License-Identifier: Apache-2.0
#include "driver-model/wdk/runtime/format.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

namespace gpudmar::wdk {
namespace {

enum class Length { kDefault, kWide, kHalf, k64, kPointer };

// One conversion, behind its % sign.
struct Spec {
  std::string flags;
  int width = 0;
  int precision = -1;  // none
  Length length = Length::kDefault;
};

template <typename Char>
bool is_flag(Char c) {
  return c == '-' || c == '+' || c == ' ' || c == '#' || c == '0';
}

template <typename Char>
int parse_number(const Char*& p, Arguments& arguments) {
  if (*p == '*') {
    ++p;
    return va_arg(arguments.list, int);
  }
  int number = 0;
  for (; *p >= '0' && *p <= '9'; ++p) number = std::min(number * 10 + static_cast<int>(*p - '0'), 1'000'000);
  return number;
}

template <typename Char>
Length parse_length(const Char*& p) {
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

template <typename Char>
Spec parse(const Char*& p, Arguments& arguments) {
  Spec spec;
  for (; is_flag(*p); ++p) spec.flags += static_cast<char>(*p);
  spec.width = parse_number(p, arguments);
  if (spec.width < 0) {
    spec.flags += '-';
    spec.width = -spec.width;
  }
  if (*p == '.') {
    ++p;
    spec.precision = std::max(-1, parse_number(p, arguments));
  }
  spec.length = parse_length(p);
  return spec;
}

// What the host's printf makes of a number.
template <typename T>
std::string print_number(const Spec& spec, const std::string& conversion, T value) {
  std::string format = "%" + spec.flags;
  if (spec.width != 0) format += std::to_string(spec.width);
  if (spec.precision >= 0) format += "." + std::to_string(spec.precision);
  format += conversion;
  std::string out(static_cast<std::size_t>(std::max(0, std::snprintf(nullptr, 0, format.c_str(), value))),
                  ' ');
  std::snprintf(out.data(), out.size() + 1, format.c_str(), value);
  return out;
}

template <typename Char, typename From>
Char convert_character(From c) {
  const auto value = static_cast<std::make_unsigned_t<std::conditional_t<sizeof(From) == 1, char, short>>>(c);
  if constexpr (sizeof(Char) == 1) return value < 0x80 || sizeof(From) == 1 ? static_cast<char>(c) : '?';
  return static_cast<Char>(value);
}

// Cut to the precision and filled up to the width.
template <typename Char, typename From>
std::basic_string<Char> print_text(const Spec& spec, const From* text, std::size_t count) {
  if (spec.precision >= 0) count = std::min(count, static_cast<std::size_t>(spec.precision));
  std::basic_string<Char> out;
  for (std::size_t i = 0; i < count; ++i) out += convert_character<Char>(text[i]);
  const auto width = static_cast<std::size_t>(spec.width);
  if (out.size() < width) {
    const bool left = spec.flags.find('-') != std::string::npos;
    out.insert(left ? out.size() : 0, width - out.size(), Char{' '});
  }
  return out;
}

template <typename Char, typename From>
std::basic_string<Char> print_text(const Spec& spec, const From* text) {
  if (text == nullptr) return print_text<Char>(spec, "(null)", 6);
  // With a precision there may be no terminator.
  std::size_t count = 0;
  while ((spec.precision < 0 || count < static_cast<std::size_t>(spec.precision)) && text[count] != 0)
    ++count;
  return print_text<Char>(spec, text, count);
}

template <typename Char>
std::basic_string<Char> widen(const std::string& text) {
  return {text.begin(), text.end()};
}

template <typename Char>
std::basic_string<Char> print_string(const Spec& spec, bool wide, Arguments& arguments) {
  if (wide) return print_text<Char>(spec, va_arg(arguments.list, const WCHAR*));
  return print_text<Char>(spec, va_arg(arguments.list, const char*));
}

template <typename Char>
std::basic_string<Char> print_counted(const Spec& spec, bool wide, Arguments& arguments) {
  if (wide) {
    const auto* text = va_arg(arguments.list, const UNICODE_STRING*);
    if (text == nullptr) return print_text<Char>(spec, "(null)");
    return print_text<Char>(spec, text->Buffer, text->Length / sizeof(WCHAR));
  }
  const auto* text = va_arg(arguments.list, const ANSI_STRING*);
  if (text == nullptr) return print_text<Char>(spec, "(null)");
  return print_text<Char>(spec, text->Buffer, text->Length);
}

std::string print_integer(const Spec& spec, char conversion, Arguments& arguments) {
  const bool is_signed = conversion == 'd' || conversion == 'i';
  if (spec.length == Length::k64 || spec.length == Length::kPointer) {
    return print_number(spec, std::string("ll") + conversion, va_arg(arguments.list, unsigned long long));
  }
  unsigned value = va_arg(arguments.list, unsigned);  // long has 32 bits in the kit
  if (spec.length == Length::kHalf) {
    value = is_signed ? static_cast<unsigned>(static_cast<short>(value)) : static_cast<USHORT>(value);
  }
  return print_number(spec, std::string(1, conversion), value);
}

template <typename Char>
std::basic_string<Char> convert(const Spec& spec, Char conversion, Arguments& arguments) {
  // %s and %c are of the format's own width, %S and %C of the other.
  constexpr bool kWideFormat = sizeof(Char) != 1;
  const auto is_wide = [&spec](bool otherwise) {
    return spec.length == Length::kWide || (spec.length != Length::kHalf && otherwise);
  };
  switch (conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      return widen<Char>(print_integer(spec, static_cast<char>(conversion), arguments));
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      return widen<Char>(
          print_number(spec, std::string(1, static_cast<char>(conversion)), va_arg(arguments.list, double)));
    case 'p': {
      Spec digits = spec;
      digits.precision = 16;
      return widen<Char>(print_number(digits, "llX", va_arg(arguments.list, unsigned long long)));
    }
    case 'c':
    case 'C': {
      const int value = va_arg(arguments.list, int);
      const auto wide = static_cast<WCHAR>(value);
      const auto narrow = static_cast<char>(value);
      return is_wide(kWideFormat == (conversion == 'c')) ? print_text<Char>(spec, &wide, 1)
                                                         : print_text<Char>(spec, &narrow, 1);
    }
    case 's':
    case 'S':
      return print_string<Char>(spec, is_wide(kWideFormat == (conversion == 's')), arguments);
    case 'Z':
      return print_counted<Char>(spec, is_wide(kWideFormat), arguments);
    case '%':
      return {Char{'%'}};
    default:
      return {Char{'%'}, conversion};  // an unknown conversion takes no argument and shows itself
  }
}

template <typename Char>
std::basic_string<Char> format_any(const Char* format, Arguments& arguments) {
  std::basic_string<Char> out;
  for (const Char* p = format; *p != 0; ++p) {
    if (*p != '%') {
      out += *p;
      continue;
    }
    ++p;
    const Spec spec = parse(p, arguments);
    if (*p == 0) break;
    out += convert(spec, *p, arguments);
  }
  return out;
}

}  // namespace

std::string format_message(const char* format, Arguments& arguments) { return format_any(format, arguments); }

std::basic_string<WCHAR> format_message(const WCHAR* format, Arguments& arguments) {
  return format_any(format, arguments);
}

}  // namespace gpudmar::wdk
