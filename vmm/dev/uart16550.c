/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet).
 *
 * Room:     eight registers, two 16-byte FIFOs, one interrupt.
 * Talks to: a chardev on one side, an ISA interrupt on the other.
 * Never:    waits for the chardev; takes more bytes from it than fit.
 *
 * Sending takes no guest time: a byte is handed to the chardev at once and
 * only what that refuses stays in the transmit FIFO, with THRE low, until
 * CHARDEV_WRITABLE.
 *
 * Invariants (under dev.lock):
 *  1. `wire` is what dev.irq was last told and follows from the registers.
 *  2. tx.n > 0 only while the chardev is full; LSR.THRE is tx.n == 0.
 */
#include <errno.h>

#include "vmm/core/bus.h"
#include "vmm/core/chardev.h"
#include "vmm/core/device.h"

enum { FIFO_LEN = 16, COM_PORTS = 4, CLOCK_HZ = 1843200 };

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum { IER_RDA = BIT(0), IER_THRE = BIT(1), IER_RLS = BIT(2),
       IER_MSI = BIT(3) };
enum { IIR_NONE = 1, IIR_MSI = 0, IIR_THRE = 2, IIR_RDA = 4, IIR_RLS = 6,
       IIR_TIMEOUT = 12, IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = BIT(0), FCR_CLEAR_RX = BIT(1), FCR_CLEAR_TX = BIT(2) };
enum { LCR_DLAB = BIT(7) };
enum { MCR_DTR = BIT(0), MCR_RTS = BIT(1), MCR_OUT1 = BIT(2),
       MCR_OUT2 = BIT(3), MCR_LOOP = BIT(4) };
enum { LSR_DR = BIT(0), LSR_OE = BIT(1), LSR_BI = BIT(4), LSR_THRE = BIT(5),
       LSR_TEMT = BIT(6), LSR_ERRORS = 0x1e };
enum { MSR_CTS = BIT(4), MSR_DSR = BIT(5), MSR_RI = BIT(6), MSR_DCD = BIT(7),
       MSR_DELTAS = 0x0f };

struct fifo {
	u8 buf[FIFO_LEN];
	u8 head, n;
};

struct uart16550 {
	struct device dev;
	u32 index, iobase, irq;        /* properties; index ~0: next free */
	struct chardev *chardev;
	struct chardev_fe fe;
	struct timer timeout;          /* received bytes left unread      */
	u8 ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
	bool thre_pending, timeout_pending, wire;
	struct fifo rx, tx;
};

static struct uart16550 *to_uart(struct device *d)
{
	return container_of(d, struct uart16550, dev);
}

static void fifo_push(struct fifo *f, u8 b)
{
	f->buf[(f->head + f->n++) % FIFO_LEN] = b;
}

static u8 fifo_pop(struct fifo *f)
{
	u8 b = f->buf[f->head];

	f->head = (f->head + 1) % FIFO_LEN;
	f->n--;
	return b;
}

static bool fifos_on(const struct uart16550 *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned rx_room(const struct uart16550 *u)
{
	return fifos_on(u) ? FIFO_LEN - u->rx.n : !u->rx.n;
}

static unsigned rx_trigger(const struct uart16550 *u)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return fifos_on(u) ? level[u->fcr >> 6] : 1;
}

/* --- the interrupt ------------------------------------------------------- */

static u8 cause(const struct uart16550 *u)
{
	if ((u->ier & IER_RLS) && (u->lsr & LSR_ERRORS))
		return IIR_RLS;
	if ((u->ier & IER_RDA) && u->rx.n >= rx_trigger(u))
		return IIR_RDA;
	if ((u->ier & IER_RDA) && u->timeout_pending && u->rx.n)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MSI) && (u->msr & MSR_DELTAS))
		return IIR_MSI;
	return IIR_NONE;
}

static void update(struct uart16550 *u)
{
	bool level = cause(u) != IIR_NONE;

	if (level == u->wire)
		return;
	u->wire = level;
	irq_drive(&u->dev.irq, level);
}

/* --- receiving ----------------------------------------------------------- */

/* Four characters of ten bits, at the rate the divisor sets. */
static s64 timeout_ns(const struct uart16550 *u)
{
	unsigned div = u->dlm << 8 | u->dll;

	return (s64)(div ? div : 1) * 16 * 10 * 4 * 1000000000 / CLOCK_HZ;
}

static void rx_push(struct uart16550 *u, u8 b)
{
	if (!rx_room(u)) {
		u->lsr |= LSR_OE;
		if (!fifos_on(u))      /* the newer byte stays */
			u->rx.buf[u->rx.head] = b;
		return;
	}
	fifo_push(&u->rx, b);
	u->lsr |= LSR_DR;
	if (u->rx.n < rx_trigger(u))
		timer_set(&u->timeout, device_now(&u->dev) + timeout_ns(u));
}

