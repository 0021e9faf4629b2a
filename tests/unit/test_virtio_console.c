// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_console.c over a socket: bytes both ways, a full
 * chardev that holds the queue, also across a saved state, ports, hostile
 * control messages.
 */
#include "tests/unit/virtio_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "virtio/virtio_console.h"
#include "vmm/core/chardev.h"

enum { BULK = 2 << 20, CTRL_RX = 2, CTRL_TX = 3 };

static struct chardev_set *set;
static char path[64];
static int peer;

static struct chardev *find(void *o, const char *id)
{
	(void)o;
	return chardev_find(set, id);
}

static void dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	peer = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	strcpy(a.sun_path, path);
	assert_int_equal(connect(peer, (void *)&a, sizeof(a)), 0);
	g_turns(3);
}

static void console_up(const char *const *props)
{
	struct err e = { 0 };
	char spec[128];

	g_memory();
	set = chardev_set_create(fake.env.loop);
	fake.env.find_chardev = find;
	snprintf(path, sizeof(path), "/tmp/mote-console-%d", getpid());
	snprintf(spec, sizeof(spec), "socket,id=c0,path=%s,server=on,wait=off",
		 path);
	assert_non_null(chardev_open(set, "c0", spec, &e));
	assert_int_equal(g_realize("virtio-serial-device", props, &e), 0);
	dial();
}

static void console_down(void)
{
	struct device *d = fake.dev;

	fake.dev = NULL;
	device_destroy(d);
	close(peer);
	chardev_set_destroy(set);
	fake_machine_down();
	unlink(path);
}

static const char *const one_port[] = { "chardev", "c0", NULL };
static const char *const named_port[] = { "chardev1", "c0", "name1", "org.x",
					  NULL };

static void bytes_go_both_ways(void **s)
{
	char buf[16] = "";
	u64 at;

	(void)s;
	console_up(one_port);
	g_start(0);
	at = g_in(0, 64);
	g_kick(0);
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	g_turns(4);
	assert_int_equal(g_take(0), 5);
	assert_memory_equal(g.ram + at, "hello", 5);
	g_out(1, "world", 5);
	g_kick(1);
	assert_int_equal(recv(peer, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "world", 5);
	assert_int_equal(g_take(1), 0);
	console_down();
}

/* Everything there is to read; how much, and that it is in order. */
static u32 drain(u32 seen)
{
	static u8 buf[65536];
	ssize_t n;

	for (unsigned idle = 0; idle < 20; idle++) {
		while ((n = recv(peer, buf, sizeof(buf), 0)) > 0) {
			for (ssize_t i = 0; i < n; i++, seen++)
				if (buf[i] != (u8)(seen >> 8 ^ seen))
					fail_msg("byte %u is wrong", seen);
			idle = 0;
		}
		g_turns(1);
	}
	return seen;
}

static void bulk_out(void)
{
	struct g_desc d = { .addr = g_alloc(BULK), .len = BULK };

	for (u32 i = 0; i < BULK; i++)
		g.ram[d.addr + i] = i >> 8 ^ i;
	g_chain(1, &d, 1, 0);
	g_kick(1);
}

static void a_full_chardev_holds_the_queue_and_loses_nothing(void **s)
{
	(void)s;
	console_up(one_port);
	g_start(0);
	bulk_out();
	assert_int_equal(g_done(1), 0);
	assert_int_equal(drain(0), BULK);
	assert_int_equal(g_done(1), 1);
	console_down();
}

static void what_is_held_goes_on_where_it_was_after_a_load(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };

	(void)s;
	console_up(one_port);
	g_start(0);
	bulk_out();
	device_quiesce(fake.dev);
	assert_int_equal(device_save(fake.dev, &b, &e), 0);
	device_reset(fake.dev);
	assert_int_equal(device_load(fake.dev, 1, b.buf, b.len, &e), 0);
	assert_int_equal(virtio_q(g.v, 1)->inuse, 1);
	device_resume(fake.dev);
	assert_int_equal(drain(0), BULK);
	assert_int_equal(g_done(1), 1);
	strbuf_fini(&b);
	console_down();
}

static void a_port_removed_in_a_pause_leaves_the_ring_alone(void **s)
{
	(void)s;
	console_up(one_port);
	g_start(0);
	bulk_out();
	device_quiesce(fake.dev);
	virtio_console_port_remove(fake.dev, 0);
	g_turns(2);
	assert_int_equal(g_done(1), 0);
	device_resume(fake.dev);
	g_turns(2);
	assert_int_equal(g_done(1), 1);
	assert_int_equal(virtio_q(g.v, 1)->inuse, 0);
	console_down();
}

static void control(u32 id, u16 event, u16 value)
{
	const struct { u32 id; u16 event, value; } m = { id, event, value };

	g_out(CTRL_TX, &m, sizeof(m));
	g_kick(CTRL_TX);
}

