// SPDX-License-Identifier: MIT
/*
 * What the commands about disks do.  See disk.h.
 *
 * Talks to: block/disk.h; machine.h for what makes a device.
 * Never:    runs anywhere but on the main loop.
 */
#include "monitor/disk.h"
#include "monitor/both.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/block/disk.h"
#include "vmm/block/throttle.h"
#include "vmm/core/clock.h"
#include "vmm/machine.h"

enum { IO_MAX = 16 << 20 };

static void say(struct mon *m, int rc, const struct err *e)
{
	if (rc < 0)
		mon_error(m, e);
}

/* The older commands' errors have no "Error: " in front. */
static void plain(struct mon *m, const struct err *e)
{
	mon_printf(m, "%s\n", e->msg);
	if (*e->hint)
		mon_printf(m, "%s\n", e->hint);
}

static int no_disk(const char *name, struct err *e)
{
	return err_set(e, -ENODEV, "Device '%s' not found", name);
}

static int no_node(const char *device, const char *node, struct err *e)
{
	return err_set(e, -ENODEV, "Cannot find device='%s' nor "
		       "node-name='%s'", device, node);
}

/* By the id of its device, or that's path. */
static struct disk *disk_of_device(struct vm *vm, const char *name)
{
	struct list *p;

	list_for_each(p, disk_list(vm->disks)) {
		struct disk *d = list_entry(p, struct disk, node);
		const struct device *dev = d->dev;
		struct strbuf path = STRBUF_INIT;
		bool is;

		if (!dev)
			continue;
		mon_backend_path(vm, dev, &path);
		is = (dev->id && !strcmp(dev->id, name)) ||
		     !strcmp(path.buf, name);
		strbuf_fini(&path);
		if (is)
			return d;
	}
	return NULL;
}

int mon_do_block_resize(struct vm *vm, const char *name, u64 size,
			struct err *e)
{
	struct disk *d = disk_known(vm->disks, name);
	struct blk *b = d ? NULL : blk_find(disk_blks(vm->disks), name);

	if (d)
		return disk_resize(d, size, e);
	return b ? blk_resize(b, size, e) : no_node(name, "", e);
}

int mon_do_block_throttle(struct vm *vm, const char *name,
			  struct throttle_config *t, const char *group,
			  struct err *e)
{
	struct disk *d = disk_known(vm->disks, name);
	int rc;

	if (!d)
		d = disk_of_device(vm, name);
	rc = d ? throttle_check(t, e) : no_disk(name, e);
	return rc < 0 ? rc : disk_set_throttle(d, t, group, e);
}

void mon_block_resize(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	say(m, mon_do_block_resize(mon_vm(m), a[0].str, a[1].num, &e), &e);
}

/* -n: a node; else a disk, whose address is not looked at. */
void mon_drive_add(struct mon *m, const struct mon_arg *a)
{
	struct vm *vm = mon_vm(m);
	struct err e = { 0 };
	int rc;

	if (a[0].given)
		rc = blk_add(disk_blks(vm->disks), a[2].str, &e);
	else
		rc = machine_drive_add(vm, a[2].str, &e);
	if (rc < 0)
		plain(m, &e);
	else if (!a[0].given)
		mon_puts(m, "OK\n");
}

/* The device that has it keeps a disk without a medium. */
static int pull(struct vm *vm, struct disk *d, struct err *e)
{
	const bool runs = vm_state(vm) == RUN_RUNNING;
	int rc;

	if (runs)
		device_quiesce(d->dev);
	rc = disk_pull(d, e);
	if (runs)
		device_resume(d->dev);
	return rc;
}

void mon_drive_del(struct mon *m, const struct mon_arg *a)
{
	struct vm *vm = mon_vm(m);
	struct disk *d = disk_known(vm->disks, a[0].str);
	struct err e = { 0 };
	int rc;

	if (d)
		rc = d->dev ? pull(vm, d, &e) : disk_del(d, &e);
	else if (blk_find(disk_blks(vm->disks), a[0].str))
		rc = disk_node_del(vm->disks, a[0].str, &e);
	else
		rc = no_disk(a[0].str, &e);
	if (rc < 0)
		plain(m, &e);
}

