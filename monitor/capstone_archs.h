/* SPDX-License-Identifier: MIT */
/*
 * The door to capstone: only the guests' architectures are behind it.
 */
#ifndef MOTE_MONITOR_CAPSTONE_ARCHS_H
#define MOTE_MONITOR_CAPSTONE_ARCHS_H

#include <capstone/capstone.h>

/* As cs_open; close with cs_close. [any] */
cs_err capstone_open(cs_arch arch, cs_mode mode, csh *h);

#endif
