// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/vhost_vsock.c with a kernel that is only told things.
 */
#include "tests/unit/vhost_fake.h"

#include <fcntl.h>
#include <stdio.h>

static char fd_text[16];

static const char *const props[] = { "guest-cid", "9", "vhostfd", fd_text,
				     NULL };

/* The descriptor is the device's; only the fake's door takes it for vhost. */
static int realize(struct err *e)
{
	snprintf(fd_text, sizeof(fd_text), "%d", open("/dev/null", O_RDWR));
	return g_realize("vhost-vsock-device", props, e);
}

static void up(u64 features)
{
	struct err e = { 0 };

	g_memory();
	fake_vhost_up();
	kernel.offers |= BIT64(1);
	assert_int_equal(realize(&e), 0);
	g_start(features);
	g_turns(2);
}

static void down(void)
{
	struct device *d = fake.dev;

	fake.dev = NULL;
	device_destroy(d);
	fake_machine_down();
}

static void the_kernel_runs_while_the_driver_does(void **s)
{
	(void)s;
	up(BIT64(0) | BIT64(1));
	assert_int_equal(kernel.cid, 9);
	assert_int_equal(virtio_config_get(g.v, 0, 8), 9);
	assert_int_equal(kernel.running, 1);
	assert_true(kernel.features & BIT64(1));
	assert_non_null(g.v->q[0].vhost);
	assert_non_null(g.v->q[1].vhost);
	assert_null(g.v->q[2].vhost);
	virtio_lock(g.v);
	virtio_set_status(g.v, 0);
	virtio_unlock(g.v);
	assert_int_equal(kernel.running, 0);
	assert_int_equal(g.v->status, 0);
	down();
}

static void a_driver_without_rings_is_not_the_kernels_to_judge(void **s)
{
	struct err e = { 0 };

	(void)s;
	g_memory();
	fake_vhost_up();
	assert_int_equal(realize(&e), 0);
	g.v = to_virtio(fake.dev);
	virtio_lock(g.v);
	virtio_set_status(g.v, 3);
	virtio_accept(g.v, 0, 1);
	virtio_accept(g.v, 1, 1);
	virtio_set_status(g.v, 11);
	virtio_set_status(g.v, 15);
	virtio_unlock(g.v);
	assert_true(g_broken());
	assert_int_equal(kernel.features, 0);
	down();
}

static void a_pause_takes_the_rings_back(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };

	(void)s;
	up(BIT64(0));
	g_out(1, "to the host", 11);
	fake_vhost_work(1, 1);
	device_quiesce(fake.dev);
	assert_int_equal(kernel.running, 0);
	assert_int_equal(device_save(fake.dev, &b, &e), 0);
	device_reset(fake.dev);
	assert_int_equal(device_load(fake.dev, 1, b.buf, b.len, &e), 0);
	assert_int_equal(kernel.running, 0);
	device_resume(fake.dev);
	assert_int_equal(kernel.running, 1);
	assert_int_equal(kernel.ring[1].base, 1);
	strbuf_fini(&b);
	down();
}

static void a_queue_disabled_and_enabled_again_is_the_kernels_again(void **s)
{
	(void)s;
	up(BIT64(0));
	fake_disable(1);
	assert_int_equal(kernel.running, 0);
	g_kick(0);
	assert_int_equal(kernel.running, 0);
	assert_false(g_broken());
	fake_enable(1);
	assert_int_equal(kernel.running, 1);
	assert_int_equal(kernel.ring[1].base, 0);
	down();
}

static void a_kernel_that_cannot_start_breaks_the_device(void **s)
{
	struct err e = { 0 };

	(void)s;
	g_memory();
	fake_vhost_up();
	assert_int_equal(realize(&e), 0);
	kernel.refuse = VHOST_VSOCK_SET_RUNNING;
	kernel.why = -EFAULT;
	g_start(0);
	assert_true(g_broken());
	down();
}

static void refused(unsigned long req, int why, const char *sentence)
{
	struct err e = { 0 };

	g_memory();
	fake_vhost_up();
	kernel.refuse = req;
	kernel.why = why;
	assert_true(realize(&e) < 0);
	assert_string_equal(e.msg, sentence);
	down();
}

static void what_does_not_go_is_named(void **s)
{
	static const char *const low[] = { "guest-cid", "2", NULL };
	static const char *const none[] = { "guest-cid", "9", NULL };
	struct err e = { 0 };

	(void)s;
	refused(VHOST_VSOCK_SET_GUEST_CID, -EADDRINUSE,
		"guest-cid=9: another machine has it");
	g_memory();
	assert_true(g_realize("vhost-vsock-device", low, &e) < 0);
	assert_string_equal(e.msg, "guest-cid=2 is not 3 to 4294967294");
	down();
	if (access("/dev/vhost-vsock", F_OK) == 0)
		return;
	g_memory();
	assert_true(g_realize("vhost-vsock-device", none, &e) < 0);
	assert_string_equal(e.msg, "could not open /dev/vhost-vsock: No such "
			    "file or directory");
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_runs_while_the_driver_does),
		cmocka_unit_test(a_driver_without_rings_is_not_the_kernels_to_judge),
		cmocka_unit_test(a_pause_takes_the_rings_back),
		cmocka_unit_test(a_queue_disabled_and_enabled_again_is_the_kernels_again),
		cmocka_unit_test(a_kernel_that_cannot_start_breaks_the_device),
		cmocka_unit_test(what_does_not_go_is_named),
	};

	return cmocka_run_group_tests_name("vhost_vsock", tests, NULL, NULL);
}
