/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/vm.c, the run states, with no vCPU and a recorder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/arch.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static struct vm vm;
static struct vm_config config;
static struct vm_listener listener;
static char seen[256];                 /* events, a letter each */
static unsigned resets;

static void record(struct vm_listener *l, enum vm_event ev, int arg)
{
	static const char letters[] = "SRXPDUKCWG-duE";

	(void)l;
	(void)arg;
	if (ev != VM_EV_STATE)
		seen[strlen(seen)] = letters[ev];
}

static int fake_reset(struct vm *v, struct err *e)
{
	(void)v;
	(void)e;
	resets++;
	return 0;
}

static unsigned wakes;

static int fake_wake(struct vm *v, struct err *e)
{
	(void)v;
	(void)e;
	wakes++;
	return 0;
}

static const struct arch fake_arch = { .name = "fake", .reset = fake_reset,
				       .wake = fake_wake };

static int fresh(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&config, 0, sizeof(config));
	memset(seen, 0, sizeof(seen));
	resets = 0;
	config_init(&config);
	vm.config = &config;
	vm.arch = &fake_arch;
	list_init(&vm.devices);
	list_init(&vm.listeners);
	list_init(&vm.roms);
	vm.loop = loop_create("test", NULL);
	clock_init(&vm.clock, 0);
	listener.fn = record;
	vm_listen(&vm, &listener);
	return vm.loop ? 0 : -1;
}

static int done(void **state)
{
	(void)state;
	vm_unlisten(&vm, &listener);
	loop_destroy(vm.loop);
	config_fini(&config);
	return 0;
}

static void stop_loop(void *opaque)
{
	loop_stop(opaque);
}

/* Let posted requests be handled. */
static void spin(void)
{
	loop_post(vm.loop, stop_loop, vm.loop);
	loop_run(vm.loop);
}

static void it_starts_in_prelaunch_and_runs(void **state)
{
	(void)state;
	assert_int_equal(vm_state(&vm), RUN_PRELAUNCH);
	assert_int_equal(vm_start(&vm, NULL), 0);
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_true(vm.clock.running);
	assert_string_equal(seen, "R");
	assert_int_equal(vm_start(&vm, NULL), 0);      /* already: nothing */
	assert_string_equal(seen, "R");
}

static void a_pause_stops_the_clock_and_cont_starts_it(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_pause(&vm, RUN_PAUSED);
	assert_int_equal(vm_state(&vm), RUN_PAUSED);
	assert_false(vm.clock.running);
	vm_pause(&vm, RUN_PAUSED);
	assert_string_equal(seen, "RS");
	assert_int_equal(vm_cont(&vm, NULL), 0);
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_string_equal(seen, "RSR");
}

static void a_stop_before_launch_changes_nothing(void **state)
{
	(void)state;
	vm_pause(&vm, RUN_PAUSED);
	assert_int_equal(vm_state(&vm), RUN_PRELAUNCH);
	assert_string_equal(seen, "");
}

static void a_poweroff_ends_the_loop_with_status_zero(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_POWEROFF, 0);
	loop_run(vm.loop);
	assert_true(vm.quitting);
	assert_int_equal(vm.exit_code, 0);
	assert_int_equal(vm_state(&vm), RUN_SHUTDOWN);
}

static void no_shutdown_keeps_it_until_a_reset(void **state)
{
	struct err e = { 0 };

	(void)state;
	config.on_shutdown = SHUTDOWN_PAUSE;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_POWEROFF, 0);
	spin();
	assert_false(vm.quitting);
	assert_int_equal(vm_state(&vm), RUN_SHUTDOWN);
	assert_int_equal(vm_cont(&vm, &e), -EINVAL);
	assert_string_equal(e.msg,
			    "Resetting the Virtual Machine is required");
	vm_reset(&vm);
	assert_int_equal(vm_state(&vm), RUN_PRELAUNCH);
	assert_int_equal(vm_cont(&vm, &e), 0);
	vm_quit(&vm, 0);
	assert_true(vm.quitting);
}

static void a_reset_keeps_it_running(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_RESET, 0);
	spin();
	assert_int_equal(resets, 1);
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_string_equal(seen, "RX");
}

static void no_reboot_turns_a_reset_into_the_end(void **state)
{
	(void)state;
	config.on_reboot = REBOOT_SHUTDOWN;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_RESET, 0);
	loop_run(vm.loop);
	assert_true(vm.quitting);
	assert_int_equal(resets, 0);
}

