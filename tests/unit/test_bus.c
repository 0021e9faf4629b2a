/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/bus.c: hostile sizes and addresses, overlaps, hot-plug
 * under readers. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/bus.h"
#include "vmm/core/device.h"

/* A device that remembers what it was asked, over `len` bytes of memory. */
struct fake {
	struct device dev;
	u64 len;
	unsigned calls, last_size;
	u64 last_off;
	u8 mem[64];
};

static struct fake *to_fake(struct device *d)
{
	return container_of(d, struct fake, dev);
}

static void note(struct fake *f, u64 off, unsigned size)
{
	assert_true(size == 1 || size == 2 || size == 4 || size == 8);
	assert_int_equal(off % size, 0);
	assert_true(off + size <= f->len);
	f->calls++;
	f->last_off = off;
	f->last_size = size;
}

static u64 fake_read(struct device *d, u64 off, unsigned size)
{
	u64 v = 0;

	note(to_fake(d), off, size);
	memcpy(&v, to_fake(d)->mem + off, size);
	return v;
}

static void fake_write(struct device *d, u64 off, u64 val, unsigned size)
{
	note(to_fake(d), off, size);
	memcpy(to_fake(d)->mem + off, &val, size);
}

#define OPS(min, max) { .read = fake_read, .write = fake_write, \
	.min_size = (min), .max_size = (max) }
static const struct region_ops ops_any = OPS(1, 8), ops_byte = OPS(1, 1),
	ops_dword = OPS(4, 4), ops_write_only = { .write = fake_write,
	.min_size = 1, .max_size = 8 };

static struct fake *fake_new(u64 len)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->len = len;
	lock_init(&f->dev.lock, "fake");
	for (unsigned i = 0; i < sizeof(f->mem); i++)
		f->mem[i] = i + 1;
	return f;
}

static void map(struct bus *b, struct fake *f, u64 base, int prio,
		const struct region_ops *ops)
{
	struct region r = { .name = "fake", .base = base, .len = f->len,
			    .priority = prio, .ops = ops, .dev = &f->dev };

	assert_int_equal(bus_map(b, &r, NULL), 0);
}

static u64 rd(struct bus *b, u64 addr, unsigned size)
{
	u64 v = 0x5555;

	bus_read(b, addr, &v, size);
	return v;
}

static void nobody_home_reads_ones(void **state)
{
	struct bus *b = bus_create("io", 0x10000);
	u64 v;

	assert_false(bus_read(b, 0x80, &v, 4));
	assert_int_equal(v, 0xffffffff);
	assert_false(bus_write(b, 0x80, 1, 1));
	assert_false(bus_read(b, 0xffff, &v, 8));
	assert_true(v == UINT64_MAX);
	assert_false(bus_read(b, UINT64_MAX, &v, 8));
	assert_false(bus_write(b, UINT64_MAX, 0, 8));
	bus_destroy(b);
	bus_destroy(NULL);
}

static void every_size_at_every_edge_gives_the_right_bytes(void **state)
{
	static const struct region_ops *const ops[] = {
		&ops_any, &ops_byte, &ops_dword,
	};

	for (unsigned k = 0; k < ARRAY_LEN(ops); k++) {
		struct bus *b = bus_create("mem", 0);
		struct fake *lo = fake_new(16), *hi = fake_new(16);

		map(b, lo, 0x1000, 0, ops[k]);
		map(b, hi, 0x1010, 0, ops[k]);
		for (unsigned size = 1; size <= 8; size++) {
			for (u64 at = 0xff8; at < 0x1028; at++) {
				u64 want = 0, got = rd(b, at, size);

				for (unsigned i = 0; i < size; i++) {
					u64 a = at + i;
					u64 byte = a < 0x1000 || a >= 0x1020 ?
						   0xff : a % 16 + 1;

					want |= byte << 8 * i;
				}
				assert_int_equal(got, want);
			}
		}
		bus_destroy(b);
		free(lo);
		free(hi);
	}
}

