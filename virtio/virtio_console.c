// SPDX-License-Identifier: MIT
/*
 * virtio-console (virtio 1.2, 5.3): a console on port 0 and, with chardev1 to
 * chardev7 set, named ports with multiport control messages.  The console has
 * the size of the terminal its chardev is.
 *
 * Room:     a chardev a port; queues 0 and 1 are port 0's, 2 and 3 control,
 *           then two a port.
 * Talks to: core/chardev.h; virtio.h.
 * Never:    drops a guest's bytes while its chardev is open: a full chardev
 *           holds the queue until it can take more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/virtio_console.h"
#include "virtio/virtio.h"
#include "vmm/core/chardev.h"

enum { F_SIZE = 0, F_MULTIPORT = 1, F_EMERG_WRITE = 2 };
enum { COLS = 0, ROWS = 2, WINDOW_LEN = 4, MAX_NR_PORTS = 4, EMERG_WR = 8,
       CONFIG_LEN = 12 };
enum { PORTS = 8, IOVS = 256, CTRL_RX = 2, CTRL_TX = 3, CONTROLS = 32 };

enum {                                 /* control messages: 5.3.6.2        */
	DEVICE_READY = 0, PORT_ADD = 1, PORT_REMOVE = 2, PORT_READY = 3,
	CONSOLE_PORT = 4, RESIZE = 5, PORT_OPEN = 6, PORT_NAME = 7,
};

struct control {
	u32 id;
	u16 event, value;
};

struct port {
	struct virtio_console *c;
	struct chardev_fe fe;
	struct chardev *chr;           /* properties */
	char *name;
	unsigned index;
	bool host_open, guest_open;
	bool told_open;                /* what VSERPORT_CHANGE said last   */
	struct virtq_chain tx;         /* being written                    */
	bool tx_held;
	u64 tx_done;
	struct iovec tx_iov[IOVS];
};

struct virtio_console {
	struct virtio v;
	struct port ports[PORTS];
	struct control out[CONTROLS];  /* waiting for room: a ring         */
	unsigned out_at, out_n;
	bool window_told;              /* ... that the size is there to read */
	struct iovec iov[IOVS];
};

static struct virtio_console *of_virtio(struct virtio *v)
{
	return container_of(v, struct virtio_console, v);
}

static unsigned rx_queue(unsigned port)
{
	return port ? 2 + 2 * port : 0;
}

static unsigned tx_queue(unsigned port)
{
	return rx_queue(port) + 1;
}

static bool multiport(const struct virtio_console *c)
{
	return virtio_has(&c->v, F_MULTIPORT);
}

/* The chardev may go on reading; it asks can_read, so not under our lock. */
static void later_kick(void *opaque)
{
	struct port *p = opaque;

	if (p->fe.chr)
		chardev_kick(&p->fe);
}

/* --- control messages ------------------------------------------------------ */

static void send_controls(struct virtio_console *c)
{
	struct virtq_chain ch = { .iov = c->iov, .max = IOVS };
	struct virtq *q = virtio_q(&c->v, CTRL_RX);
	char buf[sizeof(struct control) + 64];
	const u8 *size = c->v.config + COLS;

	while (c->out_n && virtio_pop(&c->v, CTRL_RX, &ch) > 0) {
		const struct control *m = &c->out[c->out_at];
		const char *name = c->ports[m->id].name;
		u64 n = sizeof(*m);

		memcpy(buf, m, sizeof(*m));
		if (m->event == PORT_NAME && name) {
			n += MIN(strlen(name), (size_t)63);
			memcpy(buf + sizeof(*m), name, n - sizeof(*m));
		}
		if (m->event == RESIZE) {      /* 5.3.6.2.1: cols, rows  */
			memcpy(buf + n, size, WINDOW_LEN);
			n += WINDOW_LEN;
		}
		virtq_push(q, &ch, virtq_write(&ch, 0, buf, n));
		c->out_at = (c->out_at + 1) % CONTROLS;
		c->out_n--;
	}
	virtio_notify(&c->v, CTRL_RX);
}

