/* SPDX-License-Identifier: MIT */
/*
 * What the host does to the PS/2 keyboard and mouse.  [loop]
 *
 * What the guest does not take in time is dropped, whole keys and whole
 * packets at a time.
 */
#ifndef MOTE_DEV_I8042_H
#define MOTE_DEV_I8042_H

#include "vmm/core/device.h"

/* `code` is the key's of scan code set 1; bit 7 stands for its E0 prefix. */
void i8042_key(struct device *d, u8 code, bool down);

enum { I8042_LEFT = BIT(0), I8042_RIGHT = BIT(1), I8042_MIDDLE = BIT(2) };
/* By so much, y down; buttons as they are now. */
void i8042_mouse(struct device *d, int dx, int dy, int dz, u8 buttons);

#endif
