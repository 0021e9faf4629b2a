// SPDX-License-Identifier: MIT
/* Unit test: vmm/base/path.c: what the door opens, before and after it closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/path.h"

static char top[64];                   /* top/in is allowed, top/out not */

static char *at(const char *name)
{
	static char buf[8][256];
	static unsigned n;

	n = (n + 1) % 8;
	snprintf(buf[n], sizeof(buf[n]), "%s/%s", top, name);
	return buf[n];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int up(void **s)
{
	(void)s;
	strcpy(top, "/tmp/mote-path-XXXXXX");
	assert_non_null(mkdtemp(top));
	mkdir(at("in"), 0700);
	mkdir(at("in/sub"), 0700);
	mkdir(at("out"), 0700);
	mkdir(at("inside"), 0700);
	put("in/file", "inner");
	put("out/file", "outer");
	put("inside/file", "other");
	assert_int_equal(symlink("../out/file", at("in/link")), 0);
	assert_int_equal(symlink("../out", at("in/dirlink")), 0);
	assert_int_equal(symlink(at("out/file"), at("in/abslink")), 0);
	assert_int_equal(symlink("file", at("in/good")), 0);
	assert_int_equal(symlink("in", at("alias")), 0);
	return 0;
}

static int down(void **s)
{
	char cmd[96];

	(void)s;
	path_policy_clear();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static void close_to(const char *folders)
{
	struct err e = { 0 };

	if (path_policy_set(folders, &e) < 0)
		fail_msg("%s", e.msg);
}

static void opens(const char *path, int flags)
{
	struct err e = { 0 };
	int fd = path_open(path, flags, 0600, &e);

	if (fd < 0)
		fail_msg("%s", e.msg);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void refuses(const char *path, int flags, const char *why)
{
	struct err e = { 0 };
	int fd = path_open(path, flags, 0600, &e);

	if (fd >= 0)
		fail_msg("%s was opened", path);
	assert_int_equal(fd, -EXDEV);
	assert_non_null(strstr(e.msg, path));
	if (!strstr(e.msg, why))
		fail_msg("'%s' has no '%s'", e.msg, why);
}

static void before_the_door_closes_any_path_opens(void **s)
{
	struct err e = { 0 };

	(void)s;
	opens(at("out/file"), O_RDWR);
	opens("/proc/self/status", O_RDONLY);
	assert_int_equal(path_open("/nowhere/at/all", O_RDONLY, 0, &e),
			 -ENOENT);
	assert_string_equal(e.msg, "Could not open '/nowhere/at/all': "
			    "No such file or directory");
}

static void with_folders_only_what_is_beneath_opens(void **s)
{
	(void)s;
	close_to(at("in"));
	opens(at("in/file"), O_RDWR);
	opens(at("in/new"), O_WRONLY | O_CREAT | O_TRUNC);
	opens(at("in/sub/../file"), O_RDONLY);
	opens(at("in//./good"), O_RDONLY);
	refuses(at("out/file"), O_RDONLY, "-sandbox paths=");
	refuses(at("inside/file"), O_RDONLY, "-sandbox paths=");
	refuses("/etc/passwd", O_RDONLY, "-sandbox paths=");
	refuses(at("out/new"), O_WRONLY | O_CREAT, "-sandbox paths=");
	assert_int_equal(access(at("out/new"), F_OK), -1);
}

static void neither_dots_nor_links_lead_out(void **s)
{
	(void)s;
	close_to(at("in"));
	refuses(at("in/../out/file"), O_RDONLY, "-sandbox paths=");
	refuses(at("in/sub/../../out/file"), O_RDONLY, "-sandbox paths=");
	refuses(at("in/link"), O_RDWR, "-sandbox paths=");
	refuses(at("in/dirlink/file"), O_RDONLY, "-sandbox paths=");
	refuses(at("in/abslink"), O_RDONLY, "-sandbox paths=");
	refuses(at("in/dirlink/new"), O_WRONLY | O_CREAT, "-sandbox paths=");
	refuses(at("in/link"), O_WRONLY | O_TRUNC, "-sandbox paths=");
}

static void several_folders_and_a_folder_by_its_link(void **s)
{
	char list[256];

	(void)s;
	snprintf(list, sizeof(list), "%s:%s", at("alias"), at("inside"));
	close_to(list);
	opens(at("alias/file"), O_RDONLY);
	opens(at("in/file"), O_RDONLY);
	opens(at("inside/file"), O_RDONLY);
	refuses(at("out/file"), O_RDONLY, "-sandbox paths=");
}

static void relative_names_start_where_the_process_did(void **s)
{
	char *cwd = getcwd(NULL, 0);

	(void)s;
	assert_int_equal(chdir(at("in")), 0);
	close_to(".");
	opens("file", O_RDONLY);
	opens("./sub/../file", O_RDONLY);
	refuses("../out/file", O_RDONLY, "-sandbox paths=");
	assert_int_equal(chdir(cwd), 0);
	opens("file", O_RDONLY);       /* a daemon moved to / */
	free(cwd);
}

static void without_folders_only_the_kernels_files_are_refused(void **s)
{
	(void)s;
	close_to(NULL);
	opens(at("out/file"), O_RDWR);
	opens(at("in/abslink"), O_RDONLY);
	opens("/dev/null", O_RDWR);
	refuses("/proc/self/mem", O_RDWR, "kernel's own");
	refuses("/proc/self/fd/0", O_RDONLY, "kernel's own");
	refuses("/dev/fd/0", O_RDONLY, "kernel's own");
	refuses("/sys/kernel/notes", O_RDONLY, "kernel's own");
}

static void truncation_waits_for_the_verdict(void **s)
{
	struct stat st;

	(void)s;
	close_to(NULL);
	opens(at("out/file"), O_WRONLY | O_TRUNC);
	assert_int_equal(stat(at("out/file"), &st), 0);
	assert_int_equal(st.st_size, 0);
	opens("/dev/null", O_WRONLY | O_TRUNC);
}

static void a_fifo_without_a_reader_does_not_stop_us(void **s)
{
	struct err e = { 0 };

	(void)s;
	assert_int_equal(mkfifo(at("in/fifo"), 0600), 0);
	close_to(at("in"));
	assert_int_equal(path_open(at("in/fifo"), O_WRONLY, 0, &e), -ENXIO);
}

static void what_was_not_asked_to_be_non_blocking_is_not(void **s)
{
	struct err e = { 0 };
	int fd;

	(void)s;
	close_to(NULL);
	fd = path_open(at("in/file"), O_RDWR, 0, &e);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	fd = path_open(at("in/file"), O_RDWR | O_NONBLOCK, 0, &e);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

static void sockets_are_checked_by_their_folder(void **s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)s;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", at("in/sock"));
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(path_check(at("out/sock"), &e), 0);
	close_to(at("in"));
	assert_int_equal(path_check(at("in/sock"), &e), 0);
	assert_int_equal(path_check(at("in/new"), &e), 0);
	assert_int_equal(path_check(at("out/sock"), &e), -EXDEV);
	assert_non_null(strstr(e.msg, "out/sock"));
	assert_int_equal(path_check(at("in/dirlink/sock"), &e), -EXDEV);
	assert_int_equal(path_check(at("in/link"), &e), -EXDEV);
	assert_int_equal(path_check(at("in/.."), &e), -EXDEV);
	assert_int_equal(path_check(at("in/file"), &e), -EXDEV);
	close(fd);
}

static void a_folder_that_is_none_is_a_sentence(void **s)
{
	struct err e = { 0 };

	(void)s;
	assert_int_equal(path_policy_set("/nowhere", &e), -ENOENT);
	assert_non_null(strstr(e.msg, "/nowhere"));
	assert_int_equal(path_policy_set(at("in/file"), &e), -ENOTDIR);
	assert_int_equal(path_policy_set("", &e), -EINVAL);
}

static void our_own_files_are_beside_the_program(void **state)
{
	char path[PATH_MAX], own[PATH_MAX] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	assert_true(path_own_file(strrchr(own, '/') + 1, path, sizeof(path)));
	assert_string_equal(path, own);
	assert_false(path_own_file("no-such-file", path, sizeof(path)));
	assert_string_equal(path, MOTE_LIBDIR "/no-such-file");
	assert_false(path_own_file(strrchr(own, '/') + 1, path, 4));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(before_the_door_closes_any_path_opens),
		T(with_folders_only_what_is_beneath_opens),
		T(neither_dots_nor_links_lead_out),
		T(several_folders_and_a_folder_by_its_link),
		T(relative_names_start_where_the_process_did),
		T(without_folders_only_the_kernels_files_are_refused),
		T(truncation_waits_for_the_verdict),
		T(a_fifo_without_a_reader_does_not_stop_us),
		T(what_was_not_asked_to_be_non_blocking_is_not),
		T(sockets_are_checked_by_their_folder),
		T(a_folder_that_is_none_is_a_sentence),
		cmocka_unit_test(our_own_files_are_beside_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