void mon_block_throttle(struct mon *m, const struct mon_arg *a)
{
	struct throttle_config c = { 0 };
	struct err e = { 0 };

	for (unsigned i = 0; i < THROTTLE_KINDS; i++)
		c.limit[i].avg = a[1 + i].num;
	say(m, mon_do_block_throttle(mon_vm(m), a[0].str, &c, NULL, &e), &e);
}

/* --- qemu-io --------------------------------------------------------------- */

struct io {
	enum blk_op op;
	bool write;
	int pattern;                   /* -1: none                         */
	u64 off, len;
};

static int io_parse(struct io *io, char **w, unsigned n, struct err *e)
{
	unsigned i = 1;

	io->pattern = -1;
	for (; i < n && w[i][0] == '-'; i++) {
		u64 p = 0;

		if (!strcmp(w[i], "-z")) {
			io->op = BLK_WRITE_ZEROES;
		} else if (!strcmp(w[i], "-P") && i + 1 < n &&
			   opts_u64(w[i + 1], &p) == 0) {
			io->pattern = p & 0xff;
			i++;
		} else if (strcmp(w[i], "-q") != 0) {
			return err_set(e, -EINVAL, "%s: option %s is not "
				       "supported yet", w[0], w[i]);
		}
	}
	if (n - i != 2 || opts_size(w[i], 0, &io->off) < 0 ||
	    opts_size(w[i + 1], 0, &io->len) < 0)
		return err_set(e, -EINVAL, "%s: expected an offset and a "
			       "length", w[0]);
	if (io->len > IO_MAX && io->op <= BLK_WRITE)
		return err_set(e, -EINVAL, "%s: at most %d bytes at once", w[0],
			       IO_MAX);
	return 0;
}

static void io_check(struct mon *m, const struct io *io, const u8 *buf)
{
	for (u64 i = 0; io->pattern >= 0 && i < io->len; i++) {
		if (buf[i] == io->pattern)
			continue;
		mon_printf(m, "Pattern verification failed at offset %llu, "
			   "%llu bytes\n", (unsigned long long)io->off,
			   (unsigned long long)io->len);
		return;
	}
}

static const char *const io_names[BLK_OPS] = {
	[BLK_READ] = "read", [BLK_WRITE] = "write", [BLK_DISCARD] = "discard",
	[BLK_WRITE_ZEROES] = "write",
};

static const char *const io_verbs[BLK_OPS] = {
	[BLK_READ] = "read", [BLK_WRITE] = "wrote", [BLK_DISCARD] = "discard",
	[BLK_WRITE_ZEROES] = "wrote",
};

static void io_run(struct mon *m, struct blk *b, const struct io *io)
{
	u8 *buf = calloc(1, MAX(io->len, 1u));
	struct iovec iov = { buf, io->len };
	struct blk_req r = { .op = io->op, .off = io->off, .len = io->len,
			     .iov = &iov, .niov = 1 };
	s64 t = clock_host_ns();
	int rc;

	if (!buf)
		abort();
	if (io->op == BLK_WRITE)
		memset(buf, io->pattern < 0 ? 0xcd : io->pattern, io->len);
	if (io->op > BLK_WRITE)
		r.niov = 0;
	rc = blk_run(b, &r);
	t = clock_host_ns() - t;
	if (rc < 0) {
		mon_printf(m, "%s failed: %s\n", io_names[io->op],
			   strerror(-rc));
	} else {
		if (io->op == BLK_READ)
			io_check(m, io, buf);
		mon_printf(m, "%s %llu/%llu bytes at offset %llu\n",
			   io_verbs[io->op], (unsigned long long)io->len,
			   (unsigned long long)io->len,
			   (unsigned long long)io->off);
		mon_printf(m, "%llu bytes, 1 ops; %.4f sec\n",
			   (unsigned long long)io->len, t / 1e9);
	}
	free(buf);
}

static int io_flush(struct blk *b, struct err *e)
{
	struct blk_req r = { .op = BLK_FLUSH };
	int rc = blk_run(b, &r);

	return rc < 0 ? err_set(e, rc, "flush failed: %m") : 0;
}

static int io_command(struct mon *m, struct blk *b, char **w, unsigned n,
		      struct err *e)
{
	struct io io = { .op = BLK_READ };
	int rc;