static void control(struct virtio_console *c, u32 id, u16 event, u16 value)
{
	if (!multiport(c) || c->out_n == CONTROLS)
		return;
	c->out[(c->out_at + c->out_n++) % CONTROLS] =
		(struct control){ id, event, value };
	if (virtio_running(&c->v))
		send_controls(c);
}

/* The console's terminal, if it is one, may have another size now. */
static void look_at_window(struct virtio_console *c)
{
	struct virtio *v = &c->v;
	u16 cols = 0, rows = 0;

	chardev_window(&c->ports[0].fe, &cols, &rows);
	if (cols == virtio_config_get(v, COLS, 2) &&
	    rows == virtio_config_get(v, ROWS, 2))
		return;
	virtio_config_put(v, COLS, cols, 2);
	virtio_config_put(v, ROWS, rows, 2);
	if (!virtio_has(v, F_SIZE))
		return;
	virtio_config_changed(v);
	control(c, 0, RESIZE, 0);
}

/* Linux without multiport looks for the size only when it hears of a change;
 * a driver that sends has a console to give it to. */
static void tell_window(struct virtio_console *c)
{
	struct virtio *v = &c->v;

	if (c->window_told)
		return;
	c->window_told = true;
	if (virtio_has(v, F_SIZE) && virtio_config_get(v, COLS, WINDOW_LEN))
		virtio_config_changed(v);
}

static void port_is_ready(struct port *p)
{
	struct virtio_console *c = p->c;

	if (!p->index)
		control(c, 0, CONSOLE_PORT, 1);
	if (!p->index && virtio_has(&c->v, F_SIZE))
		control(c, 0, RESIZE, 0);
	if (p->name)
		control(c, p->index, PORT_NAME, 1);
	if (p->host_open)
		control(c, p->index, PORT_OPEN, 1);
}

static void on_control(struct virtio_console *c, const struct control *m)
{
	if (m->event == DEVICE_READY) {
		for (unsigned i = 0; m->value && i < PORTS; i++)
			if (c->ports[i].chr || !i)
				control(c, i, PORT_ADD, 1);
		return;
	}
	if (m->id >= PORTS)
		return;
	if (m->event == PORT_READY && m->value)
		port_is_ready(&c->ports[m->id]);
	if (m->event != PORT_OPEN)
		return;
	c->ports[m->id].guest_open = m->value;
	device_event(&c->v.pci.dev, DEV_EV_PORT);
	if (m->value)
		loop_post(c->v.loop, later_kick, &c->ports[m->id]);
}

static void take_controls(struct virtio_console *c)
{
	struct virtq_chain ch = { .iov = c->iov, .max = IOVS };
	struct virtq *q = virtio_q(&c->v, CTRL_TX);
	unsigned left = c->v.queue_size;
	struct control m;

	while (virtio_turn(&c->v, CTRL_TX, &left) &&
	       virtio_pop(&c->v, CTRL_TX, &ch) > 0) {
		bool whole = virtq_read(&ch, 0, &m, sizeof(m)) == sizeof(m);

		virtq_push(q, &ch, 0);
		if (whole)
			on_control(c, &m);
	}
	virtio_notify(&c->v, CTRL_TX);
}

/* --- guest to host --------------------------------------------------------- */

/* False: the chardev is full and will say when it is not; or it is somebody
 * else's turn. */
static bool write_out(struct port *p, unsigned *left)
{
	u8 buf[1024];

	while (p->tx_done < p->tx.out_len) {
		u64 n = virtq_read(&p->tx, p->tx_done, buf, sizeof(buf));
		size_t took = n;

		if (!virtio_turn(&p->c->v, tx_queue(p->index), left))
			return false;
		if (p->fe.chr && p->host_open)
			took = chardev_write(&p->fe, buf, n);
		p->tx_done += took;
		if (took < n)
			return false;
	}
	return true;
}

static void send_out(struct port *p)
{
	struct virtio *v = &p->c->v;
	const unsigned tx = tx_queue(p->index);
	struct virtq *q = virtio_q(v, tx);
	unsigned left = v->queue_size;

	for (;;) {
		if (!p->tx_held) {
			p->tx.iov = p->tx_iov;
			p->tx.max = IOVS;
			if (!virtio_turn(v, tx, &left) ||
			    virtio_pop(v, tx, &p->tx) <= 0)
				break;
			p->tx_held = true;
			p->tx_done = 0;
			if (!p->index)
				tell_window(p->c);
		}
		if (!write_out(p, &left))
			break;
		p->tx_held = false;
		virtq_push(q, &p->tx, 0);
	}
	virtio_notify(v, tx);
}

