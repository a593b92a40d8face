// SPDX-License-Identifier: Apache-2.0
// A machine with a VT-d unit at FED90000h and two devices behind it, driven through qtest. The unit and the
// tables are driven by the same bytes on every machine; only the devices differ.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/oracle/case.h"
#include "sim/oracle/client.h"

namespace gpudmar::oracle {

struct Fault {
  unsigned reason = 0;
  std::uint16_t source = 0;
  bool write = false;
  std::uint64_t page = 0;
};
[[nodiscard]] bool operator==(const Fault& a, const Fault& b);
[[nodiscard]] std::string to_string(const Fault& fault);

/// What one access did, as software can see it.
struct Observation {
  bool made = false;                             ///< not made: see plan()
  std::vector<Fault> faults;                     ///< in the order in which the unit recorded them
  bool overflow = false;                         ///< FSTS.PFO
  std::optional<bool> failed;                    ///< what the device says, if it can
  std::vector<std::uint8_t> data;                ///< what the device read
  std::vector<std::vector<std::uint8_t>> after;  ///< contents of the targets in data pages, behind the access
};

/// The whole case.
struct Outcome {
  std::vector<Observation> accesses;
  std::vector<std::uint8_t> data_pages;  ///< at the end
};

/// Lies to or about one machine: how the comparison is shown to notice.
struct Tamper {
  std::function<void(Store&)> store;
  std::function<void(Invalidation&)> invalidation;
  std::function<void(const Access&, Observation&)> observation;
};

class Machine {
 public:
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// What it is, for people and the summary.
  [[nodiscard]] virtual std::string version() const = 0;
  /// From tables in memory to the last access.
  [[nodiscard]] Outcome run(const Case& test);
  /// What checkers of its own have found wrong so far.
  [[nodiscard]] virtual std::uint64_t violations() { return 0; }
  /// Ends it; its exit status, -1 if it did not end by itself.
  [[nodiscard]] virtual int end() = 0;
  void tamper(Tamper with) { tamper_ = std::move(with); }

 protected:
  Machine() = default;

  [[nodiscard]] virtual QtestClient& bus() = 0;
  /// Lets the hardware do what it has been told.
  virtual void settle() = 0;
  /// One access; fills `failed` and `data`. `bytes` is what a write carries.
  virtual void dma(const Access& access, const std::vector<std::uint8_t>& bytes, Observation& result) = 0;

  /// The unit has another root table; it is in memory.
  virtual void root_changed(std::uint64_t /*root*/) {}

  /// Once, before the first case: reads the capabilities, starts the queue, turns translation on for good.
  void start_unit();
  /// Puts descriptors into the queue, and one that waits for them; with `wait`, until its status is there.
  void submit(const std::vector<Invalidation>& invalidations, bool wait);
  /// Polls until `done`; `what` names it in the error.
  void wait_for(const std::function<bool()>& done, const char* what);

 private:
  void store(Store store);
  void command(std::uint32_t levels, std::uint32_t once);
  void set_root(std::uint64_t root);
  void invalidate(std::vector<Invalidation> invalidations);
  void fill_data_page(std::uint64_t address);
  void take_faults(Observation& result);
  [[nodiscard]] Observation access(const TableImage& image, const Access& access);

  Tamper tamper_;
  std::uint64_t records_at_ = 0;
  unsigned records_ = 0;
  std::uint32_t levels_ = 0;  ///< of GCMD
  bool dirty_ = true;         ///< the data pages hold something else than at the beginning of a case
  unsigned tail_ = 0;         ///< of the queue, in descriptors
  std::uint32_t ticket_ = 0;  ///< of the last wait descriptor
};

}  // namespace gpudmar::oracle
