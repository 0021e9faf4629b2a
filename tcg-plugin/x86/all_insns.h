/* SPDX-License-Identifier: MIT */
/* Every row: included with ROW and VROW defined, as often as needed. */
#include "tcg-plugin/x86/insns_int.def"
#if __has_include("tcg-plugin/x86/insns_x87.def")
#include "tcg-plugin/x86/insns_x87.def"
#endif
#if __has_include("tcg-plugin/x86/insns_sse.def")
#include "tcg-plugin/x86/insns_sse.def"
#endif
