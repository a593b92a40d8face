// SPDX-License-Identifier: Apache-2.0
// Random steps on the objects of one thread. The reference says afterwards what each of them must do.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/random/dice.h"
#include "sim/random/generator.h"

namespace gpudmar::random {

/// Whom an object belongs to while threads run side by side.
inline constexpr int kEverybody = -1;

class Proposals {
 public:
  Proposals(const GenerateOptions& options, const Reference& reference, Dice& dice)
      : options_(options), reference_(reference), dice_(dice) {}

  /// The thread that steps are for from now on; of `threads`. Objects that are shared are only looked at.
  void use_thread(unsigned thread, unsigned threads);
  /// Give every live object to one of the threads or to all of them, for looking.
  void share_out(unsigned threads);

  /// A step of some kind; its name may be empty when there was nothing to do it with.
  [[nodiscard]] Step any();
  /// A step that may end the system.
  [[nodiscard]] Step ending();

 private:
  using ObjectTest = std::function<bool(const Reference::Object&)>;

  void aim(Step& step, bool adapter);
  void wrong_handle(Step& step);
  [[nodiscard]] Step create();
  void mdl(Step& step);
  void break_mdl(Step& step);
  void contiguous(Step& step);
  void break_contiguous(Step& step);
  void section(Step& step);
  void io_space(Step& step);
  [[nodiscard]] Step open();
  [[nodiscard]] Step close();
  [[nodiscard]] Step destroy();
  [[nodiscard]] Step map();
  [[nodiscard]] Step unmap();
  [[nodiscard]] Step adl();
  [[nodiscard]] Step free();
  [[nodiscard]] Step fill();
  [[nodiscard]] Step check();
  [[nodiscard]] Step copy();
  [[nodiscard]] Step probe();
  [[nodiscard]] Step reattach();
  [[nodiscard]] std::uint64_t address();
  [[nodiscard]] Operand operand(std::uint64_t& size, bool target);
  [[nodiscard]] bool bad() { return ending_ || dice_.chance(options_.profile.illegal); }
  [[nodiscard]] std::string pick(const ObjectTest& test, bool change = true);
  [[nodiscard]] bool mine(const std::string& object, bool change) const;
  [[nodiscard]] std::string pick_view(const std::function<bool(const Reference::View&)>& test,
                                      bool change = true);
  [[nodiscard]] std::string pick_adl(const std::function<bool(const Reference::Adl&)>& test,
                                     bool change = true);
  [[nodiscard]] std::string fresh(char kind);
  /// 0 to limit, near the ends rather than between.
  [[nodiscard]] std::uint64_t place(std::uint64_t limit);
  [[nodiscard]] unsigned gpu() { return static_cast<unsigned>(dice_.below(options_.machine.adapters)); }
  [[nodiscard]] int member() { return static_cast<int>(gpu()); }

  const GenerateOptions& options_;
  const Reference& reference_;
  Dice& dice_;
  unsigned thread_ = 0;
  unsigned threads_ = 1;
  std::map<std::string, int> owner_;       // by object
  std::map<std::string, unsigned> maker_;  // thread that made a view or an ADL
  std::uint64_t next_name_ = 0;
  bool ending_ = false;  // every call breaks a rule
};

}  // namespace gpudmar::random
