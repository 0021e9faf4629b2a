/* SPDX-License-Identifier: MIT */
/*
 * A console for others: the ports that are devices of their own
 * (virtserialport.c), and the monitor.  [loop]
 */
#ifndef MOTE_VIRTIO_CONSOLE_H
#define MOTE_VIRTIO_CONSOLE_H

#include "vmm/core/device.h"

enum { CONSOLE_PORT_ANY = -1u };

struct console_port {
	const struct device *dev;      /* whose port it is                 */
	struct chardev *chr;           /* NULL: to nowhere                 */
	const char *name;              /* borrowed while it is there; NULL */
	unsigned nr;
	bool console;                  /* and not a port                   */
};

/* Its number, or -errno with a sentence.  Port 0 is for a console. */
int  virtio_console_port_add(struct device *d, const struct console_port *want,
			     struct err *e);
void virtio_console_port_remove(struct device *d, unsigned nr);

/* A port a program in the guest opened or closed since this was last asked
 * about it (`dev` NULL: one of the console's own); false: there is none. */
bool virtio_console_changed(struct device *d, unsigned *port, bool *open,
			    const struct device **dev);

#endif
