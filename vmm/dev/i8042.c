/* SPDX-License-Identifier: MIT */
/*
 * 8042 keyboard controller with a PS/2 keyboard and mouse (IBM PS/2
 * technical reference, controller and device commands), and port 92h.
 *
 * Room:     ports 60h, 64h, 92h; IRQ 1 and IRQ 12; the reset line.
 * Talks to: the VM, by VM_REQ_RESET.
 * Never:    delays an answer: a probe finds every reply at once.
 *
 * Invariants (under dev.lock):
 *  1. At most one byte stands in the output buffer (`full`); the next comes
 *     from the controller's queue, the keyboard's, the mouse's, in that order,
 *     when it has been read.
 *  2. A wire is high while `full` holds a byte of its device and the command
 *     byte enables that interrupt.
 */
#include <errno.h>

#include "vmm/dev/i8042.h"

enum { STS_OBF = BIT(0), STS_SYS = BIT(2), STS_CMD = BIT(3),
       STS_UNLOCKED = BIT(4), STS_AUX = BIT(5) };
enum { CTR_KBD_INT = BIT(0), CTR_AUX_INT = BIT(1), CTR_SYS = BIT(2),
       CTR_KBD_OFF = BIT(4), CTR_AUX_OFF = BIT(5), CTR_XLATE = BIT(6) };
enum { OUT_RESET = BIT(0), OUT_A20 = BIT(1), OUT_OBF = BIT(4),
       OUT_AUX_OBF = BIT(5) };
enum { ACK = 0xfa, RESEND = 0xfe, SELF_TEST_OK = 0xaa };

enum { QUEUE_LEN = 32 };

struct ps2_queue {
	u8 buf[QUEUE_LEN];
	u8 head, n;
};

struct ps2_dev {                       /* keyboard or mouse            */
	struct ps2_queue q;
	u8 command;                    /* waits for its argument, or 0 */
	u8 enabled, set;               /* set: scan code set; mouse: id */
	u8 rate, resolution, scaling, remote;
	u8 knock[3];                   /* the mouse's last three rates */
};

struct i8042 {
	struct device dev;
	struct irq_line aux_irq;
	u32 kbd_gsi, aux_gsi;          /* properties */
	u8 ctr, outport, port92;
	u8 command;                    /* waits for a byte at port 60h, or 0 */
	u8 last_was_command;
	u8 full, data, from_aux;
	struct ps2_queue ctl;          /* answers of the controller itself  */
	u8 ctl_aux[QUEUE_LEN];         /* ctl byte pretends to be the mouse's */
	u8 ram[32];
	struct ps2_dev kbd, aux;
};

static struct i8042 *to_i8042(struct device *d)
{
	return container_of(d, struct i8042, dev);
}

static void queue_put(struct ps2_queue *q, u8 b)
{
	if (q->n < QUEUE_LEN)
		q->buf[(q->head + q->n++) % QUEUE_LEN] = b;
}

static u8 queue_get(struct ps2_queue *q)
{
	u8 b = q->buf[q->head];

	q->head = (q->head + 1) % QUEUE_LEN;
	q->n--;
	return b;
}

/* --- the output buffer --------------------------------------------------- */

static void update_irqs(struct i8042 *k)
{
	irq_drive(&k->dev.irq, k->full && !k->from_aux &&
			       (k->ctr & CTR_KBD_INT));
	irq_drive(&k->aux_irq, k->full && k->from_aux &&
			       (k->ctr & CTR_AUX_INT));
}

static void refill(struct i8042 *k)
{
	if (!k->full) {
		k->full = true;
		if (k->ctl.n) {
			k->from_aux = k->ctl_aux[k->ctl.head];
			k->data = queue_get(&k->ctl);
		} else if (k->kbd.q.n && !(k->ctr & CTR_KBD_OFF)) {
			k->from_aux = false;
			k->data = queue_get(&k->kbd.q);
		} else if (k->aux.q.n && !(k->ctr & CTR_AUX_OFF)) {
			k->from_aux = true;
			k->data = queue_get(&k->aux.q);
		} else {
			k->full = false;
		}
	}
	update_irqs(k);
}

static void answer(struct i8042 *k, u8 b, bool as_aux)
{
	if (k->ctl.n < QUEUE_LEN)
		k->ctl_aux[(k->ctl.head + k->ctl.n) % QUEUE_LEN] = as_aux;
	queue_put(&k->ctl, b);
}

static void reset_vm(struct i8042 *k)
{
	k->dev.env->request(k->dev.env->opaque, VM_REQ_RESET, 0);
}

/* --- the keyboard -------------------------------------------------------- */

