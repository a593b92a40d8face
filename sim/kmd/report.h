// SPDX-License-Identifier: Apache-2.0
// The parent's side: what the child told, gathered into a verdict.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/kmd/build.h"
#include "sim/kmd/frames.h"

namespace gpudmar::sim::kmd {

/// How the child ended, as the system says.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;        ///< 0: none
  bool timeout = false;  ///< the parent ended it
};

class Report {
 public:
  /// An event of the child.
  void take(const nlohmann::json& event);
  /// No more events come.
  void finish(const ChildEnd& end);
  /// A run that never began: "does_not_compile" and the like.
  void refuse(const std::string& status, const std::string& why);
  void warn(const std::string& text) { warnings_.push_back(text); }
  /// A rule that no call broke: found in the driver as such.
  void broken(const std::string& rule, const std::string& text);

  [[nodiscard]] bool passed() const { return status_ == "pass"; }
  [[nodiscard]] const std::string& status() const { return status_; }
  /// The keys of summary.json that this knows. `symbols` may be null: there is no driver then.
  [[nodiscard]] nlohmann::json summary(Symbols* symbols) const;
  /// For people.
  [[nodiscard]] std::string text(Symbols* symbols) const;
  /// Every address that summary() and text() will want to name.
  [[nodiscard]] std::vector<std::uint64_t> addresses() const;

 private:
  struct Broken {
    std::string rule;
    std::string text;
    std::string in;  ///< entry point
    Frames frames;
    std::uint64_t times = 1;
  };
  struct Loan {
    std::string kind;
    std::uint64_t amount = 0;  ///< bytes or pages
    bool pages = false;
    Frames frames;
  };
  void take_loan(const nlohmann::json& event);
  void add_broken(Broken broken);
  void find_leaks();
  void decide(const ChildEnd& end);
  [[nodiscard]] std::string reason_text() const;
  [[nodiscard]] std::uint64_t cycles() const;

  std::string status_;
  std::string reason_;
  std::string reason_in_;
  Frames reason_frames_;
  std::string stage_;
  std::vector<std::string> stages_;
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
  std::vector<std::string> problems_;  ///< that fail the run without being a rule
  std::vector<std::string> prints_;
  std::string dump_;  ///< of the kernel, where the run broke off
  std::vector<Broken> broken_;
  std::map<std::pair<std::string, std::uint64_t>, Loan> loans_;
  std::vector<Loan> leaks_;
  std::vector<nlohmann::json> dma_;
  std::vector<nlohmann::json> faults_;
  std::vector<nlohmann::json> polls_;
  std::map<std::string, std::uint64_t> calls_;
  nlohmann::json crash_at_;  ///< what lay where the driver went
  std::uint64_t cycle_ = 0;  ///< of the newest event that tells one
  nlohmann::json end_;
  nlohmann::json bugcheck_;
  bool crashed_ = false;
};

}  // namespace gpudmar::sim::kmd
