// SPDX-License-Identifier: Apache-2.0
// The program for one build of the unit. Exit status: 0 every promise kept, 1 one missed, 2 not measured.
#include <fmt/format.h>

#include <exception>

#include "tests/bench/iommu_rows.h"

#ifndef GPUDMAR_BENCH_LARGE
#define GPUDMAR_BENCH_LARGE 0
#endif

namespace gpudmar::bench {
namespace {

int run(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv);
  const sim::Contract contract =
      arguments.contract.empty() ? sim::Contract::standard() : sim::Contract::parse(arguments.contract);
  Results results(arguments.filter, GPUDMAR_PIPE == 0 ? "" : fmt::format(".pipe{}", GPUDMAR_PIPE));
  if (!arguments.list.empty()) results.list_to(arguments.list);
  const IommuVariant variant{GPUDMAR_PIPE, GPUDMAR_BENCH_WALKS, GPUDMAR_BENCH_IOTLB};
  IommuRows rows(variant, contract, results);
  if (GPUDMAR_BENCH_LARGE != 0) {
    rows.large_iotlb();
  } else {
    rows.all();
  }
  if (!arguments.out.empty())
    results.write(
        arguments.out,
        {{"pipe", variant.pipe}, {"walks", variant.walks}, {"iotlb_entries", variant.iotlb_entries}}, 1);
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
