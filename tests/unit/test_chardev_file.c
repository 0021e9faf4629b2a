/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_file.c. */
#include "tests/unit/chardev_fixture.h"

static void expect_file(const char *path, const char *want)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);

	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	assert_string_equal(buf, want);
	close(fd);
}

static void write_through(const char *spec, const char *text)
{
	struct rec r;

	rec_attach(&r, open_ok("f", spec));
	assert_int_equal(chardev_write(&r.fe, text, strlen(text)), strlen(text));
	rec_fini(&r);
	assert_int_equal(chardev_remove(set, "f", NULL), 0);
}

static void output_truncates_unless_asked_to_append(void **state)
{
	write_through(in_dir("file:%s/o"), "first");
	write_through(in_dir("file:%s/o"), "second");
	expect_file(in_dir("%s/o"), "second");
	write_through(in_dir("file,path=%s/o,append=on"), " third");
	expect_file(in_dir("%s/o"), "second third");
}

static void input_comes_from_input_path_and_ends(void **state)
{
	int fd = open(in_dir("%s/in"), O_CREAT | O_WRONLY, 0600);
	char spec[300];
	struct rec r;

	send_text(fd, "typed");
	close(fd);
	snprintf(spec, sizeof(spec), "file,path=%s/o,input-path=%s/in", dir, dir);
	rec_attach(&r, open_ok("f", spec));
	RUN_UNTIL(!strcmp(r.events, "OC"));
	assert_string_equal(r.got.buf, "typed");
	chardev_write(&r.fe, "still", 5);
	rec_fini(&r);
	expect_file(in_dir("%s/o"), "still");
}

static void errors_name_the_file(void **state)
{
	open_fails("f", "file", "chardev: file: no filename given");
	open_fails("f", "file:/nonexistent/x", "Could not open '/nonexistent/x': "
		   "No such file or directory");
	assert_null(chardev_open(set, "f", in_dir(
		"file,path=%s/o,input-path=/nonexistent"), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_truncates_unless_asked_to_append),
		TEST(input_comes_from_input_path_and_ends),
		TEST(errors_name_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
