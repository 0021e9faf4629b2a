/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_mux.c, over a real socket pair. */
#include "tests/unit/chardev_fixture.h"

static struct chardev *mux;
static struct rec con, mon;
static int peer;

/* A mux on a unix socket, two front ends, and us at the other end. */
static void start(void)
{
	const char *path = in_dir("%s/s");
	char spec[128];

	snprintf(spec, sizeof(spec), "mon:unix:%s,server=on,wait=off", path);
	mux = open_ok("serial0", spec);
	rec_attach(&con, mux);
	rec_attach(&mon, mux);
	peer = dial(path);
	RUN_UNTIL(strchr(mon.events, 'O'));
}

static void finish(void)
{
	rec_fini(&con);
	rec_fini(&mon);
	close(peer);
}

static void the_first_front_end_has_the_focus(void **state)
{
	start();
	assert_string_equal(con.events, "O");
	assert_string_equal(mon.events, "oO");
	assert_true(chardev_is_mux(mux));
	send_text(peer, "hello");
	RUN_UNTIL(con.got.len == 5);
	assert_string_equal(con.got.buf, "hello");
	assert_int_equal(mon.got.len, 0);
	chardev_write(&con.fe, "one ", 4);
	chardev_write(&mon.fe, "two", 3);
	expect_bytes(peer, "one two");
	finish();
}

static void ctrl_a_c_moves_the_focus_round(void **state)
{
	start();
	send_text(peer, "a\001cb\001cc");
	RUN_UNTIL(con.got.len == 2 && mon.got.len == 1);
	assert_string_equal(con.got.buf, "ac");
	assert_string_equal(mon.got.buf, "b");
	assert_string_equal(con.events, "Ooi");
	assert_string_equal(mon.events, "oOio");
	chardev_take_focus(&mon.fe);
	RUN_UNTIL(mon.events[strlen(mon.events) - 1] == 'i');
	finish();
}

static void an_escape_may_come_in_two_pieces(void **state)
{
	start();
	send_text(peer, "\001");
	RUN_UNTIL(1);
	turn();
	send_text(peer, "\001x\001qy");
	RUN_UNTIL(con.got.len == 3);
	assert_memory_equal(con.got.buf, "\001xy", 3);
	finish();
}

static bool quit;

static void on_quit(void *opaque)
{
	quit = opaque == set;
}

static void ctrl_a_keys_do_what_help_says(void **state)
{
	char buf[2048] = "";
	ssize_t n;

	quit = false;
	chardev_set_on_quit(set, on_quit, set);
	start();
	send_text(peer, "\001h");
	turn();
	turn();
	n = read(peer, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	assert_non_null(strstr(buf, "C-a x"));
	assert_non_null(strstr(buf, "C-a c"));
	send_text(peer, "\001b");
	RUN_UNTIL(strchr(con.events, 'B'));
	assert_null(strchr(mon.events, 'B'));
	send_text(peer, "\001t");
	turn();
	turn();
	chardev_write(&con.fe, "line\nnext\n", 10);
	memset(buf, 0, sizeof(buf));
	n = read(peer, buf, sizeof(buf) - 1);
	assert_int_equal(n, 10 + 2 * 15);
	assert_memory_equal(buf, "[00:00:0", 8);
	assert_memory_equal(buf + 15, "line\n[", 6);
	send_text(peer, "\001x");
	RUN_UNTIL(quit);
	finish();
}

static void a_stuck_front_end_does_not_disable_the_keys(void **state)
{
	char flood[2001];

	start();
	con.room = 0;
	memset(flood, 'z', sizeof(flood) - 1);
	flood[sizeof(flood) - 1] = '\0';
	send_text(peer, flood);
	send_text(peer, "\001cm");
	RUN_UNTIL(mon.got.len == 1);
	assert_int_equal(con.got.len, 0);
	con.room = 100;                /* nobody sees that without a kick */
	turn();
	assert_int_equal(con.got.len, 0);
	chardev_kick(&con.fe);         /* typed while it had the focus */
	RUN_UNTIL(con.got.len == 2000);
	assert_int_equal(mon.got.len, 1);
	finish();
}

static void input_beyond_the_buffer_waits_in_the_socket(void **state)
{
	char flood[9001];

	start();
	con.room = 0;
	memset(flood, 'z', sizeof(flood) - 1);
	flood[sizeof(flood) - 1] = '\0';
	send_text(peer, flood);
	for (int i = 0; i < 20; i++)
		turn();
	con.room = 7;
	chardev_kick(&con.fe);
	RUN_UNTIL(con.got.len == 9000);
	finish();
}

static void reconnecting_opens_everyone_again(void **state)
{
	start();
	close(peer);
	RUN_UNTIL(strchr(mon.events, 'C') && strchr(con.events, 'C'));
	peer = dial(in_dir("%s/s"));
	RUN_UNTIL(strrchr(mon.events, 'O') > strchr(mon.events, 'C'));
	send_text(peer, "again");
	RUN_UNTIL(con.got.len == 5);
	finish();
}

static void a_detached_front_end_gives_up_the_focus(void **state)
{
	struct err e;

	start();
	rec_fini(&con);
	send_text(peer, "m");
	RUN_UNTIL(mon.got.len == 1);
	assert_int_equal(chardev_remove(set, "serial0", &e), -EBUSY);
	assert_int_equal(chardev_remove(set, "serial0-base", &e), -EBUSY);
	rec_fini(&mon);
	assert_int_equal(chardev_remove(set, "serial0", &e), 0);
	assert_null(chardev_find(set, "serial0-base"));
	close(peer);
}

static void slots_run_out_politely(void **state)
{
	struct rec many[9];
	struct err e;
	int n = 0;

	mux = open_ok("m", "null,mux=on");
	expect_text(mux, "mux");
	while (n < 8)
		rec_attach(&many[n++], mux);
	assert_int_equal(chardev_attach(mux, &many[8].fe, &rec_ops, &many[8],
					&e), -EBUSY);
	assert_string_equal(e.msg, "Device 'm' is in use");
	while (n)
		rec_fini(&many[--n]);
}

static void teardown_with_front_ends_attached_is_safe(void **state)
{
	start();
	chardev_write(&con.fe, "bye", 3);
	chardev_set_destroy(set);
	assert_null(con.fe.chr);
	assert_int_equal(chardev_write(&con.fe, "x", 1), 1);
	chardev_kick(&con.fe);
	set = NULL;
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_front_end_has_the_focus),
		TEST(ctrl_a_c_moves_the_focus_round),
		TEST(an_escape_may_come_in_two_pieces),
		TEST(ctrl_a_keys_do_what_help_says),
		TEST(a_stuck_front_end_does_not_disable_the_keys),
		TEST(input_beyond_the_buffer_waits_in_the_socket),
		TEST(reconnecting_opens_everyone_again),
		TEST(a_detached_front_end_gives_up_the_focus),
		TEST(slots_run_out_politely),
		TEST(teardown_with_front_ends_attached_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