static void a_named_port_is_announced_and_opened(void **s)
{
	u64 at[6];
	bool named = false;

	(void)s;
	console_up(named_port);
	g_start(BIT64(1));
	for (unsigned i = 0; i < 6; i++)
		at[i] = g_in(CTRL_RX, 64);
	g_kick(CTRL_RX);
	control(0, 0, 1);              /* DEVICE_READY                     */
	assert_int_equal(g_done(CTRL_RX), 2);  /* PORT_ADD of 0 and 1      */
	control(1, 3, 1);              /* PORT_READY                       */
	control(1, 6, 1);              /* PORT_OPEN                        */
	for (unsigned i = 0; i < 6; i++)
		named |= !memcmp(g.ram + at[i] + 8, "org.x", 5);
	assert_true(named);
	console_down();
}

static void a_port_still_works_after_a_load(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };
	u64 at;

	(void)s;
	console_up(named_port);
	g_start(BIT64(1));
	control(1, 3, 1);
	control(1, 6, 1);              /* open; what it hears waits        */
	device_quiesce(fake.dev);
	assert_int_equal(device_save(fake.dev, &b, &e), 0);
	device_reset(fake.dev);
	assert_int_equal(device_load(fake.dev, 1, b.buf, b.len, &e), 0);
	device_resume(fake.dev);
	at = g_in(CTRL_RX, 64);
	g_kick(CTRL_RX);
	assert_int_equal(g_take(CTRL_RX), 8 + 5);      /* PORT_NAME        */
	assert_memory_equal(g.ram + at + 8, "org.x", 5);
	at = g_in(4, 64);
	g_kick(4);
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	g_turns(4);
	assert_int_equal(g_take(4), 5);
	assert_memory_equal(g.ram + at, "hello", 5);
	strbuf_fini(&b);
	console_down();
}

static void a_loaded_state_of_nonsense_does_no_harm(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };

	(void)s;
	console_up(named_port);
	g_start(BIT64(1));
	device_quiesce(fake.dev);
	assert_int_equal(device_save(fake.dev, &b, &e), 0);
	/* The last fields are those of this device. */
	memset(b.buf + b.len - 9 - 8 * 64, 0xff, 8 + 8 * 64);
	device_reset(fake.dev);
	if (device_load(fake.dev, 1, b.buf, b.len, &e) == 0) {
		device_resume(fake.dev);
		g_in(CTRL_RX, 64);
		g_kick(CTRL_RX);
		assert_int_equal(g_done(CTRL_RX), 0);
	}
	strbuf_fini(&b);
	console_down();
}

static void hostile_control_messages_do_no_harm(void **s)
{
	(void)s;
	console_up(named_port);
	g_start(BIT64(1));
	control(~0u, 3, 1);
	control(8, 6, 1);
	control(1, 0xffff, 0xffff);
	g_out(CTRL_TX, "short", 5);
	for (unsigned i = 0; i < 40; i++)
		control(0, 0, 1);      /* more than wait for room          */
	assert_false(g_broken());
	console_down();
}

static void a_console_that_goes_takes_no_others_wake_up_along(void **s)
{
	struct err e = { 0 };
	struct device *other;

	(void)s;
	console_up(one_port);
	g_start(0);
	assert_int_equal(send(peer, "hello", 5, 0), 5);
	g_turns(3);                    /* no buffer: its reader rests      */
	other = device_create(fake.dev->class, "d1", &fake.env);
	assert_int_equal(device_set_prop(other, "base", "0xfeb10000", &e), 0);
	assert_int_equal(device_set_prop(other, "gsi", "6", &e), 0);
	assert_int_equal(device_realize(other, &e), 0);
	g_in(0, 64);
	virtio_lock(g.v);
	g.v->class->kick(g.v, 0);      /* a word left for the loop ...     */
	virtio_unlock(g.v);
	device_destroy(other);         /* ... that is not about this one   */
	g_turns(4);
	assert_int_equal(g_done(0), 1);
	assert_int_equal(g_take(0), 5);
	console_down();
}

static void queues_that_never_empty_leave_the_loop_to_others(void **s)
{
	static const char *const ports[] = { "chardev", "n", "chardev1", "c0",
					     NULL };
	struct err e = { 0 };

	(void)s;
	g_memory();
	set = chardev_set_create(fake.env.loop);
	fake.env.find_chardev = find;
	assert_non_null(chardev_open(set, "n", "null", &e));
	assert_non_null(chardev_open(set, "c0", "null", &e));
	assert_int_equal(g_realize("virtio-serial-device", ports, &e), 0);
	peer = -1;
	g_start(BIT64(1));
	memset(g.ram + G_DATA, 0, BULK);
	g.ram[G_DATA + 6] = 1;         /* DEVICE_READY                     */
	g_flood(CTRL_TX, G_DATA, 8, false);
	g_flood(1, G_DATA, 16, false);
	console_down();
}

/* 60 times 2 MiB in one chain: a turn takes a piece of it. */
static void a_chain_without_end_is_written_in_turns(void **s)
{
	static const char *const port[] = { "chardev", "r", NULL };
	struct g_desc d[60];
	struct err e = { 0 };

	(void)s;
	g_memory();
	set = chardev_set_create(fake.env.loop);
	fake.env.find_chardev = find;
	assert_non_null(chardev_open(set, "r", "null", &e));
	assert_int_equal(g_realize("virtio-serial-device", port, &e), 0);
	peer = -1;
	g_turns(3);
	g_start(0);
	for (unsigned i = 0; i < ARRAY_LEN(d); i++)
		d[i] = (struct g_desc){ .addr = G_DATA, .len = BULK };
	g_chain(1, d, ARRAY_LEN(d), 0);
	g_kick(1);
	assert_int_equal(g_done(1), 0);
	g_turns(1500);
	assert_int_equal(g_done(1), 1);
	console_down();
}

