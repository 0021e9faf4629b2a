/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/gmem.c: bounds, holes, ROM, listeners, dirty bits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/core/gmem.h"

enum { P = PAGE_SIZE };

/* RAM [0, 4P), RAM [4P, 6P), hole, ROM [8P, 9P). */
static struct gmem *fresh(void)
{
	struct gmem *m = gmem_create();

	assert_int_equal(gmem_add(m, "hi", 4 * P, 2 * P, -1, 0, GMEM_RAM, NULL), 0);
	assert_int_equal(gmem_add(m, "lo", 0, 4 * P, -1, 0, GMEM_RAM, NULL), 0);
	assert_int_equal(gmem_add(m, "rom", 8 * P, P, -1, 0, GMEM_ROM, NULL), 0);
	return m;
}

static void copies_cross_adjacent_blocks(void **state)
{
	struct gmem *m = fresh();
	u8 in[64], out[64] = { 0 };

	memset(in, 0xa5, sizeof(in));
	assert_int_equal(gmem_write(m, 4 * P - 32, in, 64), 0);
	assert_int_equal(gmem_read(m, 4 * P - 32, out, 64), 0);
	assert_memory_equal(in, out, 64);
	assert_null(gmem_ptr(m, 4 * P - 32, 64));
	assert_non_null(gmem_ptr(m, 4 * P - 32, 32));
	gmem_destroy(m);
}

static void nothing_moves_when_a_byte_is_outside(void **state)
{
	struct gmem *m = fresh();
	u8 buf[64], was;

	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(gmem_write(m, 6 * P - 63, buf, 64), -EFAULT);
	assert_int_equal(gmem_read(m, 6 * P - 1, &was, 1), 0);
	assert_int_equal(was, 0);
	assert_int_equal(gmem_read(m, 7 * P, buf, 1), -EFAULT);
	assert_int_equal(gmem_read(m, UINT64_MAX, buf, 2), -EFAULT);
	assert_int_equal(gmem_read(m, 0, buf, UINT64_MAX), -EFAULT);
	assert_null(gmem_ptr(m, 0, UINT64_MAX));
	assert_null(gmem_ptr(m, UINT64_MAX, 1));
	assert_int_equal(gmem_read(m, 7 * P, buf, 0), 0);
	gmem_destroy(m);
}

static void a_block_may_end_the_address_space(void **state)
{
	struct gmem *m = gmem_create();
	u8 b = 9;

	assert_int_equal(gmem_add(m, "top", -(u64)P, P, -1, 0, 0, NULL), 0);
	assert_int_equal(gmem_write(m, UINT64_MAX, &b, 1), 0);
	assert_int_equal(gmem_write(m, UINT64_MAX, &b, 2), -EFAULT);
	assert_int_equal(gmem_add(m, "wrap", -(u64)P, 2 * P, -1, 0, 0, NULL),
			 -EINVAL);
	gmem_destroy(m);
}

static void rom_ignores_writes_but_loads(void **state)
{
	struct gmem *m = fresh();
	u32 v = 0x11223344, got = 1;

	assert_int_equal(gmem_load(m, 8 * P, &v, 4), 0);
	v = 0;
	assert_int_equal(gmem_write(m, 8 * P, &v, 4), 0);
	assert_int_equal(gmem_set(m, 8 * P, 0xff, 4), 0);
	assert_int_equal(gmem_read(m, 8 * P, &got, 4), 0);
	assert_int_equal(got, 0x11223344);
	assert_int_equal(gmem_ram_bytes(m), 6 * P);
	gmem_destroy(m);
}

static void overlaps_and_odd_sizes_are_refused(void **state)
{
	struct gmem *m = fresh();
	struct err e;

	assert_int_equal(gmem_add(m, "x", 5 * P, P, -1, 0, 0, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "hi"));
	assert_int_equal(gmem_add(m, "x", 6 * P + 1, P, -1, 0, 0, &e), -EINVAL);
	assert_int_equal(gmem_add(m, "x", 6 * P, 0, -1, 0, 0, &e), -EINVAL);
	assert_int_equal(gmem_add(m, "x", 6 * P, P, 9999, 0, 0, &e), -EBADF);
	assert_int_equal(gmem_remove(m, P, &e), -ENOENT);
	gmem_destroy(m);
}

