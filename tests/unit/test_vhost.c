// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/vhost.c with a kernel that is only told things: rings lent
 * and taken back, kicks and interrupts meanwhile, refusals.
 */
#include "tests/unit/vhost_fake.h"

#include <sys/eventfd.h>

static struct vhost h;
static int runs;                       /* +1 begun, back to 0 ended        */

static int run(struct vhost *vh, bool on)
{
	assert_ptr_equal(vh, &h);
	if (on && kernel.refuse == 1)
		return kernel.why;
	runs = on;
	return 0;
}

static const char *const none[] = { NULL };

/* A console lends its first two queues; it knows nothing of it. */
static void up(void)
{
	struct err e = { 0 };

	g_memory();
	fake_vhost_up();
	assert_int_equal(g_realize("virtio-serial-device", none, &e), 0);
	g_start(0);
	g_turns(2);
	h = (struct vhost){ .v = g.v, .name = "vhost-test", .fd = 7,
			    .run = run };
	runs = 0;
	assert_int_equal(vhost_init(&h, &e), 0);
}

static int start(struct err *e)
{
	int rc;

	virtio_lock(g.v);
	rc = vhost_start(&h, 0, e);
	virtio_unlock(g.v);
	return rc;
}

static void lend(void)
{
	struct err e = { 0 };

	assert_int_equal(start(&e), 0);
}

static void up_and_lent(void)
{
	up();
	lend();
}

static void stop(void)
{
	virtio_lock(g.v);
	vhost_stop(&h);
	virtio_unlock(g.v);
}

static void down(void)
{
	struct device *d = fake.dev;

	stop();
	vhost_fini(&h);
	fake.dev = NULL;
	device_destroy(d);
	fake_machine_down();
}

