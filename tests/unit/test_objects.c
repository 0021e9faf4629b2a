/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/objects.c: which objects may come, and when they may go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/opts.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/net/netdev.h"
#include "vmm/objects.h"
#include "vmm/vm.h"

static struct vm vm;
static struct err e;

static int fresh(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&e, 0, sizeof(e));
	list_init(&vm.devices);
	list_init(&vm.iothreads);
	list_init(&vm.objects);
	vm.loop = loop_create("test", &e);
	vm.disks = disk_set_create(vm.loop);
	vm.nets = netdev_set_create(vm.loop);
	return !vm.loop;
}

static int done(void **state)
{
	(void)state;
	objects_forget(&vm);
	assert_null(object_find(&vm, "r0"));
	netdev_set_destroy(vm.nets);
	disk_set_destroy(vm.disks);
	iothreads_destroy(&vm.iothreads);
	loop_destroy(vm.loop);
	return 0;
}

static void an_io_thread_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(object_add(&vm, "iothread,id=io0", &e), 0);
	assert_non_null(iothread_find(&vm.iothreads, "io0"));
	assert_int_equal(object_del(&vm, "io0", &e), 0);
	assert_null(iothread_find(&vm.iothreads, "io0"));
	assert_int_equal(object_del(&vm, "io0", &e), -ENOENT);
}

static void limits_stay_while_a_node_has_them(void **state)
{
	struct blk_set *b = disk_blks(vm.disks);

	(void)state;
	assert_int_equal(object_add(&vm, "throttle-group,id=tg,x-iops-total=5",
				    &e), 0);
	assert_int_equal(object_add(&vm, "throttle-group,id=th,limits.bps-read"
				    "=5,bps=5", &e), -EINVAL);
	assert_string_equal(e.msg, "Parameter 'bps' is unexpected");
	assert_int_equal(blk_add(b, "throttle,throttle-group=tg,node-name=t,"
				 "file.driver=null-co", &e), 0);
	assert_int_equal(object_del(&vm, "tg", &e), -EBUSY);
	assert_non_null(object_find(&vm, "tg"));
	assert_int_equal(blk_del(b, "t", &e), 0);
	assert_int_equal(object_del(&vm, "tg", &e), 0);
	assert_int_equal(object_add(&vm, "throttle-group,id=tg", &e), 0);
}

static void a_dump_waits_for_the_networks_of_nic(void **state)
{
	(void)state;
	assert_true(object_is_late("filter-dump,id=f,netdev=n0"));
	assert_true(object_is_late("id=f,qom-type=filter-dump"));
	assert_false(object_is_late("iothread,id=io0"));
	assert_false(object_is_late("secret,id=s"));
	assert_false(object_is_late("id=f"));
}

static void an_object_is_there_until_it_is_deleted(void **state)
{
	(void)state;
	assert_int_equal(object_add(&vm, "rng-random,id=r0,filename=/dev/random",
				    &e), 0);
	assert_int_equal(object_add(&vm, "qom-type=rng-builtin,id=r1", &e), 0);
	assert_string_equal(object_find(&vm, "r0")->type->name, "rng-random");
	assert_int_equal(object_add(&vm, "rng-builtin,id=r0", &e), -EEXIST);
	assert_string_equal(e.msg, "attempt to add duplicate property 'r0' to "
			    "object (type 'container')");
	assert_int_equal(object_del(&vm, "r0", &e), 0);
	assert_int_equal(object_del(&vm, "r0", &e), -ENOENT);
	assert_string_equal(e.msg, "object 'r0' not found");
	assert_non_null(object_find(&vm, "r1"));
}

static void what_is_wrong_with_an_object_is_named(void **state)
{
	static const char *const bad[][2] = {
		{ "id=x", "Parameter 'qom-type' is missing" },
		{ "rng-random", "Parameter 'id' is missing" },
		{ "bogus,id=x", "Parameter 'qom-type' does not accept value "
		  "'bogus'" },
		{ "rng-random,id=1x", "Parameter 'id' expects an identifier" },
		{ "rng-random,id=x,colour=red",
		  "Parameter 'colour' is unexpected" },
		{ "rng-builtin,id=x,filename=y",
		  "Parameter 'filename' is unexpected" },
		{ "iothread,id=x,bogus=1", "Parameter 'bogus' is unexpected" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&e, 0, sizeof(e));
		assert_int_equal(object_add(&vm, bad[i][0], &e), -EINVAL);
		assert_string_equal(e.msg, bad[i][1]);
		assert_null(object_find(&vm, "x"));
		assert_null(iothread_find(&vm.iothreads, "x"));
	}
	assert_int_equal(object_add(&vm, "memory-backend-ram,id=x,size=1M", &e),
			 -ENOTSUP);
	assert_string_equal(e.msg, "not supported yet: objects of type "
			    "'memory-backend-ram'");
	assert_int_equal(object_add(&vm, "rng-random,id=x,filename=/dev/hwrng",
				    &e), -ENOTSUP);
	assert_string_equal(e.msg, "not supported yet: random bytes from "
			    "'/dev/hwrng'");
	assert_true(object_add(&vm, "filter-dump,id=x,netdev=none,"
			       "file=/nowhere/x", &e) < 0);
	assert_null(object_find(&vm, "x"));
}

static void a_device_may_name_only_what_there_is(void **state)
{
	struct opts o;

	(void)state;
	assert_int_equal(opts_parse(&o, "virtio-rng-pci,rng=r0", "driver", &e),
			 0);
	assert_int_equal(object_check_named(&vm, "virtio-rng-pci", &o, &e),
			 -ENOENT);
	assert_string_equal(e.msg, "Property 'virtio-rng-pci.rng' can't find "
			    "value 'r0'");
	assert_int_equal(object_add(&vm, "rng-random,id=r0", &e), 0);
	assert_int_equal(object_check_named(&vm, "virtio-rng-pci", &o, &e), 0);
	assert_int_equal(object_check_named(&vm, "virtio-blk-pci", &o, &e), 0);
	opts_fini(&o);
}

static void help_has_a_line_for_each_type_and_option(void **state)
{
	struct strbuf s = STRBUF_INIT;

	(void)state;
	object_help(&s);
	for (const struct object_type *t = object_types; t->name; t++) {
		assert_true(t->add && t->del);
		assert_non_null(strstr(s.buf, t->name));
		assert_non_null(strstr(s.buf, t->summary));
	}
	for (const struct object_type *t = object_types; t->name; t++) {
		strbuf_reset(&s);
		assert_int_equal(object_help_options(t->name, &s, &e), 0);
		for (const struct object_option *o = t->options; o->name; o++)
			assert_non_null(strstr(s.buf, o->help));
	}
	assert_int_equal(object_help_options("secret", &s, &e), -ENOENT);
	strbuf_fini(&s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_object_is_there_until_it_is_deleted),
		T(what_is_wrong_with_an_object_is_named),
		T(a_device_may_name_only_what_there_is),
		T(an_io_thread_comes_and_goes),
		T(limits_stay_while_a_node_has_them),
		T(a_dump_waits_for_the_networks_of_nic),
		T(help_has_a_line_for_each_type_and_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
