// SPDX-License-Identifier: Apache-2.0
// The rules of the memory-object callbacks as a model of their own: predicts each step's outcome and the
// bytes of each object. Written from docs/ddi-rules.md; shares nothing with driver-model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/random/steps.h"

namespace gpudmar::random {

/// Bytes of which some are not known.
class Content {
 public:
  explicit Content(std::uint64_t size, bool zeroed) : bytes_(size, 0), known_(size, zeroed ? 1 : 0) {}
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
  [[nodiscard]] bool known(std::uint64_t offset, std::uint64_t size) const;
  /// The known bytes around `offset`: first and one past the last; equal when it is not known.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> known_run(std::uint64_t offset) const;
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  void fill(std::uint64_t offset, std::uint64_t size, std::uint64_t pattern);
  void forget(std::uint64_t offset, std::uint64_t size);
  /// Take `size` bytes over from `source`, with what is known of them.
  void copy(std::uint64_t offset, const Content& source, std::uint64_t source_offset, std::uint64_t size);

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> known_;
};

/// What the reference says about a step.
struct Verdict {
  Expected expected;
  std::vector<std::string> rules;  ///< that decided it
  bool blocked = false;            ///< PROBE
  std::uint64_t digest = 0;        ///< CHECK
  /// Why the rules do not decide the step's outcome: two rules of one rank, content that nobody knows, a name
  /// that was never made. Such a step does not belong into a stream.
  std::string undecided;
};

class Reference {
 public:
  struct Machine {
    unsigned adapters = 2;
    bool translated = true;                            ///< blocked accesses exist: any mode but off
    bool identity = false;                             ///< 1:1 isolation: numbers are those of pages
    std::uint64_t vram_bytes = 1U << 20;               ///< that streams use, per adapter
    std::uint64_t highest_visible = (1ULL << 40) - 1;  ///< by the GPUs
    std::uint64_t device_base = 0xD000'0000;           ///< bus address of a peer's memory
    std::uint64_t device_bytes = 1U << 18;             ///< of it, that streams use
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ram = {
        {0, 2ULL << 30}, {4ULL << 30, 2ULL << 30}, {1ULL << 40, 4ULL << 30}};  ///< base, bytes
  };
  struct Object {
    bool created = false;  ///< has, or had, a handle
    bool alive = false;
    bool was_open = false;  ///< has, or had, an adapter handle
    bool open = false;
    ObjectType type{};
    std::uint64_t asked = 0;  ///< bytes
    std::uint64_t size = 0;   ///< rounded to pages
    bool cpu_writable = true;
    bool device_writable = true;
    Content content{0, false};  ///< not of IO_SPACE
    std::uint64_t base = 0;     ///< of IO_SPACE: within the device's memory
    unsigned adls = 0;
    unsigned views = 0;
  };
  struct View {
    std::string object;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool made = false;
    bool alive = false;
  };
  struct Adl {
    std::string object;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool made = false;
    bool alive = false;
    std::uint64_t freed_at = 0;  ///< number of ADLs made until then
  };

  explicit Reference(Machine machine);

  /// The outcome of a step in the present state; changes nothing. `alone`: no other thread runs beside it.
  [[nodiscard]] Verdict judge(const Step& step, bool alone) const;
  /// Do it. The verdict must be decided and no bugcheck.
  void apply(const Step& step, const Verdict& verdict);

  /// Threads that ran side by side have ended: the order of what they did is not known.
  void join() { ++adls_made_; }

  [[nodiscard]] const std::map<std::string, Object>& objects() const { return objects_; }
  [[nodiscard]] const std::map<std::string, View>& views() const { return views_; }
  [[nodiscard]] const std::map<std::string, Adl>& adls() const { return adls_; }
  [[nodiscard]] const Machine& machine() const { return machine_; }
  /// Where an object's bytes stand: the content and where in it the object begins. The object must have
  /// lived.
  [[nodiscard]] std::pair<const Content*, std::uint64_t> bytes(const std::string& name) const;

 private:
  class Ruling;
  void judge_create(const Step& step, Ruling& ruling) const;
  void judge_open(const Step& step, Ruling& ruling) const;
  void judge_close(const Step& step, Ruling& ruling) const;
  void judge_destroy(const Step& step, Ruling& ruling) const;
  void judge_map(const Step& step, Ruling& ruling) const;
  void judge_unmap(const Step& step, Ruling& ruling) const;
  void judge_adl(const Step& step, Ruling& ruling) const;
  void judge_free(const Step& step, Ruling& ruling) const;
  void judge_stop(Ruling& ruling) const;
  void judge_data(const Step& step, Ruling& ruling) const;
  void judge_copy(const Step& step, Ruling& ruling) const;
  void judge_probe(const Step& step, bool alone, Ruling& ruling) const;
  void judge_address(const Step& step, bool alone, Ruling& ruling) const;
  void judge_reattach(bool alone, Ruling& ruling) const;
  /// Where numbers are those of pages: a live ADL names the page behind `offset` of this one.
  [[nodiscard]] bool page_held(const Adl& adl, std::uint64_t offset) const;
  /// The same of a page of the peer's memory, `offset` bytes from its begin.
  [[nodiscard]] bool device_page_held(std::uint64_t offset) const;
  /// The rule of what device addresses are.
  [[nodiscard]] const char* address_rule() const {
    return machine_.translated && !machine_.identity ? "R134" : "R135";
  }
  [[nodiscard]] std::uint64_t ram_pages(std::uint64_t low, std::uint64_t high) const;
  [[nodiscard]] const Object* object(const std::string& name) const;
  template <typename Self>
  [[nodiscard]] static auto bytes_of(Self& self, const std::string& name);
  /// The bytes behind an operand: content and offset; null = none. `Self` is this class, const or not.
  template <typename Self>
  [[nodiscard]] static auto place(Self& self, const Operand& operand, unsigned gpu);

  Machine machine_;
  std::map<std::string, Object> objects_;
  std::map<std::string, View> views_;
  std::map<std::string, Adl> adls_;
  std::vector<Content> vram_;
  Content device_;  // what IO_SPACE objects lie over
  std::uint64_t adls_made_ = 0;
};

}  // namespace gpudmar::random
