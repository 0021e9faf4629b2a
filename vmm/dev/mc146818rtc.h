/* SPDX-License-Identifier: MIT */
/*
 * CMOS bytes the machine wants a guest to find, beyond time and RAM size
 * which the RTC fills in by itself; and how far the guest has set its clock.
 */
#ifndef MOTE_DEV_MC146818RTC_H
#define MOTE_DEV_MC146818RTC_H

#include "vmm/core/device.h"

/* Index 0x0e-0x7f; others are ignored.  Survives a reset. [loop] */
void mc146818rtc_set_cmos(struct device *d, u8 index, u8 val);

/* Seconds between what the guest set and what -rtc says. [any] */
s64  mc146818rtc_offset(struct device *d);

/* Nanoseconds of wall time until an enabled alarm; -1: there is none. [any] */
s64  mc146818rtc_alarm_in(struct device *d);

#endif
