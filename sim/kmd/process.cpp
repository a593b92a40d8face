// SPDX-License-Identifier: Apache-2.0
// posix_spawn with files for input and output, so that neither side can block the other.
#include "sim/kmd/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <system_error>

namespace gpudmar::sim::kmd {
namespace {

/// An anonymous file.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("gpudmar", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "a file in memory");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

ProcessOutput run_process(const std::vector<std::string>& command, const std::string& input) {
  const MemoryFile in;
  const MemoryFile out;
  for (std::size_t done = 0; done < input.size();) {
    const ssize_t count = ::write(in.fd(), input.data() + done, input.size() - done);
    if (count <= 0) throw std::system_error(errno, std::generic_category(), "writing to memory");
    done += static_cast<std::size_t>(count);
  }
  ::lseek(in.fd(), 0, SEEK_SET);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.fd(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.fd(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, out.fd(), 2);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ProcessOutput result;
  if (error != 0) {
    result.output = command[0] + ": " + std::generic_category().message(error);
    return result;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ::lseek(out.fd(), 0, SEEK_SET);
  char buffer[1U << 14];
  for (ssize_t count = 0; (count = ::read(out.fd(), buffer, sizeof buffer)) > 0;)
    result.output.append(buffer, static_cast<std::size_t>(count));
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace gpudmar::sim::kmd