	if (!strcmp(w[0], "flush") || !strcmp(w[0], "aio_flush") ||
	    !strcmp(w[0], "f"))
		return io_flush(b, e);
	if (!strcmp(w[0], "length")) {
		mon_printf(m, "%llu bytes\n", (unsigned long long)b->len);
		return 0;
	}
	if (!strcmp(w[0], "write") || !strcmp(w[0], "w"))
		io.op = BLK_WRITE;
	else if (!strcmp(w[0], "discard") || !strcmp(w[0], "d"))
		io.op = BLK_DISCARD;
	else if (strcmp(w[0], "read") && strcmp(w[0], "r"))
		return err_set(e, -EINVAL, "not supported yet: qemu-io's '%s' "
			       "(there are read, write, discard, flush, "
			       "length)", w[0]);
	rc = io_parse(&io, w, n, e);
	if (rc == 0)
		io_run(m, b, &io);
	return rc;
}

/* A disk's, of its device's id with -d, or a node. */
static struct blk *io_node(struct vm *vm, const char *name, bool qdev)
{
	const struct disk *d = qdev ? disk_of_device(vm, name) :
				      disk_known(vm->disks, name);

	return d ? d->root : qdev ? NULL : blk_find(disk_blks(vm->disks), name);
}

void mon_qemu_io(struct mon *m, const struct mon_arg *a)
{
	struct blk *b = io_node(mon_vm(m), a[1].str, a[0].given);
	char *words[MON_ARGS_MAX];
	struct err e = { 0 };
	unsigned n = 0;

	if (!b) {
		say(m, a[0].given ? no_disk(a[1].str, &e) :
				    no_node("", a[1].str, &e), &e);
		return;
	}
	if (!mon_split(a[2].str, words, &n))
		return;
	if (n)
		say(m, io_command(m, b, words, n, &e), &e);
	mon_split_free(words, n);
}

/* --- info ------------------------------------------------------------------ */

/* Three digits and a unit, as `64 MiB`. */
static void print_size(struct mon *m, const char *what, u64 n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
					     "PiB", "EiB" };
	double v = n;
	unsigned u = 0;

	for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1024;
	mon_printf(m, "%s: %.3g %s", what, v, units[u]);
}

static void print_sizes(struct mon *m, const struct blk *b)
{
	const s64 used = blk_used(b);

	print_size(m, "virtual size", b->len);
	mon_printf(m, " (%llu bytes)\n", (unsigned long long)b->len);
	if (used >= 0)
		print_size(m, "disk size", (u64)used);
	else
		mon_puts(m, "disk size: unavailable");
	mon_puts(m, "\n");
}

static void print_limits(struct mon *m, const struct throttle_config *c,
			 const char *group)
{
	static const struct { const char *name; enum throttle_kind kind; } k[] = {
		{ "bps", THROTTLE_BPS }, { "bps_rd", THROTTLE_BPS_RD },
		{ "bps_wr", THROTTLE_BPS_WR }, { "iops", THROTTLE_IOPS },
		{ "iops_rd", THROTTLE_IOPS_RD }, { "iops_wr", THROTTLE_IOPS_WR },
	};

	mon_puts(m, "    I/O throttling:  ");
	for (unsigned from = 0; from < ARRAY_LEN(k); from += 3) {
		for (unsigned i = from; i < from + 3; i++)
			mon_printf(m, " %s=%llu", k[i].name, (unsigned long
				   long)c->limit[k[i].kind].avg);
		for (unsigned i = from; i < from + 3; i++)
			mon_printf(m, " %s_max=%llu", k[i].name,
				   (unsigned long long)c->limit[k[i].kind].max);
	}
	mon_printf(m, " iops_size=%llu group=%s\n",
		   (unsigned long long)c->iops_size, group);
}

const char *mon_node_name(const struct blk *b)
{
	while (b->child && !b->name)
		b = b->child;
	return b->name;
}