static void kbd_defaults(struct ps2_dev *p)
{
	p->command = 0;
	p->enabled = true;
	p->set = 2;
}

static void kbd_argument(struct i8042 *k, u8 cmd, u8 val)
{
	struct ps2_dev *p = &k->kbd;
	static const u8 translated[4] = { 0, 0x43, 0x41, 0x3f };

	queue_put(&p->q, ACK);
	if (cmd != 0xf0)               /* LEDs, typematic rate: nobody looks */
		return;
	if (val == 0)
		queue_put(&p->q, k->ctr & CTR_XLATE ? translated[p->set & 3] :
						      p->set);
	else if (val <= 3)
		p->set = val;
}

static void kbd_command(struct i8042 *k, u8 val)
{
	struct ps2_dev *p = &k->kbd;

	switch (val) {
	case 0xed: case 0xf0: case 0xf3:
		p->command = val;
		queue_put(&p->q, ACK);
		break;
	case 0xee:                     /* echo */
		queue_put(&p->q, 0xee);
		break;
	case 0xf2:                     /* identify: an MF2 keyboard */
		queue_put(&p->q, ACK);
		queue_put(&p->q, 0xab);
		queue_put(&p->q, k->ctr & CTR_XLATE ? 0x41 : 0x83);
		break;
	case 0xf4:
		p->enabled = true;
		queue_put(&p->q, ACK);
		break;
	case 0xf5:
	case 0xf6:
		kbd_defaults(p);
		p->enabled = val == 0xf6;
		queue_put(&p->q, ACK);
		break;
	case 0xf7: case 0xf8: case 0xf9: case 0xfa:    /* key modes */
		queue_put(&p->q, ACK);
		break;
	case 0xff:
		p->q.n = 0;
		kbd_defaults(p);
		queue_put(&p->q, ACK);
		queue_put(&p->q, SELF_TEST_OK);
		break;
	default:
		queue_put(&p->q, RESEND);
		break;
	}
}

static void kbd_write(struct i8042 *k, u8 val)
{
	u8 cmd = k->kbd.command;

	k->ctr &= ~CTR_KBD_OFF;        /* sending to it turns its clock on */
	k->kbd.command = 0;
	if (cmd && val < 0xed)
		kbd_argument(k, cmd, val);
	else
		kbd_command(k, val);
}

/* --- the mouse ----------------------------------------------------------- */

static void mouse_defaults(struct ps2_dev *p)
{
	p->command = 0;
	p->enabled = p->remote = false;
	p->rate = 100;
	p->resolution = 2;
	p->scaling = 1;
}

/* Rates 200, 100, 80 turn on the wheel; 200, 200, 80 five buttons. */
static void mouse_rate(struct ps2_dev *p, u8 rate)
{
	p->knock[0] = p->knock[1];
	p->knock[1] = p->knock[2];
	p->knock[2] = p->rate = rate;
	if (p->knock[0] != 200 || rate != 80)
		return;
	if (p->knock[1] == 100)
		p->set = 3;
	else if (p->knock[1] == 200 && p->set == 3)
		p->set = 4;
}

static void mouse_packet(struct ps2_dev *p)
{
	queue_put(&p->q, 0x08);        /* nothing moved, nothing pressed */
	queue_put(&p->q, 0);
	queue_put(&p->q, 0);
	if (p->set >= 3)
		queue_put(&p->q, 0);
}

static void mouse_command(struct ps2_dev *p, u8 val)
{
	queue_put(&p->q, ACK);
	switch (val) {
	case 0xe6: p->scaling = 1; break;
	case 0xe7: p->scaling = 2; break;
	case 0xe8:
	case 0xf3: p->command = val; break;
	case 0xe9:
		queue_put(&p->q, p->remote << 6 | p->enabled << 5 |
				 (p->scaling == 2) << 4);
		queue_put(&p->q, p->resolution);
		queue_put(&p->q, p->rate);
		break;
	case 0xea: p->remote = false; break;
	case 0xeb: mouse_packet(p); break;
	case 0xec: case 0xee: break;           /* wrap mode */
	case 0xf0: p->remote = true; break;
	case 0xf2: queue_put(&p->q, p->set); break;
	case 0xf4: p->enabled = true; break;
	case 0xf5: p->enabled = false; break;
	case 0xf6: mouse_defaults(p); break;
	case 0xff:
		mouse_defaults(p);
		p->set = 0;
		p->q.n = 0;
		queue_put(&p->q, ACK);
		queue_put(&p->q, SELF_TEST_OK);
		queue_put(&p->q, p->set);
		break;
	default:
		/* not an ACK after all */
		p->q.buf[(p->q.head + p->q.n - 1) % QUEUE_LEN] = RESEND;
		break;
	}
}

