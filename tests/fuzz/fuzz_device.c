// SPDX-License-Identifier: MIT
/*
 * Fuzzer: a hostile guest, and a hostile outside, against one device.
 *
 * The program's name says which: fuzz_virtio-blk and so on; fuzz_pci and
 * fuzz_mmio take any device, and their guest does nothing but write registers
 * and configuration space.  The input is: two bytes that choose the device's
 * options, then steps: an opcode and its bytes.
 *
 * Beyond what the sanitizers find: no step may write to ROM.
 */
#include "tests/fuzz/device_rig.h"
#include "tests/fuzz/flipper.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

enum { QUEUES = 12, RINGS = 0x1000, RING_LEN = 0x600, DRIVER = 0x400,
       DEVICE = 0x500, TABLE = 0x6000, DATA = 0x8000, RING = 16, STEPS = 400,
       BAR = 0xe0000000, MMIO = 0xd0000000, DEVFN = 3 << 3, ON_PCI = 1,
       NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 0x80, USED = 0x8000 };

/* Where a transport has its registers, for a driver that does it right. */
struct regs {
	u32 at;
	u16 status, feature_sel, feature, queue_sel, queue_size, queue_enable,
	    desc, driver, device, notify, config;
	u8 status_len, word_len;
};

static const struct regs pci_regs = {
	.at = BAR, .status = 0x14, .feature_sel = 8, .feature = 12,
	.queue_sel = 0x16, .queue_size = 0x18, .queue_enable = 0x1c,
	.desc = 0x20, .driver = 0x28, .device = 0x30, .notify = 0x3000,
	.config = 0x2000, .status_len = 1, .word_len = 2,
};

static const struct regs mmio_regs = {
	.at = MMIO, .status = 0x70, .feature_sel = 0x24, .feature = 0x20,
	.queue_sel = 0x30, .queue_size = 0x38, .queue_enable = 0x44,
	.desc = 0x80, .driver = 0x90, .device = 0xa0, .notify = 0x50,
	.config = 0x100, .status_len = 4, .word_len = 4,
};

static struct {
	const struct target *only;     /* NULL: any                        */
	bool registers_only;
	bool only_pci, only_mmio;
} program;

static struct {
	const struct target *t;
	const struct regs *regs;
	struct virtio *v;              /* NULL: no virtio device           */
	struct device *dev;
	bool paused, flips;
	struct ring { u16 avail; bool wrap; } ring[QUEUES];
	bool packed;
} now;

static void wr(u64 at, u64 val, unsigned size)
{
	bus_write(fake.env.mmio, at, val, size);
}

static void reg(u16 off, u32 val, u8 size)
{
	wr(now.regs->at + off, val, size);
}

static void ram_put(u32 at, const void *p, u32 n)
{
	gmem_write(fake.env.gmem, at, p, n);
}

/* --- the driver ------------------------------------------------------------ */

static void config(unsigned off, u32 val, unsigned size)
{
	bus_write(fake.env.pio, 0xcf8, 0x80000000u | DEVFN << 8 | (off & 0xfc),
		  4);
	bus_write(fake.env.pio, 0xcfc + (off & 3), val, size);
}

static void place_bars(void)
{
	config(PCI_BAR0, BAR + 0x100000, 4);
	config(PCI_BAR0 + 4, BAR + 0x200000, 4);
	config(PCI_BAR0 + 16, BAR, 4);
	config(PCI_BAR0 + 20, 0, 4);
	config(PCI_COMMAND, 7, 2);
}

static void set_up_queue(unsigned q, u16 size)
{
	const struct regs *r = now.regs;
	const u32 at = RINGS + q * RING_LEN;

	reg(r->queue_sel, q, r->word_len);
	reg(r->queue_size, size, r->word_len);
	reg(r->desc, at, 4);
	reg(r->driver, at + DRIVER, 4);
	reg(r->device, at + DEVICE, 4);
	reg(r->queue_enable, 1, r->word_len);
	now.ring[q] = (struct ring){ 0, true };
}

/* As a driver does; the features are what is offered and wanted. */
static void start(struct input *in)
{
	const struct regs *r = now.regs;
	const u8 want = take(in, 1), size = take(in, 1);
	u64 f;

	if (!now.v)
		return;
	f = now.v->offered & ~(BIT64(VIRTIO_F_RING_PACKED) |
			       BIT64(VIRTIO_F_EVENT_IDX) |
			       BIT64(VIRTIO_F_INDIRECT_DESC) |
			       BIT64(VIRTIO_F_IN_ORDER));
	now.packed = want & 1;
	f |= (u64)now.packed << VIRTIO_F_RING_PACKED |
	     (u64)(want >> 1 & 1) << VIRTIO_F_EVENT_IDX |
	     (u64)(want >> 2 & 1) << VIRTIO_F_INDIRECT_DESC |
	     (u64)(want >> 3 & 1) << VIRTIO_F_IN_ORDER;
	if (want & 16)
		f &= ~(u64)take(in, 4);
	memset(rig.ram + RINGS, 0, QUEUES * RING_LEN);
	reg(r->status, 0, r->status_len);
	reg(r->status, 3, r->status_len);
	for (unsigned i = 0; i < 2; i++) {
		reg(r->feature_sel, i, 4);
		reg(r->feature, f >> 32 * i, 4);
	}
	reg(r->status, 11, r->status_len);
	for (unsigned q = 0; q < QUEUES && q < now.v->nqueues; q++)
		set_up_queue(q, size < 128 ? RING : size);
	reg(r->status, 15, r->status_len);
}

