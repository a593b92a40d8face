// SPDX-License-Identifier: Apache-2.0
// Spawning and waiting.
#include "sim/main/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace gpudmar::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kTimeout{10};  // of one run; a hang in the machine ends much earlier by itself
constexpr std::chrono::milliseconds kPoll{5};

int wait_for(pid_t child) {
  const auto end = std::chrono::steady_clock::now() + kTimeout;
  for (int status = 0; std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(kPoll))
    if (::waitpid(child, &status, WNOHANG) == child) return status;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return -1;
}

}  // namespace

Scratch::Scratch() {
  std::string name = (fs::temp_directory_path() / "gpu-dmar-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  path = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

int run_again(std::vector<std::string> words, const fs::path& log) {
  std::string program = fs::read_symlink("/proc/self/exe").string();
  std::vector<char*> args{program.data()};
  for (std::string& word : words) args.push_back(word.data());
  args.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0644);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, args.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + program);
  return wait_for(child);
}

std::string last_line(const fs::path& file) {
  std::ifstream text(file);
  std::string line;
  std::string last;
  while (std::getline(text, line)) last = line;
  return last;
}

void progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K{}", text);
}

}  // namespace gpudmar::sim
