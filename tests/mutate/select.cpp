// SPDX-License-Identifier: Apache-2.0
// The number of the mutant that this process runs, from GPUDMAR_MUTANT; 0, which is none, without it.
// mutant_pkg of the mutated RTL asks once, when a model begins.
#include <cstdlib>

extern "C" int gpudmar_mutant();
extern "C" int gpudmar_mutant() {
  const char* text = std::getenv("GPUDMAR_MUTANT");
  return text != nullptr ? std::atoi(text) : 0;
}