static void notify(u8 q)
{
	const struct regs *r = now.regs;

	if (r == &pci_regs)
		reg(r->notify + 4 * q, q, 2);
	else
		reg(r->notify, q, 4);
}

/* Where a buffer is: in RAM, across its blocks, in ROM, nowhere. */
static u64 buffer_at(u8 kind, unsigned i)
{
	switch (kind & 15) {
	case 0:  return RAM_CUT - 8;
	case 1:  return ROM_AT;
	case 2:  return 0xfee00000;
	case 3:  return ~0ull - 8;
	case 4:  return RINGS;
	default: return DATA + 0x1000 * i + (kind & 0x30);
	}
}

struct desc {
	u64 addr;
	u32 len;
	u16 a, b;                      /* flags, next; packed: id, flags   */
};

static void put_desc(u32 table, unsigned i, struct desc d, bool packed)
{
	if (packed) {
		u16 flags = d.a;

		d.a = d.b;
		d.b = flags;
	}
	ram_put(table + 16 * i, &d, sizeof(d));
}

static void publish_split(unsigned q, u16 head)
{
	struct ring *r = &now.ring[q];
	const u32 at = RINGS + q * RING_LEN + DRIVER;

	ram_put(at + 4 + 2 * (r->avail % RING), &head, 2);
	r->avail++;
	ram_put(at + 2, &r->avail, 2);
}

static u16 packed_flags(unsigned q)
{
	struct ring *r = &now.ring[q];
	u16 f = r->wrap ? AVAIL : USED;

	if (++r->avail == RING) {
		r->avail = 0;
		r->wrap = !r->wrap;
	}
	return f;
}

/* A chain of a few buffers; the first one's contents are the input's. */
static void chain(struct input *in)
{
	const u8 which = take(in, 1), shape = take(in, 1);
	const unsigned q = which % (now.v ? MIN(now.v->nqueues, QUEUES) : 1);
	const unsigned n = (shape & 7) + 1, nout = shape >> 3 & 7;
	const bool indirect = shape & 64;
	const u32 ring = RINGS + q * RING_LEN;
	const u16 head = now.ring[q].avail % RING;
	const u8 bytes = take(in, 1);

	for (unsigned i = 0; i < n; i++) {
		const bool out = i < nout;
		const u8 kind = out && !i ? 63 : take(in, 1);
		const u16 at = (head + i) % RING;
		struct desc d = { .addr = buffer_at(kind, i) };

		d.len = take(in, 2);
		d.a = (i + 1 < n ? NEXT : 0) | (out ? 0 : WRITE);
		d.b = now.packed ? at : (at + 1) % RING;
		if (indirect) {
			d.b = i + 1;
			put_desc(TABLE, i, d, now.packed);
			continue;
		}
		if (now.packed)
			d.a |= packed_flags(q);
		put_desc(ring, at, d, now.packed);
	}
	for (unsigned i = 0; i < bytes % 64; i++)
		rig.ram[DATA + 0x30 + i] = take(in, 1);
	if (indirect)
		put_desc(ring, head, (struct desc){ TABLE, 16 * n, INDIRECT |
			 (now.packed ? packed_flags(q) : 0), head },
			 now.packed);
	if (!now.packed)
		publish_split(q, head);
	if (which & 0x80)
		return;
	notify(q);
	fake_turn();
}

/* --- other steps ----------------------------------------------------------- */

static void poke(struct input *in)
{
	const u32 at = take(in, 2) * 2, n = take(in, 1) % 32;

	for (u32 i = 0; i < n; i++)
		rig.ram[(at + i) % RAM_CUT] = take(in, 1);
}

/* Any register, any width; the low bits choose the area. */
static void any_register(struct input *in, bool write)
{
	const u8 size = 1 << (take(in, 1) & 3);
	const u16 where = take(in, 2);
	u64 at = now.regs->at + (where & 0x3fff), val;

	if (now.regs == &pci_regs && where & 0x8000)
		at = BAR + (where & 0x4000 ? 0x100000 : 0x200000) +
		     (where & 0x3fff);
	if (write)
		wr(at, take(in, MIN(size, 4)), size);
	else
		bus_read(fake.env.mmio, at, &val, size);
}

