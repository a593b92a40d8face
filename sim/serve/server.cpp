// SPDX-License-Identifier: Apache-2.0
// The socket and the signals of the qtest server.
#include "sim/serve/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace gpudmar::sim {
namespace {

volatile std::sig_atomic_t end_seen = 0;

extern "C" void note_end(int /*signal*/) { end_seen = 1; }

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// False: the client is gone.
bool send_all(int client, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR && !EndSignals::seen()) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

EndSignals::EndSignals() {
  end_seen = 0;
  struct sigaction action {};
  action.sa_handler = note_end;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, &old_term_);
  ::sigaction(SIGINT, &action, &old_int_);
  // Not blocked: a command under way looks at seen(); run() blocks them around its waits.
  ::pthread_sigmask(SIG_BLOCK, nullptr, &old_mask_);
}

EndSignals::~EndSignals() {
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGINT, &old_int_, nullptr);
}

bool EndSignals::seen() { return end_seen != 0; }

QtestServer::QtestServer(std::string path) : path_(std::move(path)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof address.sun_path)
    throw std::runtime_error(
        fmt::format("{}: a socket's path has 1 to {} characters", path_, sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path_.data(), path_.size());
  struct stat there {};
  if (::lstat(path_.c_str(), &there) == 0)
    throw std::runtime_error(fmt::format("{}: exists already; remove it if no other server uses it", path_));
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) fail("socket");
  const mode_t old_mask = ::umask(0177);
  const int bound = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old_mask);
  if (bound != 0 || ::listen(socket_, 1) != 0) {
    if (bound == 0) ::unlink(path_.c_str());
    if (bound != 0) errno = error;
    ::close(socket_);
    fail(path_);
  }
}

QtestServer::~QtestServer() {
  ::close(socket_);
  ::unlink(path_.c_str());
}

bool QtestServer::wait_readable(int fd, const EndSignals& signals) const {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  bool readable = false;
  while (!readable && !EndSignals::seen()) {
    pollfd waiting{fd, POLLIN, 0};
    const int count = ::ppoll(&waiting, 1, nullptr, &signals.waiting());
    if (count < 0 && errno != EINTR) fail("ppoll");
    readable = count > 0;
  }
  ::pthread_sigmask(SIG_SETMASK, &signals.waiting(), nullptr);
  return readable;
}

void QtestServer::run(QtestTarget& target, const EndSignals& signals, bool keep,
                      const std::function<void()>& after) {
  while (wait_readable(socket_, signals)) {
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      fail("accept");
    }
    serve(client, target, signals, after);
    ::close(client);
    if (!keep) return;
  }
}

void QtestServer::serve(int client, QtestTarget& target, const EndSignals& signals,
                        const std::function<void()>& after) {
  QtestLines lines;  // what a client leaves unfinished goes with it
  std::array<char, 65536> buffer{};
  while (wait_readable(client, signals)) {
    const ssize_t count = ::recv(client, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    lines.feed({buffer.data(), static_cast<std::size_t>(count)});
    // Answers to all commands that came together go together.
    std::string answers;
    while (const auto line = lines.next()) {
      answers += line->too_long ? fmt::format("ERR a line of more than {} characters", kQtestMaxLine)
                                : answer_qtest(target, line->text);
      answers += '\n';
      after();
      if (EndSignals::seen()) break;
    }
    if (!answers.empty() && !send_all(client, answers)) return;
  }
}

}  // namespace gpudmar::sim