static void mouse_write(struct i8042 *k, u8 val)
{
	struct ps2_dev *p = &k->aux;
	u8 cmd = p->command;

	p->command = 0;
	if (p->q.n >= QUEUE_LEN - 4)
		p->q.n = 0;            /* nobody reads: start over */
	if (!cmd) {
		mouse_command(p, val);
		return;
	}
	queue_put(&p->q, ACK);
	if (cmd == 0xf3)
		mouse_rate(p, val);
	else
		p->resolution = val;
}

/* --- the controller ------------------------------------------------------ */

static u8 outport_now(const struct i8042 *k)
{
	return k->outport | (k->full && !k->from_aux ? OUT_OBF : 0) |
	       (k->full && k->from_aux ? OUT_AUX_OBF : 0);
}

static void outport_write(struct i8042 *k, u8 val)
{
	k->outport = (val & (OUT_RESET | OUT_A20)) | 0xcc;
	k->port92 = (k->port92 & ~2) | (val & OUT_A20);
	if (!(val & OUT_RESET))
		reset_vm(k);
}

static void self_test(struct i8042 *k)
{
	k->ctr |= CTR_SYS;
	answer(k, 0x55, false);
}

static void ctl_command(struct i8042 *k, u8 val)
{
	k->command = 0;
	switch (val) {
	case 0x20 ... 0x3f:
		answer(k, val == 0x20 ? k->ctr : k->ram[val - 0x20], false);
		break;
	case 0x60 ... 0x7f: case 0xd1 ... 0xd4:
		k->command = val;      /* the byte comes to port 60h */
		break;
	case 0xa7: k->ctr |= CTR_AUX_OFF; break;
	case 0xa8: k->ctr &= ~CTR_AUX_OFF; break;
	case 0xa9: answer(k, 0, false); break;         /* both lines fine */
	case 0xaa: self_test(k); break;
	case 0xab: answer(k, 0, false); break;
	case 0xad: k->ctr |= CTR_KBD_OFF; break;
	case 0xae: k->ctr &= ~CTR_KBD_OFF; break;
	case 0xc0: answer(k, 0x80, false); break;
	case 0xd0: answer(k, outport_now(k), false); break;
	case 0xdd: outport_write(k, k->outport & ~OUT_A20); break;
	case 0xdf: outport_write(k, k->outport | OUT_A20); break;
	case 0xf0 ... 0xff:            /* pulse: bit 0 is the reset line */
		if (!(val & 1))
			reset_vm(k);
		break;
	}
}

static void data_write(struct i8042 *k, u8 val)
{
	u8 cmd = k->command;

	k->command = 0;
	switch (cmd) {
	case 0:
		kbd_write(k, val);
		break;
	case 0x60: k->ctr = val; break;
	case 0xd1: outport_write(k, val); break;
	case 0xd2: answer(k, val, false); break;
	case 0xd3: answer(k, val, true); break;
	case 0xd4:
		k->ctr &= ~CTR_AUX_OFF;
		mouse_write(k, val);
		break;
	case 0x61 ... 0x7f:
		k->ram[cmd - 0x60] = val;
		break;
	}
}

static u64 data_read(struct device *d, u64 off, unsigned size)
{
	struct i8042 *k = to_i8042(d);
	u8 b = k->data;                /* stays when there is nothing new */

	(void)off;
	(void)size;                    /* 1, by region_ops */
	if (k->full) {
		k->full = false;
		update_irqs(k);        /* an edge for every byte */
		refill(k);
	}
	return b;
}

static u64 status_read(struct device *d, u64 off, unsigned size)
{
	struct i8042 *k = to_i8042(d);

	(void)off;
	(void)size;
	return STS_UNLOCKED | (k->ctr & CTR_SYS ? STS_SYS : 0) |
	       (k->last_was_command ? STS_CMD : 0) |
	       (k->full ? STS_OBF | (k->from_aux ? STS_AUX : 0) : 0);
}

static void on_data_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct i8042 *k = to_i8042(d);

	(void)off;
	(void)size;
	k->last_was_command = false;
	data_write(k, val);
	refill(k);
}

static void on_command_write(struct device *d, u64 off, u64 val,
			     unsigned size)
{
	struct i8042 *k = to_i8042(d);

	(void)off;
	(void)size;
	k->last_was_command = true;
	ctl_command(k, val);
	refill(k);
}

/* --- port 92h: fast A20 and reset ---------------------------------------- */

