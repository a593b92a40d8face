// SPDX-License-Identifier: Apache-2.0
// `serve`: a machine without software, driven through qtest by whoever connects.
#pragma once

#include "sim/serve/serve_options.h"

namespace gpudmar::sim {

/// Serves; what the checkers find goes to stderr. 0: nothing was found; 1: something was.
int run_serve(const ServeOptions& options);

}  // namespace gpudmar::sim
