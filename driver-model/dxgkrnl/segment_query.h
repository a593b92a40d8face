// SPDX-License-Identifier: Apache-2.0
// QUERYSEGMENT4 as it is asked: twice.
#pragma once

#include <string>
#include <vector>

#include "driver-model/dxgkrnl/paging_segments.h"

namespace gpudmar::dxgkrnl {

/// The segments of a member of the link, as its driver describes them; `rest` is the second answer. None:
/// STATUS_SUCCESS. `why` says what is wrong with an answer that is refused.
[[nodiscard]] NTSTATUS query_segments(const SegmentQuery& query, UINT physical_adapter,
                                      std::vector<DXGK_SEGMENTDESCRIPTOR4>& segments,
                                      DXGK_QUERYSEGMENTOUT4& rest, std::string& why);

}  // namespace gpudmar::dxgkrnl
