// SPDX-License-Identifier: Apache-2.0
// Parser and answers of the qtest protocol.
#include "sim/serve/qtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace gpudmar::sim {
namespace {

using Words = std::vector<std::string_view>;

/// A command that is not what the protocol says; its text stands behind ERR.
class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

Words split(std::string_view line) {
  Words words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

/// What a client sent, fit for an answer.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > kShown ? shown + "..." : shown;
}

/// As strtoull with base 0: 0x..., 0..., decimal.
std::uint64_t number(std::string_view word, const char* what) {
  std::string_view digits = word;
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Malformed(fmt::format("{} '{}' is no number", what, quoted(word)));
  return value;
}

void expect(const Words& words, std::size_t count) {
  if (words.size() != count + 1)
    throw Malformed(fmt::format("{} takes {} arguments, not {}", words[0], count, words.size() - 1));
}

std::size_t size_of(std::string_view word, std::uint64_t address) {
  const std::uint64_t bytes = number(word, "size");
  if (bytes == 0) throw Malformed("a size of 0");
  if (bytes > kQtestMaxBytes) throw Malformed(fmt::format("{} bytes, more than {}", bytes, kQtestMaxBytes));
  if (address + (bytes - 1) < address) throw Malformed("the end of the range wraps around");
  return bytes;
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// As in QEMU, data that is shorter than the size is continued with zeros.
std::vector<std::uint8_t> from_hex(std::string_view text, std::size_t bytes) {
  if (text.substr(0, 2) != "0x") throw Malformed("data must begin with 0x");
  text.remove_prefix(2);
  if (text.size() % 2 != 0 || text.size() / 2 > bytes)
    throw Malformed(fmt::format("{} hex digits for {} bytes", text.size(), bytes));
  std::vector<std::uint8_t> data(bytes);
  for (std::size_t i = 0; i < text.size() / 2; ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) throw Malformed("data that is not hex");
    data[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return data;
}

std::string to_hex(const std::vector<std::uint8_t>& data) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  text.reserve(2 + 2 * data.size());
  for (const std::uint8_t byte : data) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xF];
  }
  return text;
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(const std::vector<std::uint8_t>& data) {
  std::string text;
  for (std::size_t i = 0; i < data.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < data.size() ? data[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= data.size() - i ? kBase64[bits >> (18 - 6 * k) & 0x3F] : '=';
  }
  return text;
}

std::vector<std::uint8_t> from_base64(std::string_view text, std::size_t bytes) {
  if (text.size() % 4 != 0) throw Malformed("base64 data of an odd length");
  std::vector<std::uint8_t> data;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t bits = 0;
    std::size_t count = 3;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const bool padding = c == '=' && i + 4 == text.size() && k >= 2 && text.back() == '=';
      const std::size_t value = padding ? 0 : kBase64.find(c);
      if (value == std::string_view::npos) throw Malformed("data that is not base64");
      if (padding) --count;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    for (std::size_t k = 0; k < count; ++k) data.push_back(static_cast<std::uint8_t>(bits >> (16 - 8 * k)));
  }
  if (data.size() != bytes) throw Malformed(fmt::format("{} bytes of data for {}", data.size(), bytes));
  return data;
}

/// 1, 2, 4, 8 from the last letter of readb, writew, ...; 0: none of them.
unsigned width_of(std::string_view command, std::string_view verb) {
  if (command.size() != verb.size() + 1 || command.substr(0, verb.size()) != verb) return 0;
  switch (command.back()) {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'l':
      return 4;
    case 'q':
      return 8;
    default:
      return 0;
  }
}

std::string run(QtestTarget& target, const Words& words) {
  const std::string_view command = words[0];
  if (const unsigned bytes = width_of(command, "read"); bytes != 0) {
    expect(words, 1);
    return fmt::format("OK 0x{:016x}", target.load(number(words[1], "address"), bytes));
  }
  if (const unsigned bytes = width_of(command, "write"); bytes != 0) {
    expect(words, 2);
    target.store(number(words[1], "address"), number(words[2], "value"), bytes);
    return "OK";
  }
  if (command == "read" || command == "b64read") {
    expect(words, 2);
    const std::uint64_t address = number(words[1], "address");
    std::vector<std::uint8_t> data(size_of(words[2], address));
    target.read(address, data.data(), data.size());
    return "OK " + (command == "read" ? to_hex(data) : to_base64(data));
  }
  if (command == "write" || command == "b64write") {
    expect(words, 3);
    const std::uint64_t address = number(words[1], "address");
    const std::size_t bytes = size_of(words[2], address);
    const auto data = command == "write" ? from_hex(words[3], bytes) : from_base64(words[3], bytes);
    target.write(address, data.data(), data.size());
    return "OK";
  }
  if (command == "memset") {
    expect(words, 3);
    const std::uint64_t address = number(words[1], "address");
    const std::vector<std::uint8_t> data(size_of(words[2], address),
                                         static_cast<std::uint8_t>(number(words[3], "value")));
    target.write(address, data.data(), data.size());
    return "OK";
  }
  if (command == "clock_step") {
    if (words.size() == 1) return fmt::format("OK {}", target.clock_step(std::nullopt));
    expect(words, 1);
    return fmt::format("OK {}", target.clock_step(number(words[1], "time")));
  }
  if (command == "endianness") {
    expect(words, 0);
    return "OK little";
  }
  if (command == "violations") {
    expect(words, 0);
    return fmt::format("OK {}", target.violations());
  }
  return fmt::format("FAIL Unknown command '{}'", quoted(command));
}

}  // namespace

std::string answer_qtest(QtestTarget& target, std::string_view line) {
  const Words words = split(line);
  if (words.empty()) return "ERR an empty line";
  try {
    return run(target, words);
  } catch (const Malformed& error) {
    return fmt::format("ERR {}", error.what());
  } catch (const QtestError& error) {
    return fmt::format("FAIL {}", error.what());
  }
}

void QtestLines::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const std::size_t room = limit_ - line_.size();
    too_long_ = too_long_ || part.size() > room;
    line_.append(part.substr(0, room));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    lines_.push_back({std::move(line_), too_long_});
    line_.clear();
    too_long_ = false;
  }
}

std::optional<QtestLines::Line> QtestLines::next() {
  if (first_ == lines_.size()) {
    lines_.clear();
    first_ = 0;
    return std::nullopt;
  }
  return std::move(lines_[first_++]);
}

}  // namespace gpudmar::sim
