// SPDX-License-Identifier: MIT
/*
 * virtio-console (virtio 1.2, 5.3): a console on port 0 and named ports with
 * multiport control messages.  Ports are properties of the device (chardev,
 * chardev1 to chardev7) or devices of their own (virtserialport.c).  The
 * console on port 0 has the size of the terminal its chardev is.
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
enum { PORTS = 31, PORTS_USUAL = 8, IOVS = 256, CTRL_RX = 2, CTRL_TX = 3, CONTROLS = 64 };

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
	const char *title;             /* what the guest hears; NULL: none */
	const struct device *dev;      /* virtserialport; NULL: none       */
	unsigned index;
	bool there, console;
	bool ready;                    /* the driver knows it              */
	bool host_open, guest_open;
	bool told_open;                /* what VSERPORT_CHANGE said last   */
	struct virtq_chain tx;         /* being written                    */
	bool tx_held;
	u64 tx_done;
	struct iovec tx_iov[IOVS];
};

struct virtio_console {
	struct virtio v;
	u32 p_max_ports;               /* 0: as many as are wanted         */
	struct port ports[PORTS];
	unsigned nports;
	struct control out[CONTROLS];  /* waiting for room: a ring         */
	u32 out_at, out_n;
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
		const char *name = c->ports[m->id].title;
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

	p->ready = true;
	if (p->console)
		control(c, p->index, CONSOLE_PORT, 1);
	if (!p->index && virtio_has(&c->v, F_SIZE))
		control(c, 0, RESIZE, 0);
	if (p->title)
		control(c, p->index, PORT_NAME, 1);
	if (p->host_open)
		control(c, p->index, PORT_OPEN, 1);
}