static u64 port92_read(struct device *d, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return to_i8042(d)->port92;
}

static void port92_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct i8042 *k = to_i8042(d);
	u8 old = k->port92;

	(void)off;
	(void)size;
	k->port92 = val;
	k->outport = (k->outport & ~OUT_A20) | (val & OUT_A20);
	if (val & ~old & 1)
		reset_vm(k);
}

/* --- what the host does -------------------------------------------------- */

/* Scan code set 2 by set 1; set 1's break bit is set 2's F0 prefix. */
static const u8 set2[128] = {
	[0x01] = 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36,
	[0x08] = 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
	[0x10] = 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43,
	[0x18] = 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
	[0x20] = 0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c,
	[0x28] = 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
	[0x30] = 0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c,
	[0x38] = 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
	[0x40] = 0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c,
	[0x48] = 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
	[0x50] = 0x72, 0x7a, 0x70, 0x71, 0x7f, 0x00, 0x61, 0x78,
	[0x58] = 0x07, [0x5b] = 0x1f, 0x27, 0x2f, 0x37, 0x3f,
	[0x63] = 0x5e,
};

static bool has_room(const struct ps2_queue *q, unsigned n)
{
	return q->n + n <= QUEUE_LEN;
}

void i8042_key(struct device *d, u8 code, bool down)
{
	struct i8042 *k = to_i8042(d);
	struct ps2_queue *q = &k->kbd.q;
	const bool first = k->kbd.set == 1 || k->ctr & CTR_XLATE;
	const u8 plain = code & 0x7f;

	SCOPED_LOCK(&d->lock);
	if (!k->kbd.enabled || !has_room(q, 3) || (!first && !set2[plain]))
		return;
	if (code & 0x80)
		queue_put(q, 0xe0);
	if (!first && !down)
		queue_put(q, 0xf0);
	queue_put(q, first ? plain | (down ? 0 : 0x80) : set2[plain]);
	refill(k);
}

/* One packet's worth of a move; the rest stays. */
static int bite(int *left)
{
	int n = MAX(-127, MIN(127, *left));

	*left -= n;
	return n;
}

static void put_packet(struct i8042 *k, int dx, int dy, int dz, u8 buttons)
{
	struct ps2_queue *q = &k->aux.q;

	queue_put(q, 0x08 | (buttons & 7) | (dx < 0 ? 0x10 : 0) |
		  (dy < 0 ? 0x20 : 0));
	queue_put(q, (u8)dx);
	queue_put(q, (u8)dy);
	if (k->aux.set >= 3)
		queue_put(q, (u8)dz);
}

void i8042_mouse(struct device *d, int dx, int dy, int dz, u8 buttons)
{
	struct i8042 *k = to_i8042(d);

	SCOPED_LOCK(&d->lock);
	if (!k->aux.enabled)
		return;
	dx = MAX(-4096, MIN(4096, dx));
	dy = -MAX(-4096, MIN(4096, dy));       /* PS/2's y is up */
	dz = MAX(-7, MIN(7, dz));
	do {
		const int x = bite(&dx), y = bite(&dy);

		if (!has_room(&k->aux.q, 4))
			break;
		put_packet(k, x, y, dz, buttons);
		dz = 0;
	} while (dx || dy);
	refill(k);
}

/* --- life ---------------------------------------------------------------- */

static void i8042_reset(struct device *d)
{
	struct i8042 *k = to_i8042(d);

	SCOPED_LOCK(&d->lock);
	/* As firmware leaves it: translating to set 1. */
	k->ctr = CTR_KBD_INT | CTR_AUX_INT | CTR_SYS | CTR_XLATE;
	k->outport = 0xcc | OUT_RESET | OUT_A20;
	k->port92 = OUT_A20;
	k->command = k->last_was_command = 0;
	k->full = k->data = k->from_aux = 0;
	k->ctl.n = k->kbd.q.n = k->aux.q.n = 0;
	kbd_defaults(&k->kbd);
	mouse_defaults(&k->aux);
	k->aux.set = 0;
	update_irqs(k);
}

static int i8042_realize(struct device *d, struct err *e)
{
	struct i8042 *k = to_i8042(d);

	(void)e;
	d->irq = d->env->gsi(d->env->opaque, k->kbd_gsi);
	k->aux_irq = d->env->gsi(d->env->opaque, k->aux_gsi);
	return 0;
}

/* --- tables -------------------------------------------------------------- */

