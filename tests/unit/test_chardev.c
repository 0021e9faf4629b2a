/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev.c: the set, attaching, changing, removing. */
#include "tests/unit/chardev_fixture.h"

static void ids_are_checked_and_unique(void **state)
{
	struct chardev *c;
	struct err e;

	open_ok("n1", "null");
	open_fails("n1", "null", "Chardev with id 'n1' already exists");
	open_fails(NULL, "null", "chardev: no id specified");
	open_fails(NULL, "null,id=1bad", "Parameter 'id' expects an identifier");
	open_fails(NULL, "null,id=n2,foo=bar", "Invalid parameter 'foo'");
	c = open_ok("other", "null,id=n3");
	assert_ptr_equal(chardev_find(set, "n3"), c);
	assert_null(chardev_find(set, "other"));
	assert_ptr_equal(open_ok("x", "chardev:n3"), c);
	open_fails("x", "chardev:no", "Chardev 'no' not found");
	assert_int_equal(chardev_remove(set, "no", &e), -ENOENT);
	assert_string_equal(e.msg, "Chardev 'no' not found");
	assert_int_equal(chardev_remove(set, "n1", &e), 0);
	assert_null(chardev_find(set, "n1"));
}

static void one(struct chardev *c, void *opaque)
{
	strcat(opaque, chardev_id(c));
}

static void they_are_listed_in_creation_order(void **state)
{
	char all[64] = "";

	open_ok("b", "null");
	open_ok("a", "ringbuf");
	open_ok("m", "mon:null");
	chardev_for_each(set, one, all);
	assert_string_equal(all, "bam-basem");
	expect_text(chardev_find(set, "b"), "null");
	expect_text(chardev_find(set, "a"), "ringbuf");
}

static void a_second_front_end_is_refused(void **state)
{
	struct chardev *c = open_ok("n", "null");
	struct rec r, s;
	struct err e;

	assert_false(chardev_frontend_open(c));
	rec_attach(&r, c);
	assert_true(chardev_frontend_open(c));
	assert_int_equal(chardev_attach(c, &s.fe, &rec_ops, &s, &e), -EBUSY);
	assert_string_equal(e.msg, "Device 'n' is in use");
	assert_int_equal(chardev_remove(set, "n", &e), -EBUSY);
	assert_string_equal(e.msg, "Chardev 'n' is busy");
	RUN_UNTIL(!strcmp(r.events, "O"));
	chardev_send_break(c);
	RUN_UNTIL(!strcmp(r.events, "OB"));
	assert_int_equal(chardev_write(&r.fe, "gone", 4), 4);
	rec_fini(&r);
	chardev_detach(&r.fe);         /* twice is fine */
	assert_int_equal(chardev_write(&r.fe, "x", 1), 1);
	chardev_kick(&r.fe);
}

static void the_back_end_changes_under_the_front_end(void **state)
{
	struct chardev *c = open_ok("c", "null");
	struct strbuf s = STRBUF_INIT;
	struct rec r;
	struct err e;
	int a;

	rec_attach(&r, c);
	RUN_UNTIL(!strcmp(r.events, "O"));
	assert_int_equal(chardev_change(set, "c", "ringbuf,size=16", &e), 0);
	expect_text(c, "ringbuf");
	RUN_UNTIL(!strcmp(r.events, "OCO"));
	chardev_write(&r.fe, "kept", 4);
	assert_int_equal(chardev_ringbuf_read(c, 9, &s, NULL), 0);
	assert_string_equal(s.buf, "kept");
	assert_int_equal(chardev_change(set, "c", in_dir(
		"socket,path=%s/s,server=on,wait=off"), &e), 0);
	RUN_UNTIL(!strcmp(r.events, "OCOC"));
	a = dial(in_dir("%s/s"));
	send_text(a, "in");
	RUN_UNTIL(r.got.len == 2);
	close(a);
	assert_int_equal(chardev_change(set, "c", in_dir(
		"socket,path=%s/s,server=on,wait=off"), &e), 0);
	a = dial(in_dir("%s/s"));      /* the successor's, not removed */
	send_text(a, "in");
	RUN_UNTIL(r.got.len == 4);
	close(a);
	assert_int_equal(chardev_change(set, "c", "null", &e), 0);
	for (int i = 0; i < 5; i++)
		turn();
	strbuf_fini(&s);
	rec_fini(&r);
}

static void a_change_that_fails_keeps_the_old_one(void **state)
{
	struct err e;

	open_ok("f1", in_dir("file:%s/out"));
	assert_true(chardev_change(set, "f1", "file,path=/nonexistent/q", &e) < 0);
	assert_string_equal(e.msg, "Failed to add chardev 'f1': Could not open "
			    "'/nonexistent/q': No such file or directory");
	expect_text(chardev_find(set, "f1"), "file");
	assert_true(chardev_change(set, "no", "null", &e) < 0);
	assert_string_equal(e.msg, "Chardev 'no' does not exist");
	assert_true(chardev_change(set, "f1", "null,id=zz", &e) < 0);
	assert_string_equal(e.msg, "Unexpected 'id' parameter");
	open_ok("m", "mon:null");
	assert_int_equal(chardev_change(set, "m", "null", &e), -ENOTSUP);
}

static void a_log_file_gets_what_is_written(void **state)
{
	struct chardev *c = open_ok("n", in_dir("null,logfile=%s/log"));
	char buf[32] = "";
	struct rec r;
	int fd;

	rec_attach(&r, c);
	chardev_write(&r.fe, "logged", 6);
	rec_fini(&r);
	fd = open(in_dir("%s/log"), O_RDONLY);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "logged");
	close(fd);
	assert_null(chardev_open(set, "x", "null,logfile=/nonexistent/l", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_are_checked_and_unique),
		TEST(they_are_listed_in_creation_order),
		TEST(a_second_front_end_is_refused),
		TEST(the_back_end_changes_under_the_front_end),
		TEST(a_change_that_fails_keeps_the_old_one),
		TEST(a_log_file_gets_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
