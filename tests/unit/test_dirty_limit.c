/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/dirty_limit.c, its commands in both monitors, and what
 * vcpu.c makes of them. */
#include "tests/unit/qmp_fake.h"

#include "monitor/dirty_limit.h"

#define HINT "[Please use 'info vcpu_dirty_limit' to query dirty limit for " \
	"virtual CPU]\n"
#define NO_RINGS "dirty page limit feature requires KVM with accelerator " \
	"property 'dirty-ring-size' set'"
#define EMPTY "{\"return\": {}}\r\n"

static struct qmp_fake q;

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	qmp_fake_init(&q, false);
	negotiate(&q);
	q.f.vm.loop = loop_create("main", &e);
	q.f.vm.kvm.ring_entries = 16;
	q.f.vm.kvm.dirty_logging = true;       /* no slots to tell here */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dirty_limit_free(&q.mons);
	loop_destroy(q.f.vm.loop);
	q.f.vm.loop = NULL;
	qmp_fake_fini(&q);
	return 0;
}

static void end_loop(void *loop)
{
	loop_stop(loop);
}

static void turn(s64 ms)
{
	struct timer end;

	timer_init(&end, q.f.vm.loop, NULL, end_loop, q.f.vm.loop);
	timer_set(&end, clock_host_ns() + ms * 1000000);
	loop_run(q.f.vm.loop);
	timer_fini(&end);
}

static const char *hmp(const char *line)
{
	return said(&q.f, line);
}

static void without_rings_there_is_no_limit(void **state)
{
	struct err e = { 0 };

	(void)state;
	q.f.vm.kvm.ring_entries = 0;
	assert_int_equal(dirty_limit_set(&q.mons, 0, 1, &e), -ENOTSUP);
	assert_string_equal(e.msg, NO_RINGS);
	assert_string_equal(answer_to(&q, "{'execute':"
		"'cancel-vcpu-dirty-limit','arguments':{'cpu-index':9}}"),
			    EMPTY);
	assert_string_equal(answer_to(&q, "{'execute':"
		"'query-vcpu-dirty-limit'}"), "{\"return\": []}\r\n");
	q.f.vm.kvm.ring_entries = 16;
}

static void limits_are_set_and_ended_one_by_one(void **state)
{
	struct dirty_limit_report r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dirty_limit_set(&q.mons, DIRTY_LIMIT_ALL, 100, &e),
			 0);
	assert_int_equal(dirty_limit_set(&q.mons, 1, 200, &e), 0);
	assert_int_equal(q.f.cpu[0].dirty_limit, 100 * 256);
	assert_int_equal(q.f.cpu[1].dirty_limit, 200 * 256);
	assert_true(dirty_limit_of(&q.mons, 1, &r));
	assert_int_equal(r.limit, 200);
	assert_int_equal(dirty_limit_cancel(&q.mons, 1, &e), 0);
	assert_false(dirty_limit_of(&q.mons, 1, &r));
	assert_true(dirty_limit_of(&q.mons, 0, &r));
	assert_int_equal(dirty_limit_set(&q.mons, 0, 0, &e), 0);
	assert_false(dirty_limit_of(&q.mons, 0, &r));
	assert_int_equal(q.f.cpu[0].dirty_limit, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dirty_limit_set(&q.mons, 2, 1, &e), -EINVAL);
	assert_string_equal(e.msg, "incorrect cpu index specified");
	assert_int_equal(dirty_limit_set(&q.mons, -2, 1, &e), -EINVAL);
	assert_int_equal(dirty_limit_set(&q.mons, 0, (u64)-1, &e), -EINVAL);
	assert_string_equal(e.msg, "invalid dirty page limit -1");
	assert_int_equal(dirty_limit_cancel(&q.mons, 2, &e), -EINVAL);
}

static void qmp_has_them_too(void **state)
{
	(void)state;
	assert_string_equal(answer_to(&q, "{'execute':'set-vcpu-dirty-limit',"
		"'arguments':{'dirty-rate':7,'cpu-index':1}}"), EMPTY);
	assert_string_equal(answer_to(&q, "{'execute':"
		"'query-vcpu-dirty-limit'}"), "{\"return\": [{\"cpu-index\": "
		"1, \"limit-rate\": 7, \"current-rate\": 0}]}\r\n");
	assert_string_equal(answer_to(&q, "{'execute':"
		"'cancel-vcpu-dirty-limit'}"), EMPTY);
}

static void the_commands_answer_as_the_reference_does(void **state)
{
	struct loop *loop = q.f.vm.loop;

	(void)state;
	assert_int_equal(dirty_limit_set(&q.mons, 1, 5, NULL), 0);
	q.f.vm.loop = NULL;            /* a line runs here */
	assert_string_equal(hmp("info vcpu_dirty_limit"),
			    "vcpu[1], limit rate 5 (MB/s), current rate 0 "
			    "(MB/s)\n");
	assert_string_equal(hmp("cancel_vcpu_dirty_limit"), HINT);
	assert_string_equal(hmp("info vcpu_dirty_limit"),
			    "Dirty page limit not enabled!\n");
	assert_string_equal(hmp("cancel_vcpu_dirty_limit 9"),
			    "Error: incorrect cpu index specified\n");
	assert_string_equal(hmp("set_vcpu_dirty_limit 200 9"),
			    "Error: incorrect cpu index specified\n");
	q.f.vm.loop = loop;
}

/* Each page costs its share of a second, a tenth of which is on credit. */
static void a_cpu_that_writes_too_fast_owes_time(void **state)
{
	struct vcpu *v = q.f.cpus[0];
	const s64 now = clock_host_ns();

	(void)state;
	vcpu_limit_dirty(v, 1000);
	v->kvm.ring_pages = 50;
	assert_int_equal(vcpu_charge_dirty(v), 50);
	assert_false(v->too_fast);
	v->kvm.ring_pages = 2050;
	assert_int_equal(vcpu_charge_dirty(v), 2050);
	assert_true(v->too_fast);
	assert_in_range(v->slow_until - now, 1900000000ll, 60000000000ll);
	assert_int_equal(vcpu_charge_dirty(v), 2050);  /* once */
	assert_in_range(v->slow_until - now, 1900000000ll, 60000000000ll);
	v->too_fast = false;
}

static void rates_are_of_the_last_second(void **state)
{
	struct dirty_limit_report r = { 0 };

	(void)state;
	assert_int_equal(dirty_limit_set(&q.mons, DIRTY_LIMIT_ALL, 1 << 20,
					 NULL), 0);
	q.f.cpu[0].kvm.ring_pages = 256 << 10;         /* a GiB */
	for (unsigned i = 0; i < 100 && !r.now; i++) {
		turn(100);
		assert_true(dirty_limit_of(&q.mons, 0, &r));
	}
	assert_in_range(r.now, 50, 1024);
	assert_true(dirty_limit_of(&q.mons, 1, &r));
	assert_int_equal(r.now, 0);
	assert_int_equal(dirty_limit_cancel(&q.mons, DIRTY_LIMIT_ALL, NULL),
			 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_rings_there_is_no_limit),
		T(limits_are_set_and_ended_one_by_one),
		T(what_makes_no_sense_is_refused),
		T(qmp_has_them_too),
		T(the_commands_answer_as_the_reference_does),
		T(a_cpu_that_writes_too_fast_owes_time),
		T(rates_are_of_the_last_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