static u8 rx_pop(struct uart16550 *u)
{
	u8 b;

	if (!u->rx.n)
		return 0;
	b = fifo_pop(&u->rx);
	u->timeout_pending = false;
	if (!u->rx.n) {
		u->lsr &= ~LSR_DR;
		timer_cancel(&u->timeout);
	} else if (u->rx.n < rx_trigger(u)) {
		timer_set(&u->timeout, device_now(&u->dev) + timeout_ns(u));
	}
	update(u);
	return b;
}

static void rx_clear(struct uart16550 *u)
{
	u->rx.n = 0;
	u->lsr &= ~LSR_DR;
	u->timeout_pending = false;
	timer_cancel(&u->timeout);
}

static void on_timeout(void *opaque)
{
	struct uart16550 *u = opaque;

	SCOPED_LOCK(&u->dev.lock);
	u->timeout_pending = u->rx.n != 0;
	update(u);
}

/* --- sending ------------------------------------------------------------- */

/* How many of `n` bytes are gone; without a chardev all are. */
static size_t put_out(struct uart16550 *u, const u8 *p, size_t n)
{
	return u->fe.chr ? chardev_write(&u->fe, p, n) : n;
}

static void tx_emptied(struct uart16550 *u)
{
	u->lsr |= LSR_THRE | LSR_TEMT;
	u->thre_pending = true;
	update(u);
}

static void tx_drain(struct uart16550 *u)
{
	while (u->tx.n) {
		u8 b = u->tx.buf[u->tx.head];

		if (!put_out(u, &b, 1))
			return;
		fifo_pop(&u->tx);
	}
	tx_emptied(u);
}

static void thr_write(struct uart16550 *u, u8 b)
{
	u->thre_pending = false;
	update(u);                     /* an edge for every refill */
	if (u->mcr & MCR_LOOP) {
		rx_push(u, b);
		tx_emptied(u);
		return;
	}
	if (u->tx.n == (fifos_on(u) ? FIFO_LEN : 1))
		return;                /* overrun: lost, as on the wire */
	fifo_push(&u->tx, b);
	u->lsr &= ~(LSR_THRE | LSR_TEMT);
	if (u->tx.n == 1)
		tx_drain(u);
}

static void tx_clear(struct uart16550 *u)
{
	if (!u->tx.n)
		return;
	u->tx.n = 0;
	tx_emptied(u);
}

/* --- modem lines --------------------------------------------------------- */

