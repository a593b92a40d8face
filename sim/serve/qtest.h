// SPDX-License-Identifier: Apache-2.0
// The qtest text protocol as QEMU speaks it: one command a line, one answer a line. Knows nothing of sockets
// and nothing of what is behind the addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::sim {

/// What a target cannot do; its text stands behind FAIL in the answer.
class QtestError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the commands act on.
class QtestTarget {
 public:
  virtual ~QtestTarget() = default;
  /// One access of 1, 2, 4 or 8 bytes.
  [[nodiscard]] virtual std::uint64_t load(std::uint64_t address, unsigned bytes) = 0;
  virtual void store(std::uint64_t address, std::uint64_t value, unsigned bytes) = 0;
  /// Runs of bytes; they do not wrap around.
  virtual void read(std::uint64_t address, std::uint8_t* to, std::size_t bytes) = 0;
  virtual void write(std::uint64_t address, const std::uint8_t* from, std::size_t bytes) = 0;
  /// Lets so many ns pass (none given: one clock cycle); returns the time, ns.
  virtual std::uint64_t clock_step(std::optional<std::uint64_t> ns) = 0;
  /// What the checkers have found wrong so far.
  [[nodiscard]] virtual std::uint64_t violations() = 0;
};

/// Bytes that one command may move.
inline constexpr std::size_t kQtestMaxBytes = 1U << 20;
/// Characters of a line at most: a command with that many bytes in hex.
inline constexpr std::size_t kQtestMaxLine = 2 * kQtestMaxBytes + 256;

/// The answer to one command, without its newline. Whatever the line holds, there is an answer.
[[nodiscard]] std::string answer_qtest(QtestTarget& target, std::string_view line);

/// Cuts a stream of bytes into lines.
class QtestLines {
 public:
  explicit QtestLines(std::size_t limit = kQtestMaxLine) : limit_(limit) {}
  void feed(std::string_view bytes);
  struct Line {
    std::string text;
    bool too_long = false;  ///< the rest of it was dropped
  };
  /// The next whole line, without newline and carriage return.
  [[nodiscard]] std::optional<Line> next();
  /// Bytes of a line that has not ended.
  [[nodiscard]] std::size_t pending() const { return line_.size(); }

 private:
  std::size_t limit_;
  std::string line_;
  bool too_long_ = false;
  std::vector<Line> lines_;  ///< whole ones, from first_ on
  std::size_t first_ = 0;
};

}  // namespace gpudmar::sim
