// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtserialport.c: ports of a virtio-serial that come and
 * go, what the driver hears of them, refusals.
 */
#include "tests/unit/virtio_guest.h"

#include <errno.h>

#include "virtio/virtio_console.h"
#include "vmm/core/chardev.h"

enum { CTRL_RX = 2, CTRL_TX = 3, HEARD = 16 };
enum { READY = 0, ADD = 1, REMOVE = 2, PORT_READY = 3, CONSOLE = 4, OPEN = 6,
       NAME = 7 };

static struct chardev_set *set;
static u64 heard[HEARD];               /* buffers for control messages     */
static unsigned nheard;

static struct chardev *find(void *o, const char *id)
{
	(void)o;
	return chardev_find(set, id);
}

static void up(const char *max_ports)
{
	const char *const props[] = { "max_ports", max_ports, NULL };
	struct err e = { 0 };

	g_memory();
	set = chardev_set_create(fake.env.loop);
	fake.env.find_chardev = find;
	assert_non_null(chardev_open(set, "r", "ringbuf", &e));
	assert_int_equal(g_realize("virtio-serial-device", props, &e), 0);
}

static void driver_up(void)
{
	g_start(BIT64(1));
	nheard = 0;
	for (unsigned i = 0; i < HEARD; i++)
		heard[i] = g_in(CTRL_RX, 64);
	g_kick(CTRL_RX);
}

static void down(void)
{
	struct device *d = fake.dev;

	fake.dev = NULL;
	device_destroy(d);
	chardev_set_destroy(set);
	fake_machine_down();
}

static void say(u32 id, u16 event, u16 value)
{
	const struct { u32 id; u16 event, value; } m = { id, event, value };

	g_out(CTRL_TX, &m, sizeof(m));
	g_kick(CTRL_TX);
}

/* The driver hears this next; its bytes. */
static const char *hears(u32 id, u16 event, u16 value)
{
	const struct { u32 id; u16 event, value; } want = { id, event, value };
	const u8 *m = g.ram + heard[nheard++];

	assert_true(g_take(CTRL_RX) >= 8);
	assert_memory_equal(m, &want, 8);
	return (const char *)m + 8;
}

/* One more device on it, or NULL and why. */
static struct device *plug(const char *class, const char *const *props,
			   struct err *e)
{
	struct device *d = device_create(device_class_find(class), "p0",
					 &fake.env);

	d->parent = fake.dev;
	for (; *props; props += 2)
		assert_int_equal(device_set_prop(d, props[0], props[1], e), 0);
	if (device_realize(d, e) == 0)
		return d;
	device_destroy(d);
	return NULL;
}

static const char *const named[] = { "chardev", "r", "name", "org.x", NULL };
static const char *const nameless[] = { NULL };

static void ports_there_at_the_start_are_announced(void **s)
{
	struct device *port, *console;

	(void)s;
	up("4");
	port = plug("virtserialport", named, NULL);
	console = plug("virtconsole", nameless, NULL);
	driver_up();
	assert_int_equal(virtio_config_get(g.v, 4, 4), 4);
	say(0, READY, 1);
	hears(0, ADD, 1);
	hears(1, ADD, 1);
	assert_int_equal(g_done(CTRL_RX), 0);
	say(0, PORT_READY, 1);
	hears(0, CONSOLE, 1);
	say(1, PORT_READY, 1);
	assert_memory_equal(hears(1, NAME, 1), "org.x", 5);
	hears(1, OPEN, 1);
	say(2, PORT_READY, 1);         /* nobody                           */
	assert_int_equal(g_done(CTRL_RX), 0);
	device_destroy(console);
	device_destroy(port);
	down();
}

static void a_port_comes_and_goes_while_the_driver_runs(void **s)
{
	const struct device *whose = NULL;
	struct device *d;
	unsigned n = 0;
	bool open = false;

	(void)s;
	up("4");
	driver_up();
	say(0, READY, 1);
	assert_int_equal(g_done(CTRL_RX), 0);
	d = plug("virtserialport", named, NULL);
	hears(1, ADD, 1);
	say(1, PORT_READY, 1);
	hears(1, NAME, 1);
	hears(1, OPEN, 1);
	say(1, OPEN, 1);
	assert_true(virtio_console_changed(fake.dev, &n, &open, &whose));
	assert_true(open && whose == d && n == 1);
	g_out(5, "hello", 5);
	g_kick(5);
	assert_int_equal(g_done(5), 1);
	device_destroy(d);
	hears(1, REMOVE, 1);
	g_out(5, "gone", 4);
	g_kick(5);                     /* to nowhere                       */
	assert_int_equal(g_done(5), 2);
	d = plug("virtserialport", named, NULL);       /* all is free again */
	assert_non_null(d);
	hears(1, ADD, 1);
	device_destroy(d);
	down();
}

static void refused(const char *class, const char *key, const char *value,
		    const char *words)
{
	const char *const props[] = { key, value, NULL };
	struct err e = { 0 };

	assert_null(plug(class, key ? props : nameless, &e));
	if (!strstr(e.msg, words))
		fail_msg("%s: %s", words, e.msg);
}

static void what_cannot_be_is_named(void **s)
{
	struct device *a, *b;

	(void)s;
	up("3");
	refused("virtserialport", "nr", "0", "nr=0 is not 1 to 2");
	refused("virtserialport", "nr", "3", "nr=3");
	a = plug("virtserialport", named, NULL);
	refused("virtserialport", "name", "org.x", "'org.x'");
	refused("virtserialport", "nr", "1", "nr=1");
	refused("virtserialport", "chardev", "r", "r");
	b = plug("virtserialport", nameless, NULL);
	refused("virtserialport", NULL, NULL, "max_ports=");
	device_destroy(a);
	device_destroy(b);
	down();
}

static void bad_numbers_of_ports_are_refused(void **s)
{
	static const char *const many[] = { "max_ports", "32", NULL };
	static const char *const few[] = { "max_ports", "2", "chardev3", "r",
					   NULL };
	struct err e = { 0 };

	(void)s;
	up("1");
	assert_int_equal(to_virtio(fake.dev)->nqueues, 2);
	device_destroy(fake.dev);
	assert_true(g_realize("virtio-serial-device", many, &e) < 0);
	assert_string_equal(e.msg, "max_ports=32 is not 1 to 31");
	device_destroy(fake.dev);
	e = (struct err){ 0 };
	assert_true(g_realize("virtio-serial-device", few, &e) < 0);
	assert_string_equal(e.msg, "max_ports=2 is not 4 to 31");
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_there_at_the_start_are_announced),
		cmocka_unit_test(a_port_comes_and_goes_while_the_driver_runs),
		cmocka_unit_test(what_cannot_be_is_named),
		cmocka_unit_test(bad_numbers_of_ports_are_refused),
	};

	return cmocka_run_group_tests_name("virtserialport", tests, NULL, NULL);
}