/* Nobody is on the line but a willing peer; in loopback MCR is the peer. */
static u8 modem_lines(const struct uart16550 *u)
{
	u8 m = u->mcr;

	if (!(m & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_DTR ? MSR_DSR : 0) |
	       (m & MCR_OUT1 ? MSR_RI : 0) | (m & MCR_OUT2 ? MSR_DCD : 0);
}

static void update_msr(struct uart16550 *u)
{
	u8 old = u->msr & ~MSR_DELTAS, now = modem_lines(u);
	u8 changed = (old ^ now) & ~MSR_RI;

	changed |= old & ~now & MSR_RI;        /* RI: trailing edge only */
	u->msr = now | (u->msr & MSR_DELTAS) | changed >> 4;
}

/* --- registers ----------------------------------------------------------- */

static u8 iir_read(struct uart16550 *u)
{
	u8 c = cause(u);

	if (c == IIR_THRE) {
		u->thre_pending = false;
		update(u);
	}
	return c | (fifos_on(u) ? IIR_FIFOS : 0);
}

static u8 lsr_read(struct uart16550 *u)
{
	u8 v = u->lsr;

	if (v & LSR_ERRORS) {
		u->lsr &= ~LSR_ERRORS;
		update(u);
	}
	return v;
}

static u8 msr_read(struct uart16550 *u)
{
	u8 v = u->msr;

	if (v & MSR_DELTAS) {
		u->msr &= ~MSR_DELTAS;
		update(u);
	}
	return v;
}

static u8 rbr_read(struct uart16550 *u)
{
	bool was_full = !rx_room(u);
	u8 b = rx_pop(u);

	if ((was_full || !u->rx.n) && u->fe.chr && !(u->mcr & MCR_LOOP))
		chardev_kick(&u->fe);
	return b;
}

static u64 uart_read(struct device *d, u64 off, unsigned size)
{
	struct uart16550 *u = to_uart(d);
	bool dlab = u->lcr & LCR_DLAB;

	(void)size;                    /* 1, by region_ops */
	switch (off) {
	case RBR_THR: return dlab ? u->dll : rbr_read(u);
	case IER:     return dlab ? u->dlm : u->ier;
	case IIR_FCR: return iir_read(u);
	case LCR:     return u->lcr;
	case MCR:     return u->mcr;
	case LSR:     return lsr_read(u);
	case MSR:     return msr_read(u);
	default:      return u->scr;
	}
}

static void ier_write(struct uart16550 *u, u8 val)
{
	u8 rising = val & ~u->ier;

	u->ier = val & 0x0f;
	if ((rising & IER_THRE) && (u->lsr & LSR_THRE))
		u->thre_pending = true;
	update(u);
}

static void fcr_write(struct uart16550 *u, u8 val)
{
	if ((val ^ u->fcr) & FCR_ENABLE)
		val |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (val & FCR_CLEAR_RX)
		rx_clear(u);
	if (val & FCR_CLEAR_TX)
		tx_clear(u);
	u->fcr = val & FCR_ENABLE ? val & 0xc9 : 0;
	update(u);
	if ((val & FCR_CLEAR_RX) && u->fe.chr)
		chardev_kick(&u->fe);
}

static void mcr_write(struct uart16550 *u, u8 val)
{
	bool left_loop = (u->mcr & MCR_LOOP) && !(val & MCR_LOOP);

	u->mcr = val & 0x1f;
	update_msr(u);
	update(u);
	if (left_loop && u->fe.chr)
		chardev_kick(&u->fe);
}

static void uart_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct uart16550 *u = to_uart(d);
	bool dlab = u->lcr & LCR_DLAB;

	(void)size;
	switch (off) {
	case RBR_THR:
		if (dlab)
			u->dll = val;
		else
			thr_write(u, val);
		break;
	case IER:
		if (dlab)
			u->dlm = val;
		else
			ier_write(u, val);
		break;
	case IIR_FCR: fcr_write(u, val); break;
	case LCR:     u->lcr = val; break;
	case MCR:     mcr_write(u, val); break;
	case SCR:     u->scr = val; break;
	}                              /* LSR, MSR: read-only */
}

/* --- the chardev's side: on its loop ------------------------------------- */

static size_t fe_can_read(void *opaque)
{
	struct uart16550 *u = opaque;

	SCOPED_LOCK(&u->dev.lock);
	return u->mcr & MCR_LOOP ? 0 : rx_room(u);
}

static void fe_read(void *opaque, const u8 *buf, size_t n)
{
	struct uart16550 *u = opaque;

	SCOPED_LOCK(&u->dev.lock);
	for (size_t i = 0; i < n; i++)
		rx_push(u, buf[i]);
	update(u);
}

static void fe_event(void *opaque, enum chardev_event ev)
{
	struct uart16550 *u = opaque;

	SCOPED_LOCK(&u->dev.lock);
	if (ev == CHARDEV_BREAK && !(u->mcr & MCR_LOOP)) {
		rx_push(u, 0);
		u->lsr |= LSR_BI;
		update(u);
	} else if (ev == CHARDEV_WRITABLE && u->tx.n) {
		tx_drain(u);
	}
}

static const struct chardev_fe_ops uart_fe_ops = {
	.can_read = fe_can_read, .read = fe_read, .event = fe_event,
};

/* --- life ---------------------------------------------------------------- */

static void uart_reset(struct device *d)
{
	struct uart16550 *u = to_uart(d);

	SCOPED_LOCK(&d->lock);
	u->ier = u->fcr = u->lcr = u->scr = 0;
	u->mcr = MCR_OUT2;
	u->dll = 12;                   /* 9600 baud */
	u->dlm = 0;
	u->lsr = LSR_THRE | LSR_TEMT;
	u->msr = modem_lines(u);
	u->thre_pending = false;
	u->tx.n = u->rx.n = 0;
	rx_clear(u);
	update(u);
}

static const u16 com_base[COM_PORTS] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const u8 com_irq[COM_PORTS] = { 4, 3, 4, 3 };

static bool begins_at(const struct region *r, void *port)
{
	return r->base == *(u16 *)port;
}

/* By another: a port of ours is chosen before it is mapped. */
static bool port_taken(const struct device *d, u16 port)
{
	return bus_any(d->env->pio, begins_at, &port);
}

/* COM1-COM4 by index, or by the first free one. */
static int choose_port(struct uart16550 *u, struct err *e)
{
	if (u->index == ~0u && !u->iobase)
		for (u->index = 0; u->index < COM_PORTS; u->index++)
			if (!port_taken(&u->dev, com_base[u->index]))
				break;
	if (u->index == ~0u)
		u->index = 0;
	if (u->index >= COM_PORTS && (!u->iobase || !u->irq))
		return err_set(e, -EINVAL, "Max. supported number of ISA serial "
			       "ports is %d.", COM_PORTS);
	if (!u->irq)
		u->irq = com_irq[u->index];
	if (u->iobase)
		return 0;              /* mapped by its property already */
	u->iobase = com_base[u->index];
	return 1;
}