static void writes_split_the_same_way(void **state)
{
	struct bus *b = bus_create("mem", 0);
	struct fake *lo = fake_new(16), *hi = fake_new(16);

	map(b, lo, 0x1000, 0, &ops_any);
	map(b, hi, 0x1010, 0, &ops_byte);
	assert_true(bus_write(b, 0x100d, 0x1122334455667788ull, 8));
	assert_memory_equal(lo->mem + 13, "\x88\x77\x66", 3);
	assert_memory_equal(hi->mem, "\x55\x44\x33\x22\x11", 5);
	assert_int_equal(hi->calls, 5);
	bus_destroy(b);
	free(lo);
	free(hi);
}

static void narrow_accesses_widen_on_read_and_drop_on_write(void **state)
{
	struct bus *b = bus_create("mem", 0);
	struct fake *f = fake_new(16);

	map(b, f, 0, 0, &ops_dword);
	assert_int_equal(rd(b, 5, 1), 6);
	assert_int_equal(f->last_off, 4);
	assert_int_equal(f->last_size, 4);
	f->calls = 0;
	bus_write(b, 5, 0, 1);
	bus_write(b, 6, 0, 4);         /* unaligned: two narrow halves */
	assert_int_equal(f->calls, 0);
	bus_write(b, 4, 0, 8);
	assert_int_equal(f->calls, 2);
	bus_destroy(b);
	free(f);
}

static void an_odd_sized_region_is_never_read_past(void **state)
{
	struct bus *b = bus_create("mem", 0);
	struct fake *f = fake_new(6);

	map(b, f, 0, 0, &ops_dword);
	for (unsigned size = 1; size <= 8; size++)
		for (u64 at = 0; at < 8; at++) {
			rd(b, at, size);       /* note() checks */
			bus_write(b, at, 0, size);
		}
	bus_destroy(b);
	free(f);
}

static void missing_callbacks_read_ones(void **state)
{
	struct bus *b = bus_create("mem", 0);
	struct fake *f = fake_new(8);
	u64 v;

	map(b, f, 0, 0, &ops_write_only);
	assert_true(bus_read(b, 0, &v, 2));
	assert_int_equal(v, 0xffff);
	bus_destroy(b);
	free(f);
}

static bool note_base(const struct region *r, void *opaque)
{
	u64 *bases = opaque;

	bases[1 + bases[0]++] = r->base;
	return false;
}

static void priority_then_age_decides_overlaps(void **state)
{
	struct bus *b = bus_create("mem", 0);
	struct fake *big = fake_new(64), *later = fake_new(16),
		    *top = fake_new(4);
	u64 bases[8] = { 0 };          /* how many, and each */

	map(b, big, 0, 0, &ops_any);
	map(b, later, 16, 0, &ops_any);
	map(b, top, 20, 5, &ops_any);
	map(b, top, 60, -1, &ops_any); /* below: never seen within big */
	assert_int_equal(rd(b, 15, 1), 16);
	assert_int_equal(rd(b, 16, 1), 1);
	assert_int_equal(rd(b, 20, 1), 1);
	assert_int_equal(rd(b, 24, 1), 9);
	assert_int_equal(rd(b, 32, 1), 33);
	assert_int_equal(rd(b, 60, 1), 61);
	assert_int_equal(rd(b, 14, 8), 0x020104030201100full);
	assert_false(bus_any(b, note_base, bases));
	assert_int_equal(bases[0], 4);
	assert_int_equal(bases[2], 16);
	assert_true(bus_overlaps(b, 60, 60));
	assert_int_equal(bus_unmap(b, &later->dev, 16), 0);
	assert_int_equal(rd(b, 16, 1), 17);
	assert_int_equal(bus_unmap(b, &later->dev, 16), -ENOENT);
	bus_unmap_device(b, &top->dev);
	assert_int_equal(rd(b, 20, 1), 21);
	bus_destroy(b);
	free(big);
	free(later);
	free(top);
}

static void ranges_that_do_not_fit_are_refused(void **state)
{
	struct bus *b = bus_create("io", 0x10000);
	struct region r = { .name = "x", .ops = &ops_any };
	struct err e;

	assert_int_equal(bus_map(b, &r, &e), -EINVAL);
	r.base = 0xffff;
	r.len = 2;
	assert_int_equal(bus_map(b, &r, &e), -EINVAL);
	r.base = UINT64_MAX;
	assert_int_equal(bus_map(b, &r, &e), -EINVAL);
	r.base = 0xffff;
	r.len = 1;
	assert_int_equal(bus_map(b, &r, &e), 0);
	bus_destroy(b);
}

