// SPDX-License-Identifier: Apache-2.0
// A child process that serves qtest, and the connection to it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gpudmar::oracle {

/// A child that died or does not answer, an answer that is none: the run cannot go on.
class EndpointError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A program of its own, killed with this object and with the thread that started it.
class Child {
 public:
  /// stdout and stderr go to `log`. Throws EndpointError when it cannot be started.
  Child(std::vector<std::string> words, std::string log);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] bool running();
  /// Its exit status, after at most so many ms; -1: it had to be killed, or was.
  int wait(unsigned ms);
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  std::string log_;
  pid_t pid_ = -1;
  int status_ = -1;
};

/// Commands without an answer of interest are sent together with the next one that has: a machine is set up
/// in few round trips.
class QtestClient {
 public:
  /// Waits for the socket to appear as long as the child runs. `name` begins the text of each EndpointError.
  QtestClient(std::string name, const std::string& path, Child& child);
  ~QtestClient();
  QtestClient(const QtestClient&) = delete;
  QtestClient& operator=(const QtestClient&) = delete;

  void write32(std::uint64_t address, std::uint32_t value);
  void write64(std::uint64_t address, std::uint64_t value);
  void write(std::uint64_t address, const std::vector<std::uint8_t>& data);
  void fill(std::uint64_t address, std::size_t bytes, std::uint8_t value);
  /// Ports of a PC.
  void out32(std::uint16_t port, std::uint32_t value);
  void clock_step(std::uint64_t ns);
  [[nodiscard]] std::uint32_t read32(std::uint64_t address);
  [[nodiscard]] std::uint64_t read64(std::uint64_t address);
  [[nodiscard]] std::uint32_t in32(std::uint16_t port);
  [[nodiscard]] std::vector<std::uint8_t> read(std::uint64_t address, std::size_t bytes);
  /// The number behind OK.
  [[nodiscard]] std::uint64_t number(const std::string& command);
  /// Everything sent so far has been answered with OK.
  void sync();

 private:
  void queue(std::string_view command);
  void send();
  [[nodiscard]] std::string ask(std::string_view command);
  [[nodiscard]] std::string answer();
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  Child& child_;
  int socket_ = -1;
  std::string out_;  ///< not sent yet
  std::size_t unanswered_ = 0;
  std::string in_;  ///< received, from in_at_ on not yet used
  std::size_t in_at_ = 0;
};

}  // namespace gpudmar::oracle