/* --- host to guest --------------------------------------------------------- */

static size_t can_read(void *opaque)
{
	struct port *p = opaque;
	struct virtio *v = &p->c->v;
	struct virtq *q = virtio_q(v, rx_queue(p->index));
	bool room;

	virtio_lock(v);
	room = virtio_running(v) &&
	       (p->guest_open || !multiport(p->c) || !p->index) &&
	       (!virtq_empty(q) || virtq_want_kicks(q, true));
	virtio_unlock(v);
	return room ? 4096 : 0;
}

static void chr_read(void *opaque, const u8 *buf, size_t n)
{
	struct port *p = opaque;
	struct virtio *v = &p->c->v;
	struct virtq *q = virtio_q(v, rx_queue(p->index));
	struct virtq_chain ch = { .iov = p->c->iov, .max = IOVS };

	virtio_lock(v);
	while (n && virtio_running(v) &&
	       virtio_pop(v, rx_queue(p->index), &ch) > 0) {
		u64 part = virtq_write(&ch, 0, buf, n);

		virtq_push(q, &ch, part);
		buf += part;
		n -= part;
		if (!part)
			virtio_break(v, "console: receive buffer without room "
				     "(5.3.6)");
	}
	virtio_notify(v, rx_queue(p->index));
	virtio_unlock(v);
}

static void chr_event(void *opaque, enum chardev_event ev)
{
	struct port *p = opaque;
	struct virtio *v = &p->c->v;

	virtio_lock(v);
	if (ev == CHARDEV_OPENED || ev == CHARDEV_CLOSED) {
		p->host_open = ev == CHARDEV_OPENED;
		control(p->c, p->index, PORT_OPEN, p->host_open);
	}
	if (!p->index && (ev == CHARDEV_OPENED || ev == CHARDEV_RESIZED))
		look_at_window(p->c);
	if (ev != CHARDEV_BREAK && virtio_running(v))
		send_out(p);
	virtio_unlock(v);
}

static const struct chardev_fe_ops fe_ops = {
	.can_read = can_read, .read = chr_read, .event = chr_event,
};

/* --- the device ------------------------------------------------------------ */

static void console_kick(struct virtio *v, unsigned q)
{
	struct virtio_console *c = of_virtio(v);
	unsigned port = q < 2 ? 0 : q / 2 - 1;

	if (q == CTRL_RX)
		send_controls(c);
	else if (q == CTRL_TX)
		take_controls(c);
	else if (q & 1)
		send_out(&c->ports[port]);
	else
		loop_post(v->loop, later_kick, &c->ports[port]);
}

/* State that was loaded came with another terminal's size. */
static void console_start(struct virtio *v)
{
	look_at_window(of_virtio(v));
}

static void console_reset(struct virtio *v)
{
	struct virtio_console *c = of_virtio(v);

	c->out_n = 0;
	c->window_told = false;
	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &c->ports[i];

		if (p->tx_held)
			virtq_drop(virtio_q(v, tx_queue(i)), &p->tx);
		p->tx_held = false;
		p->guest_open = false;
		if (p->told_open)
			device_event(&v->pci.dev, DEV_EV_PORT);
	}
}

static void console_hold(struct virtio *v)
{
	struct virtio_console *c = of_virtio(v);

	for (unsigned i = 0; i < PORTS; i++)
		if (c->ports[i].tx_held)
			virtio_hold(v, tx_queue(i), &c->ports[i].tx,
				    c->ports[i].tx_done);
}

static bool console_take_back(struct virtio *v, const struct virtio_held *h)
{
	const unsigned port = h->q < 2 ? 0 : h->q / 2 - 1;
	struct port *p = &of_virtio(v)->ports[port];

	if (port >= PORTS || h->q != tx_queue(port) || p->tx_held)
		return false;
	p->tx.iov = p->tx_iov;
	p->tx.max = IOVS;
	p->tx_held = virtio_restore(v, h, &p->tx);
	p->tx_done = h->done;
	return p->tx_held;
}

