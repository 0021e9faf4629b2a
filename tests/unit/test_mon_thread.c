/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/thread.c: clients on sockets, the main loop beside. */
#include "tests/unit/mon_fake.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/core/chardev.h"
#include "vmm/core/loop.h"

enum { CLIENTS = 3 };

struct rig {
	struct fake f;
	struct config_item mons[CLIENTS];
	pthread_t thread;
	char dir[64];
	char path[CLIENTS][128];
};

static void *main_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static struct rig *rig_start(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	static char text[CLIENTS][64];
	char spec[256];

	fake_init(&r->f);
	r->f.vm.nvcpus = 0;            /* they answer on one thread only */
	snprintf(r->dir, sizeof(r->dir), "/tmp/mote-mon-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	r->f.vm.loop = loop_create("main", NULL);
	r->f.vm.chardevs = chardev_set_create(r->f.vm.loop);
	for (int i = CLIENTS - 1; i >= 0; i--) {
		snprintf(r->path[i], sizeof(r->path[i]), "%s/m%d", r->dir, i);
		snprintf(spec, sizeof(spec),
			 "socket,id=m%d,path=%s,server=on,wait=off", i,
			 r->path[i]);
		assert_non_null(chardev_open(r->f.vm.chardevs, NULL, spec,
					     NULL));
		snprintf(text[i], sizeof(text[i]), "chardev=m%d,mode=readline",
			 i);
		r->mons[i].text = text[i];
		r->mons[i].next = r->f.config.mons;
		r->f.config.mons = &r->mons[i];
	}
	assert_int_equal(monitors_start(&r->f.vm, NULL), 0);
	pthread_create(&r->thread, NULL, main_loop, r->f.vm.loop);
	return r;
}

static void rig_stop(struct rig *r)
{
	loop_stop(r->f.vm.loop);
	pthread_join(r->thread, NULL);
	monitors_stop(&r->f.vm);
	chardev_set_destroy(r->f.vm.chardevs);
	loop_destroy(r->f.vm.loop);
	for (int i = 0; i < CLIENTS; i++)
		unlink(r->path[i]);
	rmdir(r->dir);
	fake_fini(&r->f);
	free(r);
}

static int dial(struct rig *r, int i)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", r->path[i]);
	assert_int_equal(connect(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

/* Read until the text ends in `end`; what came, or NULL after 10 s. */
static const char *hear(int fd, const char *end)
{
	static struct strbuf s;
	char buf[4096];

	strbuf_reset(&s);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 10000) <= 0)
			return NULL;
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return NULL;
		strbuf_add(&s, buf, n);
		if (s.len >= strlen(end) &&
		    !strcmp(s.buf + s.len - strlen(end), end))
			return s.buf;
	}
}

static const char *ask(int fd, const char *line)
{
	const char *answer;

	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	assert_int_equal(write(fd, "\n", 1), 1);
	answer = hear(fd, "\r\n(qemu) ");
	assert_non_null(answer);
	return strstr(answer, "\033[K\r\n");
}

#define BANNER "mote " MOTE_VERSION \
	" monitor - type 'help' for more information\r\n(qemu) "

static void a_client_is_greeted_and_answered(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 0);

	assert_string_equal(hear(fd, "(qemu) "), BANNER);
	assert_string_equal(ask(fd, "info status"),
			    "\033[K\r\nVM status: paused\r\n(qemu) ");
	assert_non_null(strstr(ask(fd, "info chardev"), "m0: filename=unix:"));
	close(fd);
	rig_stop(r);
}

static void clients_do_not_disturb_each_other(void **state)
{
	struct rig *r = rig_start();
	int fd[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = dial(r, i);
		assert_string_equal(hear(fd[i], "(qemu) "), BANNER);
	}
	for (int k = 0; k < 50; k++)
		for (int i = 0; i < CLIENTS; i++)
			assert_string_equal(ask(fd[i], "print 17"),
				"\033[K\r\n0x11\r\n(qemu) ");
	assert_non_null(strstr(ask(fd[2], "info history"), "0: 'print 17'"));
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	rig_stop(r);
}

static void history_outlives_a_connection(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 1);

	hear(fd, "(qemu) ");
	ask(fd, "print 1");
	assert_int_equal(write(fd, "half a li", 9), 9);
	close(fd);
	fd = dial(r, 1);
	assert_string_equal(hear(fd, "(qemu) "), BANNER);
	assert_string_equal(ask(fd, "info history"),
			    "\033[K\r\n0: 'print 1'\r\n1: 'info history'\r\n"
			    "(qemu) ");
	close(fd);
	rig_stop(r);
}

static void a_client_that_never_reads_stops_only_itself(void **state)
{
	struct rig *r = rig_start();
	int deaf = dial(r, 0), other = dial(r, 1);
	char lines[4096];
	size_t sent = 0;

	hear(other, "(qemu) ");
	for (size_t i = 0; i < sizeof(lines); i += 5)
		memcpy(lines + i, "help\n", MIN(5, sizeof(lines) - i));
	for (int i = 0; i < 400; i++) {
		struct pollfd p = { .fd = deaf, .events = POLLOUT };

		if (poll(&p, 1, 20) <= 0)
			break;
		sent += send(deaf, lines, sizeof(lines), MSG_DONTWAIT) > 0;
	}
	for (int i = 0; i < 20; i++)
		assert_string_equal(ask(other, "print 1"),
				    "\033[K\r\n0x1\r\n(qemu) ");
	close(deaf);
	close(other);
	rig_stop(r);
}