static void one_backing_shows_as_two_blocks(void **state)
{
	struct gmem *m = gmem_create();
	u8 a = 7, b = 0;
	int fd;

	assert_int_equal(gmem_backing_create("ram", 4 * P, &fd, NULL), 0);
	assert_int_equal(gmem_add(m, "a", 0, 2 * P, fd, 0, 0, NULL), 0);
	assert_int_equal(gmem_add(m, "b", 1 << 20, 2 * P, fd, 2 * P, 0, NULL), 0);
	assert_int_equal(gmem_write(m, 1 << 20, &a, 1), 0);
	assert_int_equal(pread(fd, &b, 1, 2 * P), 1);
	assert_int_equal(b, 7);
	close(fd);
	gmem_destroy(m);
}

static void iovecs_name_every_piece(void **state)
{
	struct gmem *m = fresh();
	struct iovec iov[2];

	assert_int_equal(gmem_iov(m, 4 * P - 8, 24, iov, 2), 2);
	assert_int_equal(iov[0].iov_len, 8);
	assert_int_equal(iov[1].iov_len, 16);
	assert_int_equal(gmem_iov(m, 4 * P - 8, 24, iov, 1), -E2BIG);
	assert_int_equal(gmem_iov(m, 6 * P - 8, 24, iov, 2), -EFAULT);
	gmem_destroy(m);
}

struct seen {
	struct gmem_listener l;
	int adds, dels, slots, refuse;
};

static int on_add(struct gmem_listener *l, const struct gmem_block *b,
		  struct err *e)
{
	struct seen *s = container_of(l, struct seen, l);

	if (s->refuse)
		return err_set(e, -ENOSPC, "no slot");
	s->adds++;
	assert_false(s->slots & 1 << b->slot);
	s->slots |= 1 << b->slot;
	return 0;
}

static void on_del(struct gmem_listener *l, const struct gmem_block *b)
{
	struct seen *s = container_of(l, struct seen, l);

	s->dels++;
	s->slots &= ~(1 << b->slot);
}

static void the_listener_sees_every_block_come_and_go(void **state)
{
	struct seen s = { .l = { .add = on_add, .del = on_del } };
	struct gmem *m = fresh();
	unsigned n;

	assert_int_equal(gmem_listen(m, &s.l, NULL), 0);
	assert_int_equal(s.adds, 3);
	assert_int_equal(gmem_remove(m, 4 * P, NULL), 0);
	assert_int_equal(gmem_add(m, "new", 16 * P, P, -1, 0, 0, NULL), 0);
	s.refuse = 1;
	assert_int_equal(gmem_add(m, "no", 32 * P, P, -1, 0, 0, NULL), -ENOSPC);
	gmem_blocks(m, &n);
	assert_int_equal(n, 3);
	assert_null(gmem_find(m, 32 * P));
	assert_string_equal(gmem_find(m, 16 * P)->name, "new");
	gmem_destroy(m);
	assert_int_equal(s.adds, 4);
	assert_int_equal(s.dels, 4);
	assert_int_equal(s.slots, 0);
}

static void writes_mark_their_pages_while_logging(void **state)
{
	struct gmem *m = fresh();
	u64 bits = 0;
	u8 b[2] = { 1, 2 };

	gmem_write(m, 0, b, 1);
	gmem_dirty_log(m, true);
	assert_int_equal(gmem_dirty_take(gmem_find(m, 0), &bits), 0);
	gmem_write(m, P - 1, b, 2);
	gmem_mark_dirty(m, 3 * P, P);
	gmem_write(m, 4 * P, b, 1);
	assert_int_equal(gmem_dirty_take(gmem_find(m, 0), &bits), 3);
	assert_int_equal(bits, 0xb);
	bits = 0;
	assert_int_equal(gmem_dirty_take(gmem_find(m, 0), &bits), 0);
	assert_int_equal(gmem_dirty_take(gmem_find(m, 4 * P), &bits), 1);
	gmem_dirty_log(m, false);
	gmem_destroy(m);
	gmem_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_cross_adjacent_blocks),
		cmocka_unit_test(nothing_moves_when_a_byte_is_outside),
		cmocka_unit_test(a_block_may_end_the_address_space),
		cmocka_unit_test(rom_ignores_writes_but_loads),
		cmocka_unit_test(overlaps_and_odd_sizes_are_refused),
		cmocka_unit_test(one_backing_shows_as_two_blocks),
		cmocka_unit_test(iovecs_name_every_piece),
		cmocka_unit_test(the_listener_sees_every_block_come_and_go),
		cmocka_unit_test(writes_mark_their_pages_while_logging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
