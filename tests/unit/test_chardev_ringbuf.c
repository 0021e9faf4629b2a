/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_ringbuf.c. */
#include "tests/unit/chardev_fixture.h"

static void expect_read(struct chardev *c, size_t max, const char *want)
{
	struct strbuf s = STRBUF_INIT;

	assert_int_equal(chardev_ringbuf_read(c, max, &s, NULL), 0);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void the_oldest_bytes_are_overwritten(void **state)
{
	struct chardev *c = open_ok("rb0", "ringbuf,size=8");

	expect_read(c, 100, "");
	assert_int_equal(chardev_ringbuf_write(c, "hello", 5, NULL), 0);
	expect_read(c, 3, "hel");
	expect_read(c, 100, "lo");
	assert_int_equal(chardev_ringbuf_write(c, "0123456789", 10, NULL), 0);
	expect_read(c, 100, "23456789");
}

static void a_front_end_fills_it(void **state)
{
	struct chardev *c = open_ok("rb0", "memory");
	struct rec r;

	rec_attach(&r, c);
	chardev_write(&r.fe, "boot log", 8);
	expect_read(c, 100, "boot log");
	expect_text(c, "memory");
	rec_fini(&r);
}

static void sizes_and_kinds_are_checked(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct err e;

	open_fails("r", "ringbuf,size=100",
		   "size of ringbuf chardev must be power of two");
	open_fails("r", "ringbuf,size=0",
		   "size of ringbuf chardev must be power of two");
	open_fails("r", "ringbuf,size=1T",
		   "size of ringbuf chardev is at most 1 GiB");
	open_fails("r", "ringbuf,size=8,foo=1", "Invalid parameter 'foo'");
	assert_int_equal(chardev_ringbuf_read(open_ok("n", "null"), 1, &s, &e),
			 -EINVAL);
	assert_string_equal(e.msg, "n is not a ringbuf device");
	assert_int_equal(chardev_ringbuf_write(chardev_find(set, "n"), "", 0,
					       &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_bytes_are_overwritten),
		TEST(a_front_end_fills_it),
		TEST(sizes_and_kinds_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
