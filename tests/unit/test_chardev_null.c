/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_null.c. */
#include "tests/unit/chardev_fixture.h"

static void it_takes_all_and_gives_nothing(void **state)
{
	struct chardev *c = open_ok("n", "null");
	static char block[1 << 20];
	struct rec r;

	rec_attach(&r, c);
	RUN_UNTIL(!strcmp(r.events, "O"));
	assert_int_equal(chardev_write(&r.fe, block, sizeof(block)),
			 sizeof(block));
	turn();
	assert_int_equal(r.got.len, 0);
	expect_text(c, "null");
	rec_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_takes_all_and_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