static void panic_with(enum action_panic a)
{
	config.on_panic = a;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_PANIC, 0);
	spin();
}

static void a_panic_ends_the_vm(void **state)
{
	(void)state;
	panic_with(PANIC_SHUTDOWN);
	assert_true(vm.quitting);
	assert_int_equal(vm.exit_code, 0);
}

static void a_panic_can_fail_the_process(void **state)
{
	(void)state;
	panic_with(PANIC_EXIT_FAILURE);
	assert_true(vm.quitting);
	assert_int_equal(vm.exit_code, 1);
}

static void a_panic_can_pause(void **state)
{
	(void)state;
	panic_with(PANIC_PAUSE);
	assert_false(vm.quitting);
	assert_int_equal(vm_state(&vm), RUN_GUEST_PANICKED);
	assert_int_equal(vm_cont(&vm, NULL), 0);
}

static void a_panic_can_be_ignored(void **state)
{
	(void)state;
	panic_with(PANIC_NONE);
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_string_equal(seen, "RK");
}

static void a_panic_without_shutdown_pauses(void **state)
{
	(void)state;
	config.on_shutdown = SHUTDOWN_PAUSE;
	panic_with(PANIC_SHUTDOWN);
	assert_false(vm.quitting);
	assert_int_equal(vm_state(&vm), RUN_GUEST_PANICKED);
}

static void an_exit_request_carries_its_code(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_EXIT, 33);
	loop_run(vm.loop);
	assert_int_equal(vm.exit_code, 33);
}

static void an_internal_error_needs_a_reset(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_INTERNAL_ERROR, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_INTERNAL_ERROR);
	assert_int_equal(vm_cont(&vm, NULL), -EINVAL);
	vm_reset(&vm);
	assert_int_equal(vm_cont(&vm, NULL), 0);
}

static void a_debug_stop_names_its_cpu_and_goes_on(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_DEBUG, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_DEBUG);
	assert_string_equal(seen, "RSG");
	assert_int_equal(vm_cont(&vm, NULL), 0);
}

static void a_watchdog_does_what_was_asked(void **state)
{
	(void)state;
	config.on_watchdog = WATCHDOG_PAUSE;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_WATCHDOG, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_WATCHDOG);
	config.on_watchdog = WATCHDOG_RESET;
	assert_int_equal(vm_cont(&vm, NULL), 0);
	vm_request(&vm, VM_REQ_WATCHDOG, 0);
	spin();
	assert_int_equal(resets, 1);
	config.on_watchdog = WATCHDOG_NONE;
	vm_request(&vm, VM_REQ_WATCHDOG, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
}

static void a_suspended_guest_is_woken(void **state)
{
	struct err e = { 0 };

	(void)state;
	wakes = resets = 0;
	assert_int_equal(vm_wakeup(&vm, NULL), -ENOTSUP);
	vm.can_suspend = true;
	vm_start(&vm, NULL);
	assert_int_equal(vm_wakeup(&vm, &e), -EINVAL);
	assert_string_equal(e.msg, "Unable to wake up: guest is not in "
			    "suspended state");
	vm_request(&vm, VM_REQ_SUSPEND, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_SUSPENDED);
	memset(seen, 0, sizeof(seen));
	assert_int_equal(vm_wakeup(&vm, NULL), 0);
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_int_equal(wakes, 1);
	assert_int_equal(resets, 0);
	assert_string_equal(seen, "UR");
}

static void env_events_due(void *opaque)
{
	vm_events_due(opaque);
}

static void spin_for(s64 ns)
{
	struct timer t = { 0 };

	timer_init(&t, vm.loop, NULL, stop_loop, vm.loop);
	timer_set(&t, clock_host_ns() + ns);
	loop_run(vm.loop);
	timer_fini(&t);
}

/* However often it happens, it is told at once and then once a second. */
static void what_a_device_tells_is_bounded(void **state)
{
	const struct device_env env = { .events_due = env_events_due,
					.opaque = &vm };
	struct device d = { .env = &env };

	(void)state;
	list_append(&vm.devices, &d.node);
	vm_events_init(&vm);
	for (unsigned i = 0; i < 1000; i++)
		device_event(&d, DEV_EV_BALLOON);
	device_event(&d, DEV_EV_RTC);
	spin_for(100000000);
	assert_string_equal(seen, "EE");       /* one of each */
	for (unsigned i = 0; i < 1000; i++)
		device_event(&d, DEV_EV_BALLOON);
	spin_for(100000000);
	assert_string_equal(seen, "EE");
	spin_for(1100000000);
	assert_string_equal(seen, "EEE");
	vm_events_fini(&vm);
	list_remove(&d.node);
}

