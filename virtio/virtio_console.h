/* SPDX-License-Identifier: MIT */
/*
 * What the monitor asks of a console.  [loop]
 */
#ifndef MOTE_VIRTIO_CONSOLE_H
#define MOTE_VIRTIO_CONSOLE_H

#include "vmm/core/device.h"

/* A port a program in the guest opened or closed since this was last asked
 * about it; false: there is none. */
bool virtio_console_changed(struct device *d, unsigned *port, bool *open);

#endif
