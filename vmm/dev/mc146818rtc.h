/* SPDX-License-Identifier: MIT */
/*
 * CMOS bytes the machine wants a guest to find, beyond time and RAM size
 * which the RTC fills in by itself.
 */
#ifndef MOTE_DEV_MC146818RTC_H
#define MOTE_DEV_MC146818RTC_H

#include "vmm/core/device.h"

/* Index 0x0e-0x7f; others are ignored.  Survives a reset. [loop] */
void mc146818rtc_set_cmos(struct device *d, u8 index, u8 val);

#endif