static void a_crash_kernel_is_heard_of(void **state)
{
	(void)state;
	vm_start(&vm, NULL);
	vm_request(&vm, VM_REQ_CRASHLOADED, 0);
	spin();
	assert_int_equal(vm_state(&vm), RUN_RUNNING);
	assert_string_equal(seen, "RC");
}

static void a_powerdown_tells_listeners(void **state)
{
	(void)state;
	vm_powerdown(&vm);
	assert_string_equal(seen, "P");
}

static void host_clocks_go_on_while_the_vm_is_paused(void **state)
{
	s64 before;

	(void)state;
	vm.stopped_ns = clock_host_ns();
	vm_start(&vm, NULL);
	vm_pause(&vm, RUN_PAUSED);
	before = clock_wall_ns(&vm.clock);
	vm.stopped_ns -= 5000000000;           /* five seconds ago */
	vm_cont(&vm, NULL);
	assert_true(clock_wall_ns(&vm.clock) - before >= 5000000000);
	config.rtc_clock = RTC_CLOCK_VM;
	vm_pause(&vm, RUN_PAUSED);
	before = clock_wall_ns(&vm.clock);
	vm.stopped_ns -= 5000000000;
	vm_cont(&vm, NULL);
	assert_true(clock_wall_ns(&vm.clock) - before < 5000000000);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	for (unsigned s = 0; s < RUN_STATE_COUNT; s++)
		assert_non_null(run_state_name((enum run_state)s));
	assert_string_equal(run_state_name(RUN_GUEST_PANICKED),
			    "guest-panicked");
}

static void an_nmi_to_no_cpu_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(vm_inject_nmi(&vm, 0, &e), -ENOENT);
	assert_string_equal(e.msg, "there is no CPU 0");
}

/* --- a vCPU that asks while another's request is handled ------------------- */

static struct vcpu asker;
static bool waited;

static void ask_meanwhile(struct vm_listener *l, enum vm_event ev, int arg)
{
	(void)l;
	(void)arg;
	if (ev == VM_EV_RESET) {
		asker.stop = true;
		vm_request(&vm, VM_REQ_CRASHLOADED, 0);
	}
	if (ev == VM_EV_CRASHLOADED)
		waited = asker.stop;
}

static void who_asks_stands_until_it_is_answered(void **state)
{
	struct vm_listener l = { .fn = ask_meanwhile };
	struct vcpu *all[] = { &asker };

	(void)state;
	memset(&asker, 0, sizeof(asker));
	lock_init(&asker.lock, "vcpu");
	asker.parked = true;
	waited = false;
	vm.vcpus = all;
	vm.nvcpus = 1;
	vm_listen(&vm, &l);
	vm_start(&vm, NULL);
	assert_false(asker.stop);
	vm_request(&vm, VM_REQ_RESET, 0);
	spin();
	assert_true(waited);
	assert_false(asker.stop);
	vm_unlisten(&vm, &l);
	vm.nvcpus = 0;
	lock_fini(&asker.lock);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_starts_in_prelaunch_and_runs),
		T(a_pause_stops_the_clock_and_cont_starts_it),
		T(a_stop_before_launch_changes_nothing),
		T(a_poweroff_ends_the_loop_with_status_zero),
		T(no_shutdown_keeps_it_until_a_reset),
		T(a_reset_keeps_it_running),
		T(no_reboot_turns_a_reset_into_the_end),
		T(a_panic_ends_the_vm),
		T(a_panic_can_fail_the_process),
		T(a_panic_can_pause),
		T(a_panic_can_be_ignored),
		T(a_panic_without_shutdown_pauses),
		T(an_exit_request_carries_its_code),
		T(who_asks_stands_until_it_is_answered),
		T(an_internal_error_needs_a_reset),
		T(a_debug_stop_names_its_cpu_and_goes_on),
		T(a_watchdog_does_what_was_asked),
		T(a_suspended_guest_is_woken),
		T(what_a_device_tells_is_bounded),
		T(a_crash_kernel_is_heard_of),
		T(a_powerdown_tells_listeners),
		T(host_clocks_go_on_while_the_vm_is_paused),
		T(every_state_has_a_name),
		T(an_nmi_to_no_cpu_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
