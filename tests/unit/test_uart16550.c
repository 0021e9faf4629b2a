/* SPDX-License-Identifier: MIT */
/* Unit test: the 16550A, register by register, against a real socket. */
#include "tests/unit/device_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/core/chardev.h"

extern const struct device_class uart16550_class;

enum { COM = 0x3f8, IER = COM + 1, IIR = COM + 2, LCR = COM + 3,
       MCR = COM + 4, LSR = COM + 5, MSR = COM + 6, SCR = COM + 7 };

static struct chardev_set *chardevs;
static char path[64];
static int peer = -1;

static struct chardev *find(void *o, const char *id)
{
	(void)o;
	return chardev_find(chardevs, id);
}

static void turns(int n)
{
	while (n--)
		fake_turn();
}

static void connect_peer(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	peer = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	strcpy(a.sun_path, path);
	assert_int_equal(connect(peer, (void *)&a, sizeof(a)), 0);
	turns(4);
}

static int up(void **s)
{
	struct err e = { 0 };
	char spec[128];
	struct device *d;

	(void)s;
	fake_machine_up(0);
	snprintf(path, sizeof(path), "/tmp/uart-%d.sock", getpid());
	unlink(path);
	chardevs = chardev_set_create(fake.env.loop);
	snprintf(spec, sizeof(spec), "socket,id=c0,path=%s,server=on,wait=off",
		 path);
	if (!chardev_open(chardevs, NULL, spec, &e)) {
		print_error("%s\n", e.msg);
		return -1;
	}
	fake.env.find_chardev = find;
	d = fake.dev = fake_new(&uart16550_class);
	assert_int_equal(device_set_prop(d, "chardev", "c0", &e), 0);
	fake_realize(d);
	connect_peer();
	return 0;
}

static int down(void **s)
{
	struct device *d = fake.dev;

	(void)s;
	fake.dev = NULL;
	device_destroy(d);
	chardev_set_destroy(chardevs);
	fake_machine_down();
	close(peer);
	unlink(path);
	return 0;
}

static void feed(const char *z)
{
	assert_int_equal(write(peer, z, strlen(z)), (int)strlen(z));
	turns(4);
}

static void reset_values(void **s)
{
	assert_int_equal(inb(LSR), 0x60);
	assert_int_equal(inb(IIR), 0x01);
	assert_int_equal(inb(MSR), 0xb0);
	outb(SCR, 0x5a);
	assert_int_equal(inb(SCR), 0x5a);
	assert_int_equal(inb(IER), 0);
}

static void divisor_hides_behind_dlab(void **s)
{
	outb(LCR, 0x83);
	outb(COM, 1);
	outb(IER, 2);
	assert_int_equal(inb(COM), 1);
	assert_int_equal(inb(IER), 2);
	outb(LCR, 3);
	assert_int_equal(inb(IER), 0);
}

