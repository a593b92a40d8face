// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario/failures.h"

#include <fmt/format.h>

#include "sim/scenario/runner.h"

namespace gpudmar::sim {

bool Failures::set(dxgkrnl::Kernel& kernel, std::optional<std::uint64_t> after, bool sticky, Of of) {
  const bool failed = kernel.pages().failures().disarm();
  wdk::Runtime& runtime = wdk::Runtime::active();
  runtime.fail_pool_after(-1);
  if (!after) return failed;
  if (of == Of::kPool)
    runtime.fail_pool_after(static_cast<std::int64_t>(*after));
  else
    kernel.pages().failures().after(*after, sticky);
  return failed;
}

nlohmann::json Failures::told(std::optional<std::uint64_t> after, bool sticky, Of of) {
  if (!after || of == Of::kPool) return nlohmann::json::object();
  return {{"after", *after}, {"sticky", sticky}};
}

void ScenarioRunner::fail(const Call& call) {
  const auto after = call.has("after") ? std::optional<std::uint64_t>(call.number("after")) : std::nullopt;
  const bool sticky = call.has("sticky") && call.args["sticky"].get<bool>();
  const auto of = call.text("of") == "pool" ? Failures::Of::kPool : Failures::Of::kMemory;
  const replay::Recorder::Action action(choices_.recorder, "fail", Failures::told(after, sticky, of));
  const bool failed = Failures::set(*kernel_, after, sticky, of);
  if (call.has("failed") && call.args["failed"].get<bool>() != failed)
    throw StepFailure(failed ? "an allocation has failed" : "no allocation has failed");
}

}  // namespace gpudmar::sim