/* A PCI host in small: its write callback moves another region. */
static struct bus *move_bus;
static struct fake *move_what;

static void moving_write(struct device *d, u64 off, u64 val, unsigned size)
{
	bus_unmap_device(move_bus, &move_what->dev);
	map(move_bus, move_what, val, 0, &ops_any);
}

static const struct region_ops ops_moving = { .write = moving_write,
	.min_size = 1, .max_size = 8 };

static void a_callback_may_move_regions(void **state)
{
	struct fake *host = fake_new(4);

	move_bus = bus_create("mem", 0);
	move_what = fake_new(16);
	map(move_bus, host, 0, 0, &ops_moving);
	map(move_bus, move_what, 0x100, 0, &ops_any);
	for (u64 at = 0x200; at < 0x20000; at += 0x100)
		bus_write(move_bus, 0, at, 4);
	assert_int_equal(rd(move_bus, 0x1ff00, 1), 1);
	assert_int_equal(rd(move_bus, 0x100, 1), 0xff);
	bus_destroy(move_bus);
	free(host);
	free(move_what);
}

static void *reader(void *opaque)
{
	struct bus *b = opaque;

	for (int i = 0; i < 20000; i++) {
		u64 v = rd(b, 0x1000 + i % 16, 1);

		if (v != 0xff && v != (u64)i % 16 + 1)
			return b;
		bus_write(b, 0x2000, 0, 4);
	}
	return NULL;
}

static void devices_come_and_go_under_readers(void **state)
{
	struct bus *b = bus_create("mem", 0);
	pthread_t t[2];
	void *bad;

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reader, b);
	for (int i = 0; i < 200; i++) {
		struct fake *f = fake_new(16);

		map(b, f, 0x1000, 0, &ops_any);
		bus_unmap_device(b, &f->dev);
		bus_quiesce(b);
		lock_fini(&f->dev.lock);
		memset(f, 0xee, sizeof(*f));
		free(f);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	bus_destroy(b);
}

/* --- a vCPU that moves a BAR, and somebody who looks at the map ------------- */

static _Atomic bool moved_enough;

static void *move_for_ever(void *opaque)
{
	struct bus *b = opaque;
	struct fake *f = fake_new(8);

	for (u64 at = 0x1000; !moved_enough; at ^= 0x3000) {
		map(b, f, at, 0, &ops_any);
		bus_unmap(b, &f->dev, at);
	}
	free(f);
	return NULL;
}

static bool is_unsound(const struct region *r, void *opaque)
{
	(void)opaque;
	return r->ops != &ops_any || (r->base && r->base != 0x1000 &&
				      r->base != 0x2000);
}

static void the_map_may_be_looked_at_while_it_changes(void **state)
{
	struct bus *b = bus_create("mem", 0);
	pthread_t t;

	moved_enough = false;
	pthread_create(&t, NULL, move_for_ever, b);
	for (unsigned i = 0; i < 30000; i++)
		assert_false(bus_any(b, is_unsound, NULL));
	moved_enough = true;
	pthread_join(t, NULL);
	bus_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_home_reads_ones),
		cmocka_unit_test(every_size_at_every_edge_gives_the_right_bytes),
		cmocka_unit_test(writes_split_the_same_way),
		cmocka_unit_test(narrow_accesses_widen_on_read_and_drop_on_write),
		cmocka_unit_test(an_odd_sized_region_is_never_read_past),
		cmocka_unit_test(missing_callbacks_read_ones),
		cmocka_unit_test(priority_then_age_decides_overlaps),
		cmocka_unit_test(ranges_that_do_not_fit_are_refused),
		cmocka_unit_test(a_callback_may_move_regions),
		cmocka_unit_test(devices_come_and_go_under_readers),
		cmocka_unit_test(the_map_may_be_looked_at_while_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
