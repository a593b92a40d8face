// SPDX-License-Identifier: Apache-2.0
// The DMA engine's rows. Exit status: 0 every promise kept, 1 one missed, 2 not measured.
#include <fmt/format.h>

#include <exception>

#include "tests/bench/dma_rows.h"

namespace gpudmar::bench {
namespace {

int run(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv);
  const sim::Contract contract =
      arguments.contract.empty() ? sim::Contract::standard() : sim::Contract::parse(arguments.contract);
  Results results(arguments.filter, "");
  if (!arguments.list.empty()) results.list_to(arguments.list);
  DmaRows rows(contract, results);
  rows.contract_numbers(make_engine256, "");
  rows.contract_numbers(make_engine128_pipe1, ".pipe1");
  rows.channels(make_engine256);
  rows.operations(make_machine256);
  rows.copies(make_machine256);
  rows.copies(make_machine64);
  rows.queued_copies(make_machine256_pipe1, ".pipe1");
  if (!arguments.out.empty())
    results.write(arguments.out,
                  {{"engine_channels", 4},
                   {"machine_channels", 2},
                   {"max_burst", 16},
                   {"reads", 64},
                   {"iotlb_entries", 64},
                   {"walks", 16},
                   {"hint_ahead", 8},
                   {"hint_walks", 16}},
                  1);
  return results.all_kept() ? 0 : 1;
}

}  // namespace
}  // namespace gpudmar::bench

int main(int argc, char** argv) {
  try {
    return gpudmar::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    return 2;
  }
}
