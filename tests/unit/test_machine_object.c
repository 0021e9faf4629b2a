/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/machine_object.c: types of objects, and who makes them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/machine.h"
#include "vmm/net/netdev.h"

static struct vm vm;
static struct err e;

static int fresh(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&e, 0, sizeof(e));
	list_init(&vm.iothreads);
	vm.loop = loop_create("test", &e);
	vm.disks = disk_set_create(vm.loop);
	vm.nets = netdev_set_create(vm.loop);
	return !vm.loop;
}

static int done(void **state)
{
	(void)state;
	netdev_set_destroy(vm.nets);
	disk_set_destroy(vm.disks);
	iothreads_destroy(&vm.iothreads);
	loop_destroy(vm.loop);
	return 0;
}

static void an_io_thread_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(machine_object_add(&vm, "iothread,id=io0", &e), 0);
	assert_non_null(iothread_find(&vm.iothreads, "io0"));
	assert_int_equal(machine_object_del(&vm, "io0", &e), 0);
	assert_null(iothread_find(&vm.iothreads, "io0"));
	assert_int_equal(machine_object_del(&vm, "io0", &e), -ENOENT);
}

static void sources_of_randomness_need_nothing(void **state)
{
	(void)state;
	assert_int_equal(machine_object_add(&vm, "rng-random,id=r,"
					    "filename=/dev/urandom", &e), 0);
	assert_int_equal(machine_object_add(&vm, "qom-type=rng-builtin,id=r",
					    &e), 0);
	assert_int_equal(machine_object_add(&vm, "rng-builtin,id=r,speed=9",
					    &e), -EINVAL);
}

static void unknown_types_and_options_are_refused_by_name(void **state)
{
	(void)state;
	assert_int_equal(machine_object_add(&vm, "id=x", &e), -EINVAL);
	assert_string_equal(e.msg, "an object needs qom-type=TYPE");
	assert_int_equal(machine_object_add(&vm, "secret,id=x", &e), -ENOTSUP);
	assert_string_equal(e.msg, "not supported yet: objects of type "
			    "'secret'");
	assert_true(machine_object_add(&vm, "iothread,id=i,colour=red",
				       &e) < 0);
	assert_non_null(strstr(e.msg, "colour"));
	assert_null(iothread_find(&vm.iothreads, "i"));
	assert_true(machine_object_add(&vm, "filter-dump,id=f,netdev=none,"
				       "file=/nowhere/x", &e) < 0);
}

static void help_has_a_line_for_each_type(void **state)
{
	struct strbuf s = STRBUF_INIT;
	unsigned n = 0;

	(void)state;
	machine_object_help(&s);
	for (char *line = strtok(strchr(s.buf, '\n'), "\n"); line;
	     line = strtok(NULL, "\n"), n++) {
		char name[32] = "";

		assert_int_equal(sscanf(line, " %31s", name), 1);
		assert_true(machine_object_type(name));
		assert_true(strlen(line) > 20);
	}
	assert_true(n >= 4);
	assert_false(machine_object_type("secret"));
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_io_thread_comes_and_goes,
						fresh, done),
		cmocka_unit_test_setup_teardown(
			sources_of_randomness_need_nothing, fresh, done),
		cmocka_unit_test_setup_teardown(
			unknown_types_and_options_are_refused_by_name, fresh,
			done),
		cmocka_unit_test(help_has_a_line_for_each_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
