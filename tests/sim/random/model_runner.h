// SPDX-License-Identifier: Apache-2.0
// Runs a random stream against dxgkrnl on the machine without clock, and looks at what no step asks for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/random/reference.h"
#include "tests/driver-model/dxgkrnl/scripted_miniport.h"

namespace gpudmar::random {

/// A fault planted between the stream and the system.
struct Sabotage {
  std::function<bool(const Step&)> skip;  ///< true: the callback is not called
  std::function<bool(const Step&)> lose;  ///< true: what the CPU or a GPU writes gets lost
  std::function<void(const Step&, Expected& answer)> answer;  ///< changes what came back
};

struct ModelRun {
  std::string failure;                          ///< what kind of thing went wrong; empty: nothing
  std::string detail;                           ///< for people: which step, and how
  std::size_t steps = 0;                        ///< done
  std::map<std::string, std::uint64_t> judged;  ///< rules that were looked at without a step of their own
};

/// The machine that the default reference stands for.
[[nodiscard]] Reference::Machine model_machine(const std::string& iommu);

class ModelRunner {
 public:
  ModelRunner(const Stream& stream, const Reference::Machine& machine, const Sabotage& sabotage);
  ~ModelRunner();
  /// Sections of threads run in some order by the stream's seed, one step of one thread at a time.
  [[nodiscard]] ModelRun run();

 private:
  struct Failure;
  struct Object {
    HANDLE physical = nullptr;
    HANDLE adapter = nullptr;  ///< the last one it had
    bool open = false;
  };
  struct View {
    std::string object;
    void* base = nullptr;
    SIZE_T size = 0;
    std::uint8_t* data = nullptr;
  };
  struct Adl {
    std::string object;
    DXGK_ADL* adl = nullptr;
    bool alive = false;
    std::vector<std::uint64_t> pages;  ///< device addresses
  };

  void step(const Step& step);
  [[nodiscard]] Expected call(const Step& step);
  [[nodiscard]] NTSTATUS create(const Step& step);
  void check_placement(const Step& step, HANDLE object);
  [[nodiscard]] NTSTATUS open(const Step& step);
  void close(const Step& step);
  void destroy(const Step& step);
  [[nodiscard]] NTSTATUS map(const Step& step);
  void unmap(const Step& step);
  [[nodiscard]] NTSTATUS allocate(const Step& step);
  void free(const Step& step);
  void check_adl(const Step& step, const DXGK_ADL& adl);
  void check_neighbours(const Adl& adl);
  void data(const Step& step);
  void copy(const Step& step);
  void probe(const Step& step);
  [[nodiscard]] std::vector<std::uint8_t> read(const Operand& from, unsigned gpu, std::uint64_t size);
  void write(const Operand& to, unsigned gpu, const std::vector<std::uint8_t>& bytes);
  [[nodiscard]] std::uint64_t address(const Operand& operand, std::uint64_t offset) const;
  [[nodiscard]] HANDLE handle(const Step& step, bool adapter) const;
  [[nodiscard]] HANDLE device(int adapter) const;
  [[nodiscard]] bool blocked(unsigned gpu, std::uint64_t address, bool write);
  void expect(bool holds, const std::string& what, const std::string& detail = {});
  void judged(const char* rule) { ++run_.judged[rule]; }
  [[nodiscard]] const DXGKRNL_INTERFACE& table() const { return system_.table(); }

  const Stream& stream_;
  const Reference::Machine& machine_;
  const Sabotage& sabotage_;
  dxgkrnl::System system_;
  std::map<std::string, Object> objects_;
  std::map<std::string, View> views_;
  std::map<std::string, Adl> adls_;
  std::multiset<std::uint64_t> live_pages_;  ///< device addresses that some ADL holds
  std::vector<std::vector<std::uint8_t>> vram_;
  std::vector<vtd::FaultRecord> faults_;
  ModelRun run_;
};

}  // namespace gpudmar::random