static void on_control(struct virtio_console *c, const struct control *m)
{
	if (m->event == DEVICE_READY) {
		for (unsigned i = 0; m->value && i < c->nports; i++)
			if (c->ports[i].there)
				control(c, i, PORT_ADD, 1);
		return;
	}
	if (m->id >= c->nports || !c->ports[m->id].there)
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
	       (p->guest_open || !multiport(p->c) || p->console) &&
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
		if (p->ready)
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

/* Also the end of loading state, which is as little trusted as the guest, and
 * came with another terminal's size. */
static void console_start(struct virtio *v)
{
	struct virtio_console *c = of_virtio(v);
	const u32 n = MIN(c->out_n, (u32)CONTROLS);

	c->out_at %= CONTROLS;
	c->out_n = 0;
	for (u32 i = 0; i < n; i++) {
		struct control m = c->out[(c->out_at + i) % CONTROLS];

		if (m.id < c->nports)
			c->out[(c->out_at + c->out_n++) % CONTROLS] = m;
	}
	for (unsigned i = 0; i < c->nports; i++)
		if (c->ports[i].told_open != c->ports[i].guest_open)
			device_event(&v->pci.dev, DEV_EV_PORT);
	look_at_window(c);
}

static void console_reset(struct virtio *v)
{
	struct virtio_console *c = of_virtio(v);

	c->out_n = 0;
	c->window_told = false;
	for (unsigned i = 0; i < c->nports; i++) {
		struct port *p = &c->ports[i];

		if (p->tx_held)
			virtq_drop(virtio_q(v, tx_queue(i)), &p->tx);
		p->tx_held = false;
		p->ready = p->guest_open = false;
		if (p->told_open)
			device_event(&v->pci.dev, DEV_EV_PORT);
	}
}

static void console_hold(struct virtio *v)
{
	struct virtio_console *c = of_virtio(v);

	for (unsigned i = 0; i < c->nports; i++)
		if (c->ports[i].tx_held)
			virtio_hold(v, tx_queue(i), &c->ports[i].tx,
				    c->ports[i].tx_done);
}

static bool console_take_back(struct virtio *v, const struct virtio_held *h)
{
	const unsigned port = h->q < 2 ? 0 : h->q / 2 - 1;
	struct port *p = &of_virtio(v)->ports[port];

	if (port >= of_virtio(v)->nports || h->q != tx_queue(port) || p->tx_held)
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

static int port_attach(struct port *p, struct chardev *chr, struct err *e)
{
	return chr ? chardev_attach(chr, &p->fe, &fe_ops, p, e) : 0;
}

static void port_detach(struct port *p)
{
	if (p->fe.chr)
		chardev_detach(&p->fe);
}

/* Those that are properties. */
static int attach_ports(struct virtio_console *c, bool any, struct err *e)
{
	for (unsigned i = 0; i < c->nports; i++) {
		struct port *p = &c->ports[i];
		int rc;

		p->c = c;
		p->index = i;
		p->console = !i;
		p->title = p->name;
		p->there = p->chr || (!i && (any || c->nports == 1));
		rc = port_attach(p, p->chr, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void detach_ports(struct virtio_console *c)
{
	for (unsigned i = 0; i < c->nports; i++)
		port_detach(&c->ports[i]);
}

static int console_realize(struct virtio *v, struct err *e)
{
	struct virtio_console *c = of_virtio(v);
	unsigned wanted = 0;
	int rc;

	for (unsigned i = 0; i < PORTS; i++)
		if (c->ports[i].chr)
			wanted = i + 1;
	c->nports = wanted ? wanted : PORTS_USUAL;
	if (c->p_max_ports) {
		if (c->p_max_ports < wanted || c->p_max_ports > PORTS)
			return err_set(e, -EINVAL, "max_ports=%u is not %u to "
				       "%u", c->p_max_ports, MAX(wanted, 1),
				       PORTS);
		c->nports = c->p_max_ports;
	}
	rc = attach_ports(c, wanted, e);
	if (rc < 0) {
		detach_ports(c);
		return rc;
	}
	v->nqueues = c->nports > 1 ? 2 + 2 * c->nports : 2;
	v->offered = BIT64(F_SIZE) | BIT64(F_EMERG_WRITE);
	if (c->nports > 1)
		v->offered |= BIT64(F_MULTIPORT);
	virtio_config_put(v, MAX_NR_PORTS, c->nports, 4);
	return 0;
}

/* Other consoles' stay. */
static void drop_kick(void *opaque)
{
	struct port *p = opaque;

	if (!p->c->v.gone)
		loop_post(p->c->v.loop, later_kick, p);
}

static void console_unrealize(struct virtio *v)
{
	loop_unpost(v->pci.dev.env->loop, later_kick, drop_kick);
	detach_ports(of_virtio(v));
}

/* --- ports that are devices ------------------------------------------------ */

static struct port *free_port(struct virtio_console *c,
			      const struct console_port *want, struct err *e)
{
	const unsigned first = want->console ? 0 : 1;

	if (want->nr != CONSOLE_PORT_ANY &&
	    (want->nr < first || want->nr >= c->nports)) {
		err_set(e, -EINVAL, "nr=%u is not %u to %u", want->nr, first,
			c->nports - 1);
		return NULL;
	}
	for (unsigned i = 0; want->name && i < c->nports; i++)
		if (c->ports[i].title && !strcmp(c->ports[i].title, want->name)) {
			err_set(e, -EEXIST, "there is a port named '%s' "
				"already", want->name);
			return NULL;
		}
	for (unsigned i = first; i < c->nports; i++)
		if (!c->ports[i].there &&
		    (want->nr == CONSOLE_PORT_ANY || want->nr == i))
			return &c->ports[i];
	if (want->nr != CONSOLE_PORT_ANY)
		err_set(e, -EBUSY, "there is a port with nr=%u already",
			want->nr);
	else
		err_set(e, -ENOSPC, "no port is free: there are %u "
			"(max_ports=)", c->nports);
	return NULL;
}

int virtio_console_port_add(struct device *d, const struct console_port *want,
			    struct err *e)
{
	struct virtio_console *c = of_virtio(to_virtio(d));
	struct port *p = free_port(c, want, e);
	int rc;

	if (!p)
		return e->rc;
	p->console = want->console;
	rc = port_attach(p, want->chr, e);
	if (rc < 0)
		return rc;
	virtio_lock(&c->v);
	p->title = want->name;
	p->dev = want->dev;
	p->there = true;
	control(c, p->index, PORT_ADD, 1);
	virtio_unlock(&c->v);
	return p->index;
}

void virtio_console_port_remove(struct device *d, unsigned nr)
{
	struct virtio_console *c = of_virtio(to_virtio(d));
	struct port *p = &c->ports[nr];

	virtio_lock(&c->v);
	if (p->tx_held) {              /* what is not written yet is lost  */
		p->tx_done = p->tx.out_len;
		p->tx_held = !virtio_running(&c->v);
		if (!p->tx_held)       /* else send_out does, later        */
			virtio_done(&c->v, tx_queue(nr), &p->tx, 0);
	}
	p->there = p->ready = p->host_open = false;
	p->guest_open = p->told_open = false;
	p->title = NULL;
	p->dev = NULL;
	control(c, nr, PORT_REMOVE, 1);
	virtio_unlock(&c->v);
	port_detach(p);
}

bool virtio_console_changed(struct device *d, unsigned *port, bool *open,
			    const struct device **dev)
{
	struct virtio_console *c = of_virtio(to_virtio(d));

	SCOPED_LOCK(&d->lock);
	for (unsigned i = 0; i < c->nports; i++) {
		struct port *p = &c->ports[i];

		if (p->told_open == p->guest_open)
			continue;
		*port = i;
		*dev = p->dev;
		*open = p->told_open = p->guest_open;
		return true;
	}
	return false;
}

static void console_describe(struct virtio *v, struct strbuf *out)
{
	const struct virtio_console *c = of_virtio(v);

	for (unsigned i = 0; i < c->nports; i++)
		if (c->ports[i].fe.chr)
			strbuf_addf(out, "port %u, guest %s, host %s\n", i,
				    c->ports[i].guest_open ? "on" : "off",
				    c->ports[i].host_open ? "on" : "off");
}

/* --- state ----------------------------------------------------------------- */

static const struct state_field control_fields[] = {
	STATE_FIELD(STATE_U32, struct control, id,    1),
	STATE_FIELD(STATE_U16, struct control, event, 1),
	STATE_FIELD(STATE_U16, struct control, value, 1),
	STATE_END
};

static const struct state_desc control_state = {
	.version = 1, .oldest = 1, .fields = control_fields,
};

static const struct state_field port_fields[] = {
	STATE_FIELD(STATE_BOOL, struct port, ready,      1),
	STATE_FIELD(STATE_BOOL, struct port, guest_open, 1),
	STATE_END
};

static const struct state_desc port_state = {
	.version = 1, .oldest = 1, .fields = port_fields,
};

/* What a chain that is out has yet to give is virtio_state's. */
static const struct state_field console_fields[] = {
	STATE_STRUCTS(struct virtio_console, ports, port_state, 1),
	STATE_STRUCTS(struct virtio_console, out, control_state, 1),
	STATE_FIELD(STATE_U32,  struct virtio_console, out_at,      1),
	STATE_FIELD(STATE_U32,  struct virtio_console, out_n,       1),
	STATE_FIELD(STATE_BOOL, struct virtio_console, window_told, 1),
	STATE_END
};

static const struct state_desc console_state = {
	.version = 1, .oldest = 1, .fields = console_fields,
};

/* --- rows ------------------------------------------------------------------ */

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

VIRTIO_BUS_DEVICE("virtio-serial-bus", virtio_serial, "virtio-serial", struct virtio_console,
	console_class, VIRTIO_ID_CONSOLE, 0x078000, console_state, "Input",
	"a console and named ports",
	PROP("chardev", PROP_CHARDEV, struct virtio_console, ports[0].chr,
	     NULL, "the console, port 0"),
	CHR(1), CHR(2), CHR(3), CHR(4), CHR(5), CHR(6), CHR(7),
	NAME(1), NAME(2), NAME(3), NAME(4), NAME(5), NAME(6), NAME(7),
	PROP("max_ports", PROP_U32, struct virtio_console, p_max_ports, "0",
	     "ports there is room for (0: those named here, or 8)"),);
