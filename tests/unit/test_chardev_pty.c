/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_pty.c: the other end comes, goes, comes. */
#include "tests/unit/chardev_fixture.h"

static void the_other_end_may_come_and_go(void **state)
{
	struct chardev *c = chardev_open(set, "p", "pty", NULL);
	struct strbuf s = STRBUF_INIT;
	struct rec r;

	if (!c)
		skip();                /* no /dev/ptmx here */
	chardev_describe(c, &s);
	assert_memory_equal(s.buf, "pty:/dev/pts/", 13);
	rec_attach(&r, c);
	turn();
	assert_int_equal(chardev_write(&r.fe, "lost", 4), 4);
	for (int i = 1; i <= 2; i++) {
		int fd = open(s.buf + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
		size_t opens;

		assert_true(fd >= 0);
		opens = strlen(r.events);
		RUN_UNTIL(strlen(r.events) > opens);
		assert_int_equal(r.events[opens], 'O');
		send_text(fd, "raw\n\003");
		RUN_UNTIL(r.got.len == (size_t)i * 5);
		chardev_write(&r.fe, "a\nb", 3);
		expect_bytes(fd, "a\nb");
		close(fd);
		RUN_UNTIL(r.events[strlen(r.events) - 1] == 'C');
	}
	rec_fini(&r);
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_other_end_may_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