static void bytes_go_out_at_once(void **s)
{
	char buf[8] = "";

	outb(COM, 'h');
	outb(COM, 'i');
	assert_int_equal(inb(LSR) & 0x60, 0x60);
	turns(2);
	assert_int_equal(read(peer, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "hi");
}

static void thre_interrupt_rises_for_every_byte(void **s)
{
	int e;

	outb(IER, 2);
	assert_int_equal(fake.wire[4], 1);
	assert_int_equal(inb(IIR), 0x02);      /* reading ends it */
	assert_int_equal(fake.wire[4], 0);
	e = fake.edges[4];
	outb(COM, 'x');
	outb(COM, 'y');
	assert_int_equal(fake.edges[4], e + 2);
	outb(IER, 0);
	assert_int_equal(fake.wire[4], 0);
}

static void received_bytes_interrupt_at_the_trigger(void **s)
{
	outb(IIR, 0x41);               /* FIFOs on, trigger 4 */
	outb(IER, 1);
	assert_int_equal(inb(IIR), 0xc1);
	feed("abc");
	assert_int_equal(inb(LSR) & 1, 1);
	assert_int_equal(fake.wire[4], 0);
	feed("d");
	assert_int_equal(inb(IIR), 0xc4);
	assert_int_equal(inb(COM), 'a');
	assert_int_equal(fake.wire[4], 0);
	assert_int_equal(inb(COM), 'b');
	assert_int_equal(inb(COM), 'c');
	assert_int_equal(inb(COM), 'd');
	assert_int_equal(inb(LSR) & 1, 0);
}

static void timeout_reports_a_short_fifo(void **s)
{
	outb(IIR, 0xc1);               /* trigger 14 */
	outb(IER, 1);
	feed("q");
	assert_int_equal(fake.wire[4], 0);
	fake_pass(100000000);
	turns(2);
	assert_int_equal(inb(IIR), 0xcc);
	inb(COM);
	assert_int_equal(inb(IIR), 0xc1);
}

static void sixteen_wait_in_the_fifo_the_rest_outside(void **s)
{
	outb(IIR, 0x01);
	feed("0123456789abcdefghij");
	for (int i = 0; i < 16; i++)
		assert_int_equal(inb(COM), "0123456789abcdef"[i]);
	turns(4);
	assert_int_equal(inb(COM), 'g');
}

static void without_fifo_one_byte_at_a_time(void **s)
{
	feed("ab");
	assert_int_equal(inb(COM), 'a');
	turns(4);
	assert_int_equal(inb(COM), 'b');
}

static void loopback_returns_bytes_and_lines(void **s)
{
	outb(MCR, 0x1a);               /* loop, OUT2, RTS */
	assert_int_equal(inb(MSR) & 0xf0, 0x90);
	outb(COM, 'L');
	assert_int_equal(inb(LSR) & 1, 1);
	assert_int_equal(inb(COM), 'L');
	feed("z");                     /* the line is cut */
	assert_int_equal(inb(LSR) & 1, 0);
	outb(MCR, 0x08);
	turns(4);
	assert_int_equal(inb(COM), 'z');
}

static void modem_deltas_interrupt_until_read(void **s)
{
	inb(MSR);
	outb(IER, 8);
	outb(MCR, 0x10);               /* DCD, DSR, CTS fall */
	assert_int_equal(inb(IIR), 0x00);
	assert_int_equal(inb(MSR), 0x0b);
	assert_int_equal(inb(IIR), 0x01);
}

static void full_peer_holds_bytes_back_and_loses_none(void **s)
{
	static u8 buf[1 << 16];
	int sent = 0, got = 0, n;

	outb(IIR, 0x01);
	while ((inb(LSR) & 0x20) && sent < 20000000) {
		outb(COM, 'A' + sent % 26);
		sent++;
	}
	assert_int_equal(inb(LSR) & 0x60, 0);  /* the peer is full */
	for (n = 0; n < 40; n++)               /* 15 more, then overrun */
		outb(COM, 'A' + (sent + n) % 26);
	sent += 15;
	for (int idle = 0; idle < 3; idle++) {
		turns(1);
		while ((n = read(peer, buf, sizeof(buf))) > 0) {
			for (int i = 0; i < n; i++)
				assert_int_equal(buf[i], 'A' + got++ % 26);
			idle = 0;
		}
	}
	assert_int_equal(got, sent);
	assert_int_equal(inb(LSR) & 0x60, 0x60);
}

static void ports_are_found_by_index(void **s)
{
	struct err e = { 0 };
	struct device *d = fake_new(&uart16550_class);
	struct strbuf b = STRBUF_INIT;

	assert_int_equal(device_realize(d, &e), 0);
	device_get_prop(d, "iobase", &b);
	assert_string_equal(b.buf, "760");     /* COM2 */
	strbuf_reset(&b);
	device_get_prop(d, "irq", &b);
	assert_string_equal(b.buf, "3");
	strbuf_fini(&b);
	device_destroy(d);
}

static void state_round_trips(void **s)
{
	outb(IIR, 0x41);
	outb(IER, 5);
	outb(LCR, 3);
	outb(SCR, 9);
	feed("abcdef");
	inb(COM);
	fake_round_trip(fake.dev);
	assert_int_equal(fake.wire[4], 1);
	assert_int_equal(inb(COM), 'b');
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_values),
		T(divisor_hides_behind_dlab),
		T(bytes_go_out_at_once),
		T(thre_interrupt_rises_for_every_byte),
		T(received_bytes_interrupt_at_the_trigger),
		T(timeout_reports_a_short_fifo),
		T(sixteen_wait_in_the_fifo_the_rest_outside),
		T(without_fifo_one_byte_at_a_time),
		T(loopback_returns_bytes_and_lines),
		T(modem_deltas_interrupt_until_read),
		T(full_peer_holds_bytes_back_and_loses_none),
		T(ports_are_found_by_index),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
