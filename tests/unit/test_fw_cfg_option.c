/* SPDX-License-Identifier: MIT */
/* Unit test: -fw_cfg (vmm/dev/fw_cfg_option.c), read back as a guest would. */
#include "tests/unit/device_fake.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/dev/fw_cfg.h"

extern const struct device_class fw_cfg_class;

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake_device(&fw_cfg_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

struct dir_entry {
	u32 size;
	u16 select, reserved;
	char name[56];
};

/* The directory's first file; its bytes, as text. */
static struct dir_entry first_file(char *text, unsigned max)
{
	struct dir_entry f;
	u8 *p = (u8 *)&f;

	out(0x510, FW_CFG_FILE_DIR, 2);
	for (unsigned n = 0; n < 4; n++)
		inb(0x511);
	for (unsigned n = 0; n < sizeof(f); n++)
		p[n] = inb(0x511);
	assert_in_range(be32toh(f.size), 0, max - 1);
	out(0x510, be16toh(f.select), 2);
	for (unsigned n = 0; n < be32toh(f.size); n++)
		text[n] = (char)inb(0x511);
	text[be32toh(f.size)] = 0;
	return f;
}

static void text_becomes_a_file(void **s)
{
	struct dir_entry f;
	char text[64];

	assert_int_equal(fw_cfg_add_option(fake.dev, "name=opt/org.mote/a,"
			 "string=hello,, world", NULL), 0);
	f = first_file(text, sizeof(text));
	assert_string_equal(f.name, "opt/org.mote/a");
	assert_string_equal(text, "hello, world");
}

static void a_file_is_read_once(void **s)
{
	char path[] = "/tmp/test_fw_cfg_option.XXXXXX", arg[80], text[64];
	int fd = mkstemp(path);
	struct dir_entry f;

	assert_int_equal(write(fd, "line\n", 5), 5);
	close(fd);
	snprintf(arg, sizeof(arg), "opt/f,file=%s", path);
	assert_int_equal(fw_cfg_add_option(fake.dev, arg, NULL), 0);
	unlink(path);
	f = first_file(text, sizeof(text));
	assert_string_equal(f.name, "opt/f");
	assert_string_equal(text, "line\n");
}

static void mistakes_get_a_sentence(void **s)
{
	static const struct {
		const char *arg, *says;
	} rows[] = {
		{ "opt/a", "-fw_cfg opt/a: it needs name=NAME and either "
			   "file=FILE or string=TEXT" },
		{ "opt/a,string=x,file=y", "-fw_cfg opt/a,string=x,file=y: it "
		  "needs name=NAME and either file=FILE or string=TEXT" },
		{ "opt/a,file=/nowhere", "-fw_cfg opt/a,file=/nowhere: Could "
		  "not open '/nowhere': No such file or directory" },
		{ "opt/a,file=/tmp", "-fw_cfg opt/a,file=/tmp: '/tmp' is not a "
		  "file of at most 16 MiB" },
	};
	struct err e;

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		assert_true(fw_cfg_add_option(fake.dev, rows[n].arg, &e) < 0);
		assert_string_equal(e.msg, rows[n].says);
	}
	assert_int_equal(fw_cfg_add_option(NULL, "opt/a,string=x", &e), -ENODEV);
	assert_non_null(strstr(e.msg, "no firmware configuration device"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(text_becomes_a_file),
		T(a_file_is_read_once),
		T(mistakes_get_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
