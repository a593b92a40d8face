// SPDX-License-Identifier: Apache-2.0
// The page without its data: report.html, as the build puts it in.
#pragma once

namespace gpudmar::sim {

/// Has "@DATA@" where the data belongs.
extern const char* const kReportTemplate;

}  // namespace gpudmar::sim