static void console_config_write(struct virtio *v, unsigned off, u64 val,
				 unsigned size)
{
	struct port *p = &of_virtio(v)->ports[0];
	u8 byte = val;

	(void)size;
	if (off == EMERG_WR && p->fe.chr)
		chardev_write(&p->fe, &byte, 1);
}

static int attach_ports(struct virtio_console *c, struct err *e)
{
	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &c->ports[i];
		int rc;

		p->c = c;
		p->index = i;
		if (!p->chr)
			continue;
		rc = chardev_attach(p->chr, &p->fe, &fe_ops, p, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void detach_ports(struct virtio_console *c)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (c->ports[i].fe.chr)
			chardev_detach(&c->ports[i].fe);
}

static int console_realize(struct virtio *v, struct err *e)
{
	struct virtio_console *c = of_virtio(v);
	unsigned last = 0;
	int rc;

	for (unsigned i = 0; i < PORTS; i++)
		if (c->ports[i].chr)
			last = i;
	rc = attach_ports(c, e);
	if (rc < 0) {
		detach_ports(c);
		return rc;
	}
	v->nqueues = last ? 2 + 2 * (last + 1) : 2;
	v->offered = BIT64(F_SIZE) | BIT64(F_EMERG_WRITE);
	if (last)
		v->offered |= BIT64(F_MULTIPORT);
	virtio_config_put(v, MAX_NR_PORTS, last + 1, 4);
	return 0;
}

static void drop_kick(void *opaque)
{
	(void)opaque;
}

static void console_unrealize(struct virtio *v)
{
	loop_unpost(v->pci.dev.env->loop, later_kick, drop_kick);
	detach_ports(of_virtio(v));
}

bool virtio_console_changed(struct device *d, unsigned *port, bool *open)
{
	struct virtio_console *c = of_virtio(to_virtio(d));

	SCOPED_LOCK(&d->lock);
	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &c->ports[i];

		if (p->told_open == p->guest_open)
			continue;
		*port = i;
		*open = p->told_open = p->guest_open;
		return true;
	}
	return false;
}

static void console_describe(struct virtio *v, struct strbuf *out)
{
	const struct virtio_console *c = of_virtio(v);

	for (unsigned i = 0; i < PORTS; i++)
		if (c->ports[i].chr)
			strbuf_addf(out, "port %u, guest %s, host %s\n", i,
				    c->ports[i].guest_open ? "on" : "off",
				    c->ports[i].host_open ? "on" : "off");
}

static const char *const feature_names[64] = {
	[F_SIZE] = "size", [F_MULTIPORT] = "multiport",
	[F_EMERG_WRITE] = "emerg_write",
};

static const struct virtio_class console_class = {
	.name = "virtio-serial", .id = VIRTIO_ID_CONSOLE, .queues = 2,
	.queues_max = 2 + 2 * PORTS, .queue_size = 128,
	.config_size = CONFIG_LEN, .feature_names = feature_names,
	.realize      = console_realize,      .unrealize = console_unrealize,
	.reset        = console_reset,        .kick      = console_kick,
	.config_write = console_config_write, .describe  = console_describe,
	.start        = console_start,
	.hold         = console_hold,         .take_back = console_take_back,
};

#define CHR(n) PROP("chardev" #n, PROP_CHARDEV, struct virtio_console, \
		    ports[n].chr, NULL, "chardev of port " #n)
#define NAME(n) PROP("name" #n, PROP_STR, struct virtio_console, \
		     ports[n].name, NULL, "name of port " #n)

VIRTIO_DEVICE(virtio_serial, "virtio-serial", struct virtio_console,
	console_class, VIRTIO_ID_CONSOLE, 0x078000, virtio_no_state, "Input",
	"a console and named ports",
	PROP("chardev", PROP_CHARDEV, struct virtio_console, ports[0].chr,
	     NULL, "the console, port 0"),
	CHR(1), CHR(2), CHR(3), CHR(4), CHR(5), CHR(6), CHR(7),
	NAME(1), NAME(2), NAME(3), NAME(4), NAME(5), NAME(6), NAME(7),);
