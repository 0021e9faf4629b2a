/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/machine*.c: -device, -global and device_del, and builds that
 * fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/machine.h"
#include "vmm/options_priv.h"

static struct vm vm;
static struct vm_config config;
static struct err e;

static int fresh(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&e, 0, sizeof(e));
	config_init(&config);
	vm.config = &config;
	list_init(&vm.devices);
	vm.pio = bus_create("io", 0x10000);
	vm.mmio = bus_create("memory", 1ull << 40);
	vm.env.pio = vm.pio;
	vm.env.mmio = vm.mmio;
	return 0;
}

static int done(void **state)
{
	(void)state;
	while (!list_empty(&vm.devices)) {
		struct device *d = list_entry(vm.devices.next, struct device,
					      node);

		list_remove(&d->node);
		device_destroy(d);
	}
	bus_destroy(vm.pio);
	bus_destroy(vm.mmio);
	config_fini(&config);
	return 0;
}

static void a_device_is_added_with_its_properties(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct device *d;
	u64 v = 0;

	(void)state;
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,iobase=0x501,"
					    "id=bye", &e), 0);
	d = list_entry(vm.devices.next, struct device, node);
	assert_string_equal(d->id, "bye");
	assert_true(d->realized);
	assert_int_equal(device_get_prop(d, "iobase", &s), 0);
	assert_int_equal(strtoul(s.buf, NULL, 0), 0x501);
	assert_true(bus_read(vm.pio, 0x501, &v, 1));
	strbuf_fini(&s);
}

static void what_is_wrong_with_a_device_is_named(void **state)
{
	static const struct {
		const char *spec;
		int rc;
		const char *says;
	} bad[] = {
		{ "flux-capacitor", -ENODEV, "'flux-capacitor' is not a valid "
		  "device model name" },
		{ "isa-debug-exit,flux=1", -ENOENT, "flux" },
		{ "isa-debug-exit,iobase=here", -EINVAL, "iobase" },
		{ "isa-debug-exit,id=9x", -EINVAL, "'9x' is no id" },
		{ "isa-debug-exit,bus=nosuch", -ENOENT,
		  "Bus 'nosuch' not found" },
		{ "isa-debug-exit,bus=pci.0", -ENOENT,
		  "Bus 'pci.0' not found" },
		{ "virtio-rng-pci,bus=isa.0", -EINVAL,
		  "Device 'virtio-rng-pci' can't go on ISA bus" },
		{ "id=x", -EINVAL, "" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		e.msg[0] = '\0';
		assert_true(machine_device_add(&vm, bad[i].spec, &e) < 0);
		assert_true(e.msg[0]);
		assert_non_null(strstr(e.msg, bad[i].says));
		assert_true(list_empty(&vm.devices));
	}
}

static void a_bus_may_be_named(void **state)
{
	(void)state;
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,bus=isa.0",
					    &e), 0);
}

static void an_id_is_given_once(void **state)
{
	(void)state;
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=a", &e),
			 0);
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=a,"
					    "iobase=0x600", &e), -EEXIST);
	assert_non_null(strstr(e.msg, "'a'"));
}

static void parts_of_the_board_cannot_be_added(void **state)
{
	(void)state;
	assert_int_equal(machine_device_add(&vm, "mc146818rtc", &e), -EPERM);
}

static void what_cannot_be_plugged_stays_out_and_in(void **state)
{
	(void)state;
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=a", &e),
			 0);
	vm.nvcpus = 1;                         /* the machine exists now */
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=b", &e),
			 -EPERM);
	assert_int_equal(machine_device_del(&vm, "a", &e), -EPERM);
	assert_int_equal(machine_device_del(&vm, "b", &e), -ENOENT);
	assert_string_equal(e.msg, "Device 'b' not found");
	vm.nvcpus = 0;
}

static void a_build_that_fails_leaves_nothing_and_one_sentence(void **state)
{
	struct vm_config c;

	(void)state;
	config_init(&c);
	c.accel = strdup("nope");
	assert_null(machine_build(&c, &e));
	assert_string_equal(e.msg, "invalid accelerator nope");
	free(c.accel);
	c.accel = strdup("kvm");
	c.kernel = strdup("/nowhere/vmlinuz");
	if (!access("/dev/kvm", R_OK | W_OK)) {
		assert_null(machine_build(&c, &e));
		assert_non_null(strstr(e.msg, "/nowhere/vmlinuz"));
	} else {
		print_message("# skip: no usable /dev/kvm here\n");
	}
	config_fini(&c);
}

static void defaults_are_of_every_later_device_unless_it_says(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct device *a, *b;

	(void)state;
	config_append(&config.globals, "isa-debug-exit.iobase=0x601");
	config_append(&config.globals, "driver=isa-debug-exit,"
		      "property=iosize,value=1");
	config_append(&config.globals, "ICH9-LPC.disable_s3=1");
	config_append(&config.globals, "cfi.pflash01.secure=on");
	assert_int_equal(machine_set_defaults(&vm, &e), 0);
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=a", &e), 0);
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit,id=b,"
					    "iobase=0x701", &e), 0);
	a = list_entry(vm.devices.next, struct device, node);
	b = list_entry(vm.devices.prev, struct device, node);
	assert_int_equal(device_get_prop(a, "iobase", &s), 0);
	strbuf_addstr(&s, " ");
	assert_int_equal(device_get_prop(a, "iosize", &s), 0);
	strbuf_addstr(&s, " ");
	assert_int_equal(device_get_prop(b, "iobase", &s), 0);
	assert_string_equal(s.buf, "1537 1 1793");
	strbuf_fini(&s);
	machine_forget_defaults(&vm);
}

static void bad_defaults_are_named(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "x", "DRIVER.PROP=VALUE is expected" },
		{ ".a=b", "DRIVER.PROP=VALUE is expected" },
		{ "a.=b", "DRIVER.PROP=VALUE is expected" },
		{ "a=b.c", "DRIVER.PROP=VALUE is expected" },
		{ "driver=a,property=b", "value= are expected" },
		{ "driver=a,property=b,value=c,d=e", "'d'" },
		{ "isa-debug-exit.foo=1",
		  "-global isa-debug-exit.foo=1: Property "
		  "'isa-debug-exit.foo' not found" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		config_append(&config.globals, bad[i].text);
		assert_true(machine_set_defaults(&vm, &e) < 0);
		assert_non_null(strstr(e.msg, bad[i].says));
		machine_forget_defaults(&vm);
		config_fini(&config);
	}
	config_append(&config.globals, "isa-debug-exit.iobase=no");
	assert_int_equal(machine_set_defaults(&vm, &e), 0);
	assert_int_equal(machine_device_add(&vm, "isa-debug-exit", &e), -EINVAL);
	assert_non_null(strstr(e.msg, "-global isa-debug-exit.iobase=no: "));
	machine_forget_defaults(&vm);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_is_added_with_its_properties),
		T(what_is_wrong_with_a_device_is_named),
		T(a_bus_may_be_named),
		T(an_id_is_given_once),
		T(parts_of_the_board_cannot_be_added),
		T(what_cannot_be_plugged_stays_out_and_in),
		T(defaults_are_of_every_later_device_unless_it_says),
		T(bad_defaults_are_named),
		T(a_build_that_fails_leaves_nothing_and_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