static void send_all(int fd, const u8 *p, size_t n)
{
	while (n) {
		struct pollfd f = { .fd = fd, .events = POLLIN | POLLOUT };
		char sink[65536];
		ssize_t k;

		assert_true(poll(&f, 1, 10000) > 0);
		if (f.revents & POLLIN)
			assert_true(read(fd, sink, sizeof(sink)) > 0);
		k = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			p += k;
			n -= k;
		}
	}
}

static void an_endless_line_is_cut_and_junk_ignored(void **state)
{
	const size_t n = 20 << 20;
	struct rig *r = rig_start();
	u8 *junk = malloc(n);
	int fd = dial(r, 0);
	u32 x = 1;

	hear(fd, "(qemu) ");
	memset(junk, 'x', n);
	send_all(fd, junk, n);
	send_all(fd, (const u8 *)"\n", 1);
	for (size_t i = 0; i < 1 << 16; i++) {
		x = x * 1103515245 + 12345;
		junk[i] = x >> 16;
	}
	send_all(fd, junk, 1 << 16);
	close(fd);
	fd = dial(r, 0);
	assert_string_equal(hear(fd, "(qemu) "), BANNER);
	assert_string_equal(ask(fd, "print 2"), "\033[K\r\n0x2\r\n(qemu) ");
	close(fd);
	free(junk);
	rig_stop(r);
}

static void tab_completes_from_the_table_and_the_main_loop(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 0);

	hear(fd, "(qemu) ");
	assert_int_equal(write(fd, "system_re\t", 10), 10);
	assert_non_null(hear(fd, "system_reset \033[K"));
	assert_int_equal(write(fd, "\027", 1), 1);
	assert_non_null(hear(fd, "\033[K"));
	assert_int_equal(write(fd, "chardev-remove \t", 16), 16);
	assert_non_null(strstr(hear(fd, "chardev-remove m\033[K"),
			       "\r\nm0        m1        m2        \r\n"));
	close(fd);
	rig_stop(r);
}

static void send_fd(int sock, int fd, const char *text)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} c = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
			  .cmsg_level = SOL_SOCKET,
			  .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { (void *)text, strlen(text) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1,
			    .msg_control = &c,
			    .msg_controllen = sizeof(c) };

	memcpy(CMSG_DATA(&c.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &h, 0), strlen(text));
}

static void a_descriptor_is_passed_kept_and_closed(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 0), pipes[2];
	char c;

	assert_int_equal(pipe(pipes), 0);
	hear(fd, "(qemu) ");
	send_fd(fd, pipes[1], "getfd end\n");
	assert_null(strstr(hear(fd, "\r\n(qemu) "), "Error"));
	close(pipes[1]);
	assert_null(strstr(ask(fd, "closefd end"), "Error"));
	assert_int_equal(read(pipes[0], &c, 1), 0);    /* nobody has it */
	assert_non_null(strstr(ask(fd, "closefd end"), "not found"));
	close(pipes[0]);
	close(fd);
	rig_stop(r);
}

static void block_main(void *opaque)
{
	usleep(300000);
	(void)opaque;
}

static void it_stops_with_a_command_under_way(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 0);

	hear(fd, "(qemu) ");
	loop_post(r->f.vm.loop, block_main, NULL);
	assert_int_equal(write(fd, "info chardev\n", 13), 13);
	usleep(50000);
	rig_stop(r);
	close(fd);
}

static void a_stop_while_reading_a_device_is_noticed(void **state)
{
	struct rig *r = rig_start();
	int fd = dial(r, 0);

	hear(fd, "(qemu) ");
	loop_stop(r->f.vm.loop);
	pthread_join(r->thread, NULL);
	assert_int_equal(write(fd, "xp 0x1000000\n", 13), 13);
	usleep(50000);
	r->thread = pthread_self();
	monitors_stop(&r->f.vm);
	pthread_create(&r->thread, NULL, main_loop, r->f.vm.loop);
	rig_stop(r);
	close(fd);
}

static void a_wrong_mon_is_refused_with_a_sentence(void **state)
{
	struct config_item mon = { .text = (char *)"chardev=nosuch" };
	struct err e = { 0 };
	struct fake f;

	fake_init(&f);
	f.vm.loop = loop_create("main", NULL);
	f.vm.chardevs = chardev_set_create(f.vm.loop);
	f.config.mons = &mon;
	assert_int_equal(monitors_start(&f.vm, &e), -ENOENT);
	assert_string_equal(e.msg, "-mon chardev=nosuch: there is no chardev "
			    "'nosuch'");
	mon.text = (char *)"chardev=x,mode=control";
	assert_int_equal(monitors_start(&f.vm, &e), -ENOENT);
	mon.text = (char *)"chardev=x,mode=nosuch";
	assert_true(monitors_start(&f.vm, &e) < 0);
	assert_non_null(strstr(e.msg, "there is no mode 'nosuch'"));
	chardev_set_destroy(f.vm.chardevs);
	loop_destroy(f.vm.loop);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_greeted_and_answered),
		cmocka_unit_test(clients_do_not_disturb_each_other),
		cmocka_unit_test(history_outlives_a_connection),
		cmocka_unit_test(a_client_that_never_reads_stops_only_itself),
		cmocka_unit_test(an_endless_line_is_cut_and_junk_ignored),
		cmocka_unit_test(tab_completes_from_the_table_and_the_main_loop),
		cmocka_unit_test(a_descriptor_is_passed_kept_and_closed),
		cmocka_unit_test(it_stops_with_a_command_under_way),
		cmocka_unit_test(a_stop_while_reading_a_device_is_noticed),
		cmocka_unit_test(a_wrong_mon_is_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
