/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/cmd_char.c: chardevs, ring buffers, descriptors. */
#include "tests/unit/mon_fake.h"

#include "monitor/mon.h"
#include "vmm/core/chardev.h"

#include <fcntl.h>
#include <unistd.h>

static struct fake f;

static int setup(void **state)
{
	fake_init(&f);
	f.vm.loop = loop_create("main", NULL);
	f.vm.chardevs = chardev_set_create(f.vm.loop);
	return 0;
}

static int teardown(void **state)
{
	chardev_set_destroy(f.vm.chardevs);
	loop_destroy(f.vm.loop);
	fake_fini(&f);
	return 0;
}

static void ring_buffers_come_fill_and_go(void **state)
{
	assert_says(&f, "chardev-add ringbuf,id=r1,size=64", "");
	assert_says(&f, "info chardev", "r1: filename=ringbuf\n");
	assert_says(&f, "ringbuf_write r1 hello", "");
	assert_says(&f, "ringbuf_read r1 3", "hel\n");
	assert_says(&f, "ringbuf_read r1 100", "lo\n");
	assert_says(&f, "ringbuf_read r1 100", "\n");
	assert_says(&f, "ringbuf_write r1 \"a\\nb\\rc\\\\d\"", "");
	assert_says(&f, "ringbuf_read r1 64", "a\nb\\u000Dc\\\\d\n");
	assert_says(&f, "ringbuf_read r1 0",
		    "Error: size must be greater than zero\n");
	assert_says(&f, "ringbuf_read nosuch 1",
		    "Error: Device 'nosuch' not found\n");
	assert_says(&f, "chardev-send-break r1", "");
	assert_says(&f, "chardev-remove r1", "");
	assert_says(&f, "chardev-remove r1",
		    "Error: Chardev 'r1' not found\n");
}

static void a_bad_chardev_is_refused(void **state)
{
	assert_says(&f, "chardev-add null",
		    "Error: chardev: no id specified\n");
	assert_says(&f, "chardev-add bogus,id=b1",
		    "Error: 'bogus' is not a valid char driver name\n");
	assert_says(&f, "chardev-add null,id=1bad",
		    "Parameter 'id' expects an identifier\n"
		    "Identifiers consist of letters, digits, '-', '.', '_', "
		    "starting with a letter.\n"
		    "Error: Parsing chardev args failed\n");
	assert_says(&f, "chardev-add null,id=n2,foo=bar",
		    "Invalid parameter 'foo'\n"
		    "Error: Parsing chardev args failed\n");
	assert_says(&f, "chardev-change nosuch null",
		    "Error: Chardev 'nosuch' does not exist\n");
	assert_says(&f, "chardev-add socket,id=s,path=/tmp/x,server=on,wait=on",
		    "Error: wait=on would stop the machine until a client "
		    "comes: use wait=off\n");
	assert_memory_equal(said(&f, "chardev-add help"),
			    "Available chardev backend types: \n  ", 36);
}

static void descriptors_need_to_be_sent(void **state)
{
	assert_says(&f, "getfd foo",
		    "Error: No file descriptor supplied via SCM_RIGHTS\n");
	assert_says(&f, "closefd foo",
		    "Error: File descriptor named 'foo' not found\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_buffers_come_fill_and_go),
		cmocka_unit_test(a_bad_chardev_is_refused),
		cmocka_unit_test(descriptors_need_to_be_sent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
