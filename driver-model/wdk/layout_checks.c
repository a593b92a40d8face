// SPDX-License-Identifier: Apache-2.0
// The same assertions once more, as C11 sees the headers.
#include "layout_checks_paging.cpp"
#include "layout_checks_structs.cpp"
#include "layout_checks_tables.cpp"
