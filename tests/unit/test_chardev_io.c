/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_io.c: order, flushing, removal from inside. */
#include "tests/unit/chardev_fixture.h"

static void queued_output_is_flushed_at_the_end(void **state)
{
	static char block[200000];
	const char *path = in_dir("%s/fifo");
	size_t got = 0;
	struct rec r;
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	rec_attach(&r, open_ok("p", in_dir("pipe:%s/fifo")));
	r.room = 0;                    /* leave the bytes to us */
	assert_int_equal(chardev_write(&r.fe, block, sizeof(block)),
			 sizeof(block));
	while (got < 150000) {         /* the pipe itself holds 65536 */
		ssize_t n = read(fd, block, sizeof(block));

		got += n > 0 ? n : 0;
		turn();
	}
	chardev_detach(&r.fe);
	assert_int_equal(chardev_remove(set, "p", NULL), 0);
	while (read(fd, block, 1) == 1)
		got++;
	assert_int_equal(got, sizeof(block));
	close(fd);
	strbuf_fini(&r.got);
}

static struct rec suicidal;

static void remove_in_read(void *fe, const u8 *buf, size_t n)
{
	chardev_detach(&suicidal.fe);
	assert_int_equal(chardev_remove(set, "s", NULL), 0);
	suicidal.room = 0;
}

static const struct chardev_fe_ops suicidal_ops = {
	.can_read = rec_can_read, .read = remove_in_read, .event = rec_event,
};

static void a_front_end_may_remove_its_chardev_while_reading(void **state)
{
	struct chardev *c = open_ok("s", in_dir("unix:%s/s,server,nowait"));
	int a;

	suicidal = (struct rec){ .room = 10 };
	assert_int_equal(chardev_attach(c, &suicidal.fe, &suicidal_ops,
					&suicidal, NULL), 0);
	a = dial(in_dir("%s/s"));
	send_text(a, "boom");
	RUN_UNTIL(!suicidal.room);
	turn();
	close(a);
}

static void nothing_is_read_before_a_front_end_comes(void **state)
{
	struct chardev *c = open_ok("s", in_dir("unix:%s/s,server,nowait"));
	int a = dial(in_dir("%s/s"));
	struct rec r;

	send_text(a, "early");
	for (int i = 0; i < 5; i++)
		turn();
	rec_attach(&r, c);
	RUN_UNTIL(r.got.len == 5);
	rec_fini(&r);
	send_text(a, "late");
	turn();
	rec_attach(&r, c);             /* the next front end gets it */
	RUN_UNTIL(r.got.len == 4);
	assert_string_equal(r.events, "O");
	rec_fini(&r);
	close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queued_output_is_flushed_at_the_end),
		TEST(a_front_end_may_remove_its_chardev_while_reading),
		TEST(nothing_is_read_before_a_front_end_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
