// SPDX-License-Identifier: Apache-2.0
// Processes, sockets, and the client's half of the qtest protocol.
#include "sim/oracle/client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace gpudmar::oracle {
namespace {

constexpr int kAnswerMs = 60'000;  // of real time, for what takes milliseconds
constexpr std::chrono::milliseconds kPoll{2};
constexpr std::size_t kSendAt = 1U << 16;  // both ends would wait for each other with full pipes

std::vector<std::uint8_t> from_base64(std::string_view text, std::size_t bytes) {
  static const std::array<std::uint8_t, 256> values = [] {
    std::array<std::uint8_t, 256> digits{};
    std::uint8_t next = 0;
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
      digits.at(static_cast<unsigned char>(c)) = next++;
    return digits;
  }();
  std::vector<std::uint8_t> data;
  data.reserve(bytes + 2);
  for (std::size_t i = 0; i + 4 <= text.size(); i += 4) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k) bits = bits << 6 | values[static_cast<unsigned char>(text[i + k])];
    for (const unsigned shift : {16U, 8U, 0U}) data.push_back(static_cast<std::uint8_t>(bits >> shift));
  }
  data.resize(bytes);
  return data;
}

}  // namespace

Child::Child(std::vector<std::string> words, std::string log) : log_(std::move(log)) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int file = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) throw EndpointError(fmt::format("cannot write {}: {}", log_, std::strerror(errno)));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);  // an interrupt from the terminal is for the parent, which ends it in order
    if (::getppid() != parent) ::_exit(127);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(file);
  if (pid_ < 0) throw EndpointError(fmt::format("cannot start {}: {}", words[0], std::strerror(errno)));
}

Child::~Child() {
  if (pid_ < 0 || !running()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Child::running() {
  if (pid_ < 0) return false;
  if (::waitpid(pid_, &status_, WNOHANG) != pid_) return true;
  pid_ = -1;
  return false;
}

int Child::wait(unsigned ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (running()) {
    if (std::chrono::steady_clock::now() > end) return -1;
    std::this_thread::sleep_for(kPoll);
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

QtestClient::QtestClient(std::string name, const std::string& path, Child& child)
    : name_(std::move(name)), child_(child) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail(path + " is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) fail(std::strerror(errno));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAnswerMs);
  while (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (!child_.running()) fail("ended at once");
    if (std::chrono::steady_clock::now() > end) fail("does not listen at " + path);
    std::this_thread::sleep_for(kPoll);
  }
}

QtestClient::~QtestClient() {
  if (socket_ >= 0) ::close(socket_);
}

void QtestClient::fail(const std::string& what) const {
  throw EndpointError(fmt::format("{}: {} (see {})", name_, what, child_.log()));
}

void QtestClient::queue(std::string_view command) {
  out_ += command;
  out_ += '\n';
  ++unanswered_;
  if (out_.size() > kSendAt) sync();
}

std::string QtestClient::answer() {
  std::size_t end = in_.find('\n', in_at_);
  while (end == std::string::npos) {
    pollfd waiting{socket_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kAnswerMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) fail("does not answer");
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail("closed the connection");
    if (in_at_ == in_.size()) {
      in_.clear();
      in_at_ = 0;
    }
    const std::size_t from = in_.size();
    in_.append(buffer.data(), static_cast<std::size_t>(count));
    end = in_.find('\n', from);
  }
  std::string line = in_.substr(in_at_, end - in_at_);
  in_at_ = end + 1;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

void QtestClient::send() {
  for (std::string_view rest = out_; !rest.empty();) {
    const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("takes no commands");
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  out_.clear();
}

void QtestClient::sync() {
  send();
  for (; unanswered_ > 0; --unanswered_)
    if (const std::string line = answer(); line.rfind("OK", 0) != 0) fail("answers '" + line + "'");
}

std::string QtestClient::ask(std::string_view command) {
  out_ += command;
  out_ += '\n';
  sync();  // what stands before it in the queue is answered first
  const std::string line = answer();
  if (line.rfind("OK ", 0) != 0) fail(fmt::format("answers '{}' to '{}'", line, command));
  return line.substr(3);
}

void QtestClient::write32(std::uint64_t address, std::uint32_t value) {
  queue(fmt::format("writel {:#x} {:#x}", address, value));
}

void QtestClient::write64(std::uint64_t address, std::uint64_t value) {
  queue(fmt::format("writeq {:#x} {:#x}", address, value));
}

void QtestClient::write(std::uint64_t address, const std::vector<std::uint8_t>& data) {
  std::string hex;
  hex.reserve(2 * data.size());
  for (const std::uint8_t byte : data) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  queue(fmt::format("write {:#x} {:#x} 0x{}", address, data.size(), hex));
}

void QtestClient::fill(std::uint64_t address, std::size_t bytes, std::uint8_t value) {
  queue(fmt::format("memset {:#x} {:#x} {:#x}", address, bytes, value));
}

void QtestClient::out32(std::uint16_t port, std::uint32_t value) {
  queue(fmt::format("outl {:#x} {:#x}", port, value));
}

void QtestClient::clock_step(std::uint64_t ns) { queue(fmt::format("clock_step {}", ns)); }

std::uint64_t QtestClient::number(const std::string& command) {
  return std::stoull(ask(command), nullptr, 0);
}

std::uint32_t QtestClient::read32(std::uint64_t address) {
  return static_cast<std::uint32_t>(number(fmt::format("readl {:#x}", address)));
}

std::uint64_t QtestClient::read64(std::uint64_t address) {
  return number(fmt::format("readq {:#x}", address));
}

std::uint32_t QtestClient::in32(std::uint16_t port) {
  return static_cast<std::uint32_t>(number(fmt::format("inl {:#x}", port)));
}

std::vector<std::uint8_t> QtestClient::read(std::uint64_t address, std::size_t bytes) {
  const std::string text = ask(fmt::format("b64read {:#x} {:#x}", address, bytes));
  if (text.size() != (bytes + 2) / 3 * 4)
    fail(fmt::format("answers {} characters for {} bytes", text.size(), bytes));
  return from_base64(text, bytes);
}

}  // namespace gpudmar::oracle