static const struct state_field queue_fields[] = {
	STATE_BYTES(struct ps2_queue, buf, 1),
	STATE_FIELD(STATE_U8, struct ps2_queue, head, 1),
	STATE_FIELD(STATE_U8, struct ps2_queue, n,    1),
	STATE_END
};
static const struct state_desc queue_state = {
	.version = 1, .oldest = 1, .fields = queue_fields,
};

static const struct state_field ps2_fields[] = {
	STATE_ONE(struct ps2_dev, q, queue_state, 1),
	STATE_FIELD(STATE_U8, struct ps2_dev, command,    1),
	STATE_FIELD(STATE_U8, struct ps2_dev, enabled,    1),
	STATE_FIELD(STATE_U8, struct ps2_dev, set,        1),
	STATE_FIELD(STATE_U8, struct ps2_dev, rate,       1),
	STATE_FIELD(STATE_U8, struct ps2_dev, resolution, 1),
	STATE_FIELD(STATE_U8, struct ps2_dev, scaling,    1),
	STATE_FIELD(STATE_U8, struct ps2_dev, remote,     1),
	STATE_BYTES(struct ps2_dev, knock, 1),
	STATE_END
};
static const struct state_desc ps2_state = {
	.version = 1, .oldest = 1, .fields = ps2_fields,
};

static const struct state_field i8042_fields[] = {
	STATE_FIELD(STATE_U8, struct i8042, ctr,              1),
	STATE_FIELD(STATE_U8, struct i8042, outport,          1),
	STATE_FIELD(STATE_U8, struct i8042, port92,           1),
	STATE_FIELD(STATE_U8, struct i8042, command,          1),
	STATE_FIELD(STATE_U8, struct i8042, last_was_command, 1),
	STATE_FIELD(STATE_U8, struct i8042, full,             1),
	STATE_FIELD(STATE_U8, struct i8042, data,             1),
	STATE_FIELD(STATE_U8, struct i8042, from_aux,         1),
	STATE_BYTES(struct i8042, ctl_aux, 1),
	STATE_BYTES(struct i8042, ram, 1),
	STATE_ONE(struct i8042, ctl, queue_state, 1),
	STATE_ONE(struct i8042, kbd, ps2_state, 1),
	STATE_ONE(struct i8042, aux, ps2_state, 1),
	STATE_END
};

static bool queue_ok(const struct ps2_queue *q)
{
	return q->head < QUEUE_LEN && q->n <= QUEUE_LEN;
}

static int i8042_post_load(struct device *d, unsigned version, struct err *e)
{
	struct i8042 *k = to_i8042(d);

	(void)version;
	if (!queue_ok(&k->ctl) || !queue_ok(&k->kbd.q) || !queue_ok(&k->aux.q))
		return err_set(e, -EINVAL, "i8042: a queue of more than %d bytes",
			       QUEUE_LEN);
	if (k->command && (k->command < 0x60 || k->command > 0xd4))
		k->command = 0;
	SCOPED_LOCK(&d->lock);
	update_irqs(k);
	return 0;
}

static const struct state_desc i8042_state = {
	.version = 1, .oldest = 1, .fields = i8042_fields,
	.post_load = i8042_post_load,
};

static const struct region_ops data_ops = {
	.read = data_read, .write = on_data_write, .min_size = 1, .max_size = 1,
};
static const struct region_ops command_ops = {
	.read = status_read, .write = on_command_write,
	.min_size = 1, .max_size = 1,
};
static const struct region_ops port92_ops = {
	.read = port92_read, .write = port92_write,
	.min_size = 1, .max_size = 1,
};

static const struct device_region i8042_regions[] = {
	{ .name = "i8042-data", .space = SPACE_PIO, .base = 0x60, .len = 1,
	  .ops = &data_ops },
	{ .name = "i8042-cmd", .space = SPACE_PIO, .base = 0x64, .len = 1,
	  .ops = &command_ops },
	{ .name = "port92", .space = SPACE_PIO, .base = 0x92, .len = 1,
	  .ops = &port92_ops },
	{ .len = 0 }
};

static const struct device_prop i8042_props[] = {
	PROP("kbd-irq", PROP_U32, struct i8042, kbd_gsi, "1",
	     "keyboard interrupt"),
	PROP("mouse-irq", PROP_U32, struct i8042, aux_gsi, "12",
	     "mouse interrupt"),
	PROP_END
};

const struct device_class i8042_class = {
	.name     = "i8042",
	.summary  = "keyboard controller",
	.bus      = "ISA",
	.category = "Input",
	.size     = sizeof(struct i8042),
	.props    = i8042_props,
	.regions  = i8042_regions,
	.state    = &i8042_state,
	.realize  = i8042_realize,
	.reset    = i8042_reset,
};