/* --- the terminal's size --- */

/* Descriptors 0 and 1 become a terminal of this size while stdio is opened. */
static int terminal_up(u16 cols, u16 rows)
{
	struct winsize w = { .ws_col = cols, .ws_row = rows };
	int pty = posix_openpt(O_RDWR | O_NOCTTY), tty;
	const int was[2] = { dup(0), dup(1) };

	if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0)
		skip();                /* no pseudo-terminals here         */
	tty = open(ptsname(pty), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	ioctl(pty, TIOCSWINSZ, &w);
	g_memory();
	set = chardev_set_create(fake.env.loop);
	fake.env.find_chardev = find;
	fflush(stdout);
	dup2(tty, 0);
	dup2(tty, 1);
	close(tty);
	assert_non_null(chardev_open(set, "c0", "stdio", NULL));
	for (int i = 0; i < 2; i++) {
		dup2(was[i], i);
		close(was[i]);
	}
	return pty;
}

static void resize(u16 cols, u16 rows)
{
	struct winsize w = { .ws_col = cols, .ws_row = rows };

	ioctl(peer, TIOCSWINSZ, &w);
	chardev_set_resized(set);
	g_turns(3);
}

static void window_is(u16 cols, u16 rows)
{
	assert_int_equal(virtio_config_get(to_virtio(fake.dev), 0, 2), cols);
	assert_int_equal(virtio_config_get(to_virtio(fake.dev), 2, 2), rows);
}

static void a_terminals_size_is_in_the_configuration(void **s)
{
	struct err e = { 0 };
	u8 gen;

	(void)s;
	peer = terminal_up(100, 30);
	assert_int_equal(g_realize("virtio-serial-device", one_port, &e), 0);
	g_turns(3);
	g_start(BIT64(0));
	window_is(100, 30);
	gen = g.v->config_gen;
	g_out(1, "login:", 6);         /* Linux reads it when told so      */
	g_kick(1);
	assert_int_not_equal(g.v->config_gen, gen);
	gen = g.v->config_gen;
	g_out(1, "login:", 6);         /* once                             */
	g_kick(1);
	assert_int_equal(g.v->config_gen, gen);
	resize(81, 25);
	window_is(81, 25);
	assert_int_not_equal(g.v->config_gen, gen);
	gen = g.v->config_gen;
	resize(81, 25);
	assert_int_equal(g.v->config_gen, gen);        /* nothing is new   */
	console_down();
}

static void with_several_ports_a_message_says_columns_then_rows(void **s)
{
	static const char *const ports[] = { "chardev", "c0", "chardev1", "n",
					     NULL };
	const u8 want[12] = { 0, 0, 0, 0, 5, 0, 0, 0, 120, 0, 50, 0 };
	struct err e = { 0 };
	u64 at;

	(void)s;
	peer = terminal_up(80, 24);
	assert_non_null(chardev_open(set, "n", "null", &e));
	assert_int_equal(g_realize("virtio-serial-device", ports, &e), 0);
	g_turns(3);
	g_start(BIT64(0) | BIT64(1));
	at = g_in(CTRL_RX, 64);
	g_kick(CTRL_RX);
	resize(120, 50);
	assert_int_equal(g_take(CTRL_RX), sizeof(want));
	assert_memory_equal(g.ram + at, want, sizeof(want));
	window_is(120, 50);
	console_down();
}

static void a_socket_is_no_terminal(void **s)
{
	(void)s;
	console_up(one_port);
	g_start(BIT64(0));
	chardev_set_resized(set);
	g_turns(2);
	window_is(0, 0);
	console_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(a_full_chardev_holds_the_queue_and_loses_nothing),
		cmocka_unit_test(a_port_removed_in_a_pause_leaves_the_ring_alone),
		cmocka_unit_test(what_is_held_goes_on_where_it_was_after_a_load),
		cmocka_unit_test(a_named_port_is_announced_and_opened),
		cmocka_unit_test(a_port_still_works_after_a_load),
		cmocka_unit_test(a_loaded_state_of_nonsense_does_no_harm),
		cmocka_unit_test(hostile_control_messages_do_no_harm),
		cmocka_unit_test(a_console_that_goes_takes_no_others_wake_up_along),
		cmocka_unit_test(queues_that_never_empty_leave_the_loop_to_others),
		cmocka_unit_test(a_chain_without_end_is_written_in_turns),
		cmocka_unit_test(a_terminals_size_is_in_the_configuration),
		cmocka_unit_test(with_several_ports_a_message_says_columns_then_rows),
		cmocka_unit_test(a_socket_is_no_terminal),
	};

	return cmocka_run_group_tests_name("virtio_console", tests, NULL, NULL);
}