static void any_config(struct input *in, bool write)
{
	const unsigned off = take(in, 1), size = 1 << take(in, 1) % 3;
	u64 val;

	if (now.regs != &pci_regs)
		return;
	if (write) {
		config(off, take(in, size), size);
		return;
	}
	bus_write(fake.env.pio, 0xcf8, 0x80000000u | DEVFN << 8 | (off & 0xfc),
		  4);
	bus_read(fake.env.pio, 0xcfc + (off & 3), &val, size);
}

static void set_paused(bool on)
{
	if (on == now.paused)
		return;
	if (on)
		device_quiesce(now.dev);
	else
		device_resume(now.dev);
	now.paused = on;
}

/* The stream of a migration is as hostile as the guest. */
static void save_and_load(struct input *in)
{
	const unsigned version = now.dev->class->state->version;
	struct strbuf b = STRBUF_INIT;
	u8 n = take(in, 1) % 8;

	set_paused(true);
	device_save(now.dev, &b, NULL);
	device_reset(now.dev);
	while (n--) {
		u32 at = take(in, 2) % b.len;

		b.buf[at] = take(in, 1);
	}
	if (device_load(now.dev, version, b.buf, b.len, NULL) < 0)
		device_reset(now.dev);
	strbuf_fini(&b);
	set_paused(false);
}

static void describe(void)
{
	struct strbuf b = STRBUF_INIT;

	if (now.dev->class->describe)
		now.dev->class->describe(now.dev, &b);
	strbuf_fini(&b);
}

static void any_chain(struct input *in)
{
	if (program.registers_only || !now.v)
		any_register(in, true);
	else
		chain(in);
}

static void step(struct input *in)
{
	const u8 op = take(in, 1);

	switch (op & 15) {
	case 0:  start(in); break;
	case 1: case 2: case 3:
		 any_chain(in); break;
	case 4:  poke(in); break;
	case 5:  fake_turn(); break;
	case 6:  any_register(in, true); break;
	case 7:  any_register(in, false); break;
	case 8:  any_config(in, op & 16); break;
	case 9:  notify(take(in, 1)); break;
	case 10: set_paused(op & 16); break;
	case 11: device_reset(now.dev); break;
	case 12:
		if (now.t->outside)
			now.t->outside(in);
		break;
	case 13: fake_pass(take(in, 2) * 1000000ll); fake_turn(); break;
	case 14: save_and_load(in); describe(); break;
	default:
		if (op & 16 && now.flips)
			flipper_start(rig.ram, RAM_CUT, in);
		else
			flipper_stop();
	}
}

/* --- one input ------------------------------------------------------------- */

static void up(struct input *in)
{
	const u8 how = take(in, 1), choice = take(in, 1);
	const struct target *t = program.only ? program.only
		: &targets[(how >> 1) % ARRAY_LEN(targets)];
	bool pci = !t->mmio || program.only_pci ||
		   (!program.only_mmio && how & ON_PCI);

	if (!t->mmio && program.only_mmio) {
		t = &targets[0];
		pci = false;
	}
	memset(&now, 0, sizeof(now));
	now.t = t;
	now.flips = how & 0x40;
	now.regs = pci ? &pci_regs : &mmio_regs;
	device_reset(rig.host);
	memset(rig.ram, 0, RAM_CUT);
	now.dev = fake.dev = fake_new(device_class_find(pci ? t->pci
							    : t->mmio));
	if (pci)
		set_prop(now.dev, "addr", "03.0");
	else
		set_prop(now.dev, "base", "0xd0000000");
	if (now.dev->class->virtio) {
		now.v = to_virtio(now.dev);
		set_prop(now.dev, "packed", "on");
		set_prop(now.dev, "in_order", "on");
	}
	if (t->props)
		t->props(now.dev, choice);
	fake_realize(now.dev);
	if (pci && (!program.registers_only || how & 0x80))
		place_bars();
}

static void down(void)
{
	flipper_stop();
	set_paused(false);
	device_destroy(now.dev);
	fake.dev = NULL;
	if (now.t->down)
		now.t->down();
	fake_turn();
	if (rig.rom[0] != ROM_BYTE ||
	    memcmp(rig.rom, rig.rom + 1, ROM_LEN - 1))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct input in = { data, len };

	if (!rig.up)
		rig_up();
	rig.ram = gmem_ptr(fake.env.gmem, 0, RAM_CUT);
	up(&in);
	for (unsigned i = 0; in.left && i < STEPS; i++)
		step(&in);
	down();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '/');

	(void)argc;
	name = name ? name + 1 : (*argv)[0];
	name += !strncmp(name, "fuzz_", 5) ? 5 : 0;
	for (unsigned i = 0; i < ARRAY_LEN(targets); i++)
		if (!strcmp(name, targets[i].name))
			program.only = &targets[i];
	program.only_pci = !strcmp(name, "pci");
	program.only_mmio = !strcmp(name, "mmio");
	program.registers_only = program.only_pci || program.only_mmio;
	if (!program.only && !program.registers_only) {
		fprintf(stderr, "%s: no such device to fuzz\n", name);
		return 1;
	}
	return 0;
}
