/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_pipe.c. */
#include "tests/unit/chardev_fixture.h"

static void a_pair_of_pipes_carries_both_directions(void **state)
{
	struct rec r;
	int in, out;

	assert_int_equal(mkfifo(in_dir("%s/p.in"), 0600), 0);
	assert_int_equal(mkfifo(in_dir("%s/p.out"), 0600), 0);
	rec_attach(&r, open_ok("p", in_dir("pipe:%s/p")));
	for (int i = 1; i <= 2; i++) { /* the other side comes and goes */
		in = open(in_dir("%s/p.in"), O_WRONLY);
		out = open(in_dir("%s/p.out"), O_RDONLY | O_NONBLOCK);
		send_text(in, "to");
		RUN_UNTIL(r.got.len == (size_t)i * 2);
		chardev_write(&r.fe, "from", 4);
		expect_bytes(out, "from");
		close(in);
		close(out);
	}
	assert_string_equal(r.events, "O");
	rec_fini(&r);
}

static void a_missing_pipe_is_named(void **state)
{
	open_fails("p", "pipe", "chardev: pipe: no device path given");
	open_fails("p", "pipe:/nonexistent", "Could not open '/nonexistent': "
		   "No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_of_pipes_carries_both_directions),
		TEST(a_missing_pipe_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