static void the_kernel_is_told_of_memory_and_rings(void **s)
{
	struct err e = { 0 };

	(void)s;
	up();
	assert_int_equal(kernel.owners, 1);
	assert_int_equal(start(&e), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(kernel.regions, 1);
	assert_int_equal(kernel.region[0].guest_phys_addr, 0);
	assert_int_equal(kernel.region[0].memory_size, G_RAM);
	assert_int_equal(kernel.region[0].userspace_addr, (uintptr_t)g.ram);
	for (unsigned i = 0; i < 2; i++) {
		const struct fake_ring *r = &kernel.ring[i];

		assert_int_equal(r->num, G_RING);
		assert_int_equal(r->base, 0);
		assert_int_equal(r->kick, g.v->q[i].kick_fd);
		assert_int_equal(r->call, h.call_fd[i]);
		assert_int_equal(r->err, h.err_fd);
		assert_int_equal(r->addr.desc_user_addr,
				 (uintptr_t)(g.ram + g_base(i)));
		assert_int_equal(r->addr.avail_user_addr,
				 (uintptr_t)(g.ram + g_base(i) + 0x1000));
		assert_int_equal(r->addr.used_user_addr,
				 (uintptr_t)(g.ram + g_base(i) + 0x2000));
	}
	assert_true(kernel.features & BIT64(VIRTIO_F_VERSION_1));
	down();
}

static void a_lent_queue_is_left_alone_and_goes_on_where_the_kernel_was(void **s)
{
	(void)s;
	up_and_lent();
	g_out(1, "kernel's", 8);
	g_out(1, "kernel's", 8);
	g_kick(1);
	assert_int_equal(g_done(1), 0);        /* nobody here took them    */
	assert_true(g.v->q[1].muted);
	fake_vhost_work(1, 2);
	g_turns(2);
	assert_int_equal(fake.edges[5], 1);    /* the guest heard          */
	assert_int_equal(g_done(1), 2);
	stop();
	assert_int_equal(runs, 0);
	assert_int_equal(virtio_q(g.v, 1)->avail_idx, 2);
	assert_int_equal(virtio_q(g.v, 1)->used_idx, 2);
	g_turns(2);
	assert_false(g.v->q[1].muted);
	g_out(1, "ours", 4);
	g_kick(1);
	assert_int_equal(g_done(1), 3);
	down();
}

/* A kick between the kernel's last look and the end is not lost. */
static void what_was_kicked_at_the_end_is_done_here(void **s)
{
	(void)s;
	up_and_lent();
	g_out(1, "a", 1);
	g_kick(1);
	stop();
	g_turns(3);
	assert_int_equal(g_done(1), 1);
	down();
}

static void an_interrupt_on_its_way_is_not_lost(void **s)
{
	(void)s;
	up_and_lent();
	g_out(1, "a", 1);
	fake_vhost_work(1, 1);
	stop();                        /* before the loop took the call    */
	assert_int_equal(fake.wire[5], 1);
	down();
}

static void it_starts_again_where_it_stopped(void **s)
{
	(void)s;
	up_and_lent();
	g_out(1, "a", 1);
	fake_vhost_work(1, 1);
	stop();
	lend();
	assert_int_equal(kernel.ring[1].base, 1);
	down();
}

static void a_ring_the_kernel_refuses_breaks_the_device(void **s)
{
	const u64 one = 1;
	(void)s;
	up_and_lent();
	assert_int_equal(write(kernel.ring[0].err, &one, 8), 8);
	g_turns(2);
	assert_true(g_broken());
	assert_int_equal(runs, 0);
	down();
}

static void a_queue_the_guest_disables_ends_the_loan(void **s)
{
	(void)s;
	up_and_lent();
	g_out(1, "a", 1);
	fake_vhost_work(1, 1);
	fake_disable(1);
	assert_int_equal(runs, 0);
	assert_null(g.v->q[0].vhost);
	assert_null(g.v->q[1].vhost);
	assert_int_equal(virtio_q(g.v, 1)->avail_idx, 0);
	assert_true(virtio_q(g.v, 0)->enabled);
	assert_false(g_broken());
	down();
}

static void a_refusal_is_a_sentence_and_nothing_is_lent(void **s)
{
	static const unsigned long each[] = {
		VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM,
		VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, 1,
	};

	(void)s;
	up();
	kernel.why = -ENOMEM;
	for (unsigned i = 0; i < ARRAY_LEN(each); i++) {
		struct err e = { 0 };

		kernel.refuse = each[i];
		assert_int_equal(start(&e), -ENOMEM);
		assert_string_equal(e.msg, "vhost-test: cannot start: Cannot "
				    "allocate memory");
		assert_null(g.v->q[0].vhost);
		assert_int_equal(runs, 0);
	}
	kernel.refuse = 0;
	g_out(1, "ours", 4);
	g_kick(1);
	assert_int_equal(g_done(1), 1);
	down();
}

static void what_is_no_vhost_is_named(void **s)
{
	struct vhost bad = { .name = "vhost-test", .fd = 7, .run = run };
	struct err e = { 0 };

	(void)s;
	up();
	bad.v = g.v;
	kernel.refuse = VHOST_SET_OWNER;
	kernel.why = -ENOTTY;
	assert_int_equal(vhost_init(&bad, &e), -ENOTTY);
	assert_string_equal(e.msg, "vhost-test: descriptor 7: Inappropriate "
			    "ioctl for device");
	bad = (struct vhost){ .v = g.v, .name = "vhost-test", .fd = 7 };
	kernel.refuse = 0;
	kernel.offers = 0;
	assert_int_equal(vhost_init(&bad, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "virtio 1"));
	down();
}

static void what_the_kernel_cannot_is_withheld(void **s)
{
	(void)s;
	up();
	assert_true(vhost_withheld(&h) & BIT64(VIRTIO_F_RING_PACKED));
	assert_true(vhost_withheld(&h) & BIT64(VIRTIO_F_RING_RESET));
	assert_false(vhost_withheld(&h) & BIT64(VIRTIO_F_EVENT_IDX));
	h.features &= ~BIT64(VIRTIO_F_EVENT_IDX);
	assert_true(vhost_withheld(&h) & BIT64(VIRTIO_F_EVENT_IDX));
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_told_of_memory_and_rings),
		cmocka_unit_test(a_lent_queue_is_left_alone_and_goes_on_where_the_kernel_was),
		cmocka_unit_test(what_was_kicked_at_the_end_is_done_here),
		cmocka_unit_test(an_interrupt_on_its_way_is_not_lost),
		cmocka_unit_test(it_starts_again_where_it_stopped),
		cmocka_unit_test(a_ring_the_kernel_refuses_breaks_the_device),
		cmocka_unit_test(a_queue_the_guest_disables_ends_the_loan),
		cmocka_unit_test(a_refusal_is_a_sentence_and_nothing_is_lent),
		cmocka_unit_test(what_is_no_vhost_is_named),
		cmocka_unit_test(what_the_kernel_cannot_is_withheld),
	};

	return cmocka_run_group_tests_name("vhost", tests, NULL, NULL);
}
