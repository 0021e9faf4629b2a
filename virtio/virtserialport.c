// SPDX-License-Identifier: MIT
/*
 * virtserialport and virtconsole: ports of a virtio-serial as devices of their
 * own, which may come and go while the guest runs.
 *
 * Talks to: the virtio-serial that is its parent (virtio_console.h).
 * Never:    has queues or registers: those are the parent's.
 */
#include <errno.h>

#include "virtio/virtio_console.h"

struct virtserialport {
	struct device dev;
	struct chardev *chr;           /* properties */
	char *name;
	u32 nr;
	unsigned at;                   /* the number it got                */
};

static struct virtserialport *to_port(struct device *d)
{
	return container_of(d, struct virtserialport, dev);
}

static int port_realize(struct device *d, bool console, struct err *e)
{
	struct virtserialport *p = to_port(d);
	const struct console_port want = {
		.dev = d, .chr = p->chr, .nr = p->nr, .console = console,
		.name = p->name && *p->name ? p->name : NULL,
	};
	int rc = virtio_console_port_add(d->parent, &want, e);

	if (rc < 0)
		return rc;
	p->at = rc;
	return 0;
}

static int realize_port(struct device *d, struct err *e)
{
	return port_realize(d, false, e);
}

static int realize_console(struct device *d, struct err *e)
{
	return port_realize(d, true, e);
}

static void port_unrealize(struct device *d)
{
	virtio_console_port_remove(d->parent, to_port(d)->at);
}

static void port_describe(struct device *d, struct strbuf *out)
{
	strbuf_addf(out, "port %u\n", to_port(d)->at);
}

static const struct device_prop port_props[] = {
	PROP("chardev", PROP_CHARDEV, struct virtserialport, chr, NULL,
	     "where the bytes go to and come from"),
	PROP("name", PROP_STR, struct virtserialport, name, NULL,
	     "name in the guest: /dev/virtio-ports/NAME"),
	PROP("nr", PROP_U32, struct virtserialport, nr, "0xffffffff",
	     "number of the port (default: the next one free)"),
	PROP_END
};

#define PORT_CLASS(realize_) \
	.bus = "virtio-serial-bus", .category = "Input", \
	.size = sizeof(struct virtserialport), .props = port_props, \
	.user_creatable = true, .hotplug = true, .realize = (realize_), \
	.unrealize = port_unrealize, .describe = port_describe

const struct device_class virtserialport_class = {
	.name = "virtserialport", .summary = "a port of a virtio-serial",
	PORT_CLASS(realize_port),
};

const struct device_class virtconsole_class = {
	.name = "virtconsole", .summary = "a console of a virtio-serial",
	PORT_CLASS(realize_console),
};