/* What a disk and a node have both; the first line's end to the images. */
static void print_node(struct mon *m, struct blk *b, const char *driver,
		       const char *attached, const struct disk *d, bool verbose)
{
	struct strbuf image = STRBUF_INIT;
	struct throttle_config c;
	const char *group;

	if (d)
		disk_image(d, &image);
	else
		blk_describe(b, &image);
	mon_printf(m, ": %s (%s%s)\n", image.buf, driver,
		   b->read_only ? ", read-only" : "");
	if (*attached)
		mon_printf(m, "    Attached to:      %s\n", attached);
	mon_printf(m, "    Cache mode:       %s%s%s\n",
		   d && !d->writeback ? "writethrough" : "writeback",
		   b->direct ? ", direct" : "",
		   b->no_flush ? ", ignore flushes" : "");
	if (b->detect_zeroes)
		mon_printf(m, "    Detect zeroes:    %s\n",
			   b->unmap_zeroes ? "unmap" : "on");
	if (d && disk_get_throttle(d, &c, &group))
		print_limits(m, &c, group);
	if (verbose) {
		mon_printf(m, "\nImages:\nimage: %s\nfile format: %s\n",
			   image.buf, driver);
		print_sizes(m, b);
	}
	strbuf_fini(&image);
}

static void print_disk(struct mon *m, const struct disk *d, bool verbose)
{
	const char *name = mon_node_name(d->root);
	struct strbuf path = STRBUF_INIT;

	if (d->dev)
		mon_backend_path(mon_vm(m), d->dev, &path);
	mon_puts(m, d->pulled ? path.buf : d->id);
	if (name && !d->of_node)
		mon_printf(m, " (%s)", name);
	if (d->pulled)
		mon_printf(m, ": [not inserted]\n    Attached to:      %s\n",
			   path.buf);
	else
		print_node(m, d->root, disk_format(d), path.buf, d, verbose);
	strbuf_fini(&path);
}

/* Of one that is asked for by name, QEMU's blank line stays, too. */
static void print_nodes(struct mon *m, const char *name, bool verbose)
{
	struct list *all = blk_nodes(disk_blks(mon_vm(m)->disks)), *p;

	list_for_each(p, all) {
		struct blk *b = list_entry(p, struct blk, node);

		if (name && strcmp(b->name, name))
			continue;
		if (p != all->next)
			mon_puts(m, "\n");
		mon_puts(m, b->name);
		print_node(m, b, blk_driver_name(b), "", NULL, verbose);
	}
}

void mon_info_block(struct mon *m, const struct mon_arg *a)
{
	struct list *all = disk_list(mon_vm(m)->disks), *p;
	const char *name = a[2].given ? a[2].str : NULL;
	bool found = false;

	list_for_each(p, all) {
		struct disk *d = list_entry(p, struct disk, node);

		if (a[0].given || (name && strcmp(name, d->id)))
			continue;
		if (p != all->next)
			mon_puts(m, "\n");
		print_disk(m, d, a[1].given);
		found = true;
	}
	if (a[0].given || (name && !found))
		print_nodes(m, name, a[1].given);
}

void mon_info_blockstats(struct mon *m, const struct mon_arg *a)
{
	struct list *all = disk_list(mon_vm(m)->disks), *p;

	(void)a;
	list_for_each(p, all) {
		struct disk *d = list_entry(p, struct disk, node);
		const struct disk_stats *s = &d->stats;

		mon_printf(m, "%s: rd_bytes=%llu wr_bytes=%llu "
			   "rd_operations=%llu wr_operations=%llu "
			   "flush_operations=%llu wr_total_time_ns=%llu "
			   "rd_total_time_ns=%llu flush_total_time_ns=%llu "
			   "rd_merged=0 wr_merged=0 idle_time_ns=%lld\n", d->id,
			   (unsigned long long)s->bytes[BLK_READ],
			   (unsigned long long)s->bytes[BLK_WRITE],
			   (unsigned long long)s->ops[BLK_READ],
			   (unsigned long long)s->ops[BLK_WRITE],
			   (unsigned long long)s->ops[BLK_FLUSH],
			   (unsigned long long)s->ns[BLK_WRITE],
			   (unsigned long long)s->ns[BLK_READ],
			   (unsigned long long)s->ns[BLK_FLUSH],
			   s->last_ns ? (long long)(clock_host_ns() -
						    s->last_ns) : 0ll);
	}
}
