// SPDX-License-Identifier: Apache-2.0
// The same assertions once more, as C11 sees the headers.
// One text for both languages.
// NOLINTBEGIN(bugprone-suspicious-include): the .cpp files are what C++ compiles of it
#include "layout_checks_kernel.cpp"
#include "layout_checks_lists.cpp"
#include "layout_checks_paging.cpp"
#include "layout_checks_structs.cpp"
#include "layout_checks_tables.cpp"
#include "layout_checks_values.cpp"
// NOLINTEND(bugprone-suspicious-include)