static const struct region_ops uart_ops = {
	.read = uart_read, .write = uart_write, .min_size = 1, .max_size = 1,
};

static int uart_realize(struct device *d, struct err *e)
{
	struct uart16550 *u = to_uart(d);
	int rc = choose_port(u, e);

	if (rc > 0) {
		struct region r = { .name = "serial", .base = u->iobase,
				    .len = 8, .ops = &uart_ops, .dev = d };

		rc = bus_map(d->env->pio, &r, e);
	}
	if (rc < 0)
		return rc;
	d->irq = d->env->gsi(d->env->opaque, u->irq);
	timer_init(&u->timeout, d->env->loop, d->env->clock, on_timeout, u);
	if (!u->chardev)
		return 0;
	rc = chardev_attach(u->chardev, &u->fe, &uart_fe_ops, u, e);
	if (rc < 0)
		timer_fini(&u->timeout);
	return rc;
}

static void uart_unrealize(struct device *d)
{
	struct uart16550 *u = to_uart(d);

	if (u->fe.chr)
		chardev_detach(&u->fe);
	timer_fini(&u->timeout);
}

/* --- tables -------------------------------------------------------------- */

static const struct state_field fifo_fields[] = {
	STATE_BYTES(struct fifo, buf, 1),
	STATE_FIELD(STATE_U8, struct fifo, head, 1),
	STATE_FIELD(STATE_U8, struct fifo, n,    1),
	STATE_END
};

static const struct state_desc fifo_state = {
	.version = 1, .oldest = 1, .fields = fifo_fields,
};

static const struct state_field uart_fields[] = {
	STATE_FIELD(STATE_U8,   struct uart16550, ier,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, fcr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, lcr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, mcr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, lsr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, msr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, scr,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, dll,  1),
	STATE_FIELD(STATE_U8,   struct uart16550, dlm,  1),
	STATE_FIELD(STATE_BOOL, struct uart16550, thre_pending,    1),
	STATE_FIELD(STATE_BOOL, struct uart16550, timeout_pending, 1),
	STATE_ONE(struct uart16550, rx, fifo_state, 1),
	STATE_ONE(struct uart16550, tx, fifo_state, 1),
	STATE_END
};

static int uart_post_load(struct device *d, unsigned version, struct err *e)
{
	struct uart16550 *u = to_uart(d);

	(void)version;
	if (u->rx.n > FIFO_LEN || u->tx.n > FIFO_LEN ||
	    u->rx.head >= FIFO_LEN || u->tx.head >= FIFO_LEN)
		return err_set(e, -EINVAL, "serial port: a FIFO of more than "
			       "16 bytes");
	SCOPED_LOCK(&d->lock);
	if (u->rx.n && u->rx.n < rx_trigger(u))
		timer_set(&u->timeout, device_now(d) + timeout_ns(u));
	u->wire = cause(u) != IIR_NONE;
	irq_drive(&d->irq, u->wire);
	if (u->tx.n)
		tx_drain(u);
	return 0;
}

static const struct state_desc uart_state = {
	.version = 1, .oldest = 1, .fields = uart_fields,
	.post_load = uart_post_load,
};

static const struct device_prop uart_props[] = {
	PROP("index", PROP_U32, struct uart16550, index, "4294967295",
	     "COM port less one"),
	PROP("iobase", PROP_U32, struct uart16550, iobase, "0",
	     "first port (0: by index)"),
	PROP("irq", PROP_U32, struct uart16550, irq, "0",
	     "interrupt (0: by index)"),
	PROP("chardev", PROP_CHARDEV, struct uart16550, chardev, NULL,
	     "character device"),
	PROP_END
};

static const struct device_region uart_regions[] = {
	{ .name = "serial", .space = SPACE_PIO, .len = 8, .ops = &uart_ops,
	  .base_off = offsetof(struct uart16550, iobase), .base_size = 4 },
	{ .len = 0 }
};

const struct device_class uart16550_class = {
	.name      = "isa-serial",
	.summary   = "16550A serial port",
	.bus       = "ISA",
	.category  = "Input",
	.size      = sizeof(struct uart16550),
	.props     = uart_props,
	.regions   = uart_regions,
	.state     = &uart_state,
	.user_creatable = true,
	.realize   = uart_realize,
	.reset     = uart_reset,
	.unrealize = uart_unrealize,
};
