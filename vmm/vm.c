/* SPDX-License-Identifier: MIT */
/*
 * The run-state machine: what a VM may become, and what happens on the way.
 *
 * Room:     start, pause, reset, power down, quit; requests from any thread.
 * Talks to: vCPU threads (park, resume), devices (quiesce, resume, reset),
 *           the guest clock, listeners.
 * Never:    runs off the main loop, vm_request and vm_state excepted.
 *
 * Invariants:
 *  1. vm_set_state is the one place a state changes; may_become is the law.
 *  2. Devices and clock run exactly while the state is RUN_RUNNING.
 *  3. A vCPU that posts a request stops before its next instruction and goes
 *     on only after the request was handled.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/base/trace.h"
#include "vmm/vcpu.h"

#define EVENTS_EVERY_NS 1000000000ll

/* --- states --- */

static const char *const state_names[RUN_STATE_COUNT] = {
	[RUN_PRELAUNCH]      = "prelaunch",
	[RUN_RUNNING]        = "running",
	[RUN_PAUSED]         = "paused",
	[RUN_SHUTDOWN]       = "shutdown",
	[RUN_GUEST_PANICKED] = "guest-panicked",
	[RUN_INTERNAL_ERROR] = "internal-error",
	[RUN_IO_ERROR]       = "io-error",
	[RUN_WATCHDOG]       = "watchdog",
	[RUN_DEBUG]          = "debug",
	[RUN_SUSPENDED]      = "suspended",
	[RUN_INMIGRATE]      = "inmigrate",
	[RUN_POSTMIGRATE]    = "postmigrate",
	[RUN_FINISH_MIGRATE] = "finish-migrate",
	[RUN_SAVE_VM]        = "save-vm",
	[RUN_RESTORE_VM]     = "restore-vm",
	[RUN_COLO]           = "colo",
	[RUN_PRECONFIG]      = "preconfig",
};

#define S(name) BIT(RUN_##name)
static const u32 may_become[RUN_STATE_COUNT] = {
	[RUN_PRECONFIG]      = S(PRELAUNCH),
	[RUN_PRELAUNCH]      = S(RUNNING) | S(INMIGRATE) | S(FINISH_MIGRATE),
	[RUN_RUNNING]        = S(DEBUG) | S(INTERNAL_ERROR) | S(IO_ERROR) |
			       S(PAUSED) | S(FINISH_MIGRATE) | S(RESTORE_VM) |
			       S(SAVE_VM) | S(SHUTDOWN) | S(WATCHDOG) |
			       S(GUEST_PANICKED) | S(COLO) | S(SUSPENDED),
	[RUN_PAUSED]         = S(RUNNING) | S(FINISH_MIGRATE) |
			       S(POSTMIGRATE) | S(PRELAUNCH) | S(COLO),
	[RUN_SHUTDOWN]       = S(PAUSED) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_GUEST_PANICKED] = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_INTERNAL_ERROR] = S(PAUSED) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_IO_ERROR]       = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_WATCHDOG]       = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_DEBUG]          = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_SUSPENDED]      = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_INMIGRATE]      = S(RUNNING) | S(PAUSED) | S(INTERNAL_ERROR) |
			       S(IO_ERROR) | S(SHUTDOWN) | S(WATCHDOG) |
			       S(GUEST_PANICKED) | S(FINISH_MIGRATE) |
			       S(PRELAUNCH) | S(POSTMIGRATE) | S(SUSPENDED),
	[RUN_POSTMIGRATE]    = S(RUNNING) | S(FINISH_MIGRATE) | S(PRELAUNCH),
	[RUN_FINISH_MIGRATE] = S(RUNNING) | S(PAUSED) | S(POSTMIGRATE) |
			       S(PRELAUNCH) | S(COLO) | S(SUSPENDED),
	[RUN_SAVE_VM]        = S(RUNNING) | S(PAUSED),
	[RUN_RESTORE_VM]     = S(RUNNING) | S(PAUSED) | S(PRELAUNCH),
	[RUN_COLO]           = S(RUNNING) | S(PRELAUNCH) | S(SHUTDOWN),
};
#undef S

const char *run_state_name(enum run_state s)
{
	return s < RUN_STATE_COUNT ? state_names[s] : "unknown";
}

static void vm_notify(struct vm *vm, enum vm_event ev, int arg)
{
	struct list *p, *tmp;

	list_for_each_safe(p, tmp, &vm->listeners) {
		struct vm_listener *l = list_entry(p, struct vm_listener, node);

		l->fn(l, ev, arg);
	}
}

static void vm_set_state(struct vm *vm, enum run_state s)
{
	const enum run_state old = vm->state;

	if (old == s)
		return;
	assert(may_become[old] & BIT(s));
	vm->state = s;
	trace(vm_state, "%s -> %s", state_names[old], state_names[s]);
	vm_notify(vm, VM_EV_STATE, (int)s);
}

void vm_listen(struct vm *vm, struct vm_listener *l)
{
	list_append(&vm->listeners, &l->node);
}

void vm_unlisten(struct vm *vm, struct vm_listener *l)
{
	(void)vm;
	list_remove(&l->node);
}

void vm_switched(struct vm *vm)
{
	vm_notify(vm, VM_EV_SWITCHED, 0);
}

void vm_device_event(struct vm *vm, enum vm_event ev, struct device *d, int arg)
{
	vm->about = d;
	vm_notify(vm, ev, arg);
	vm->about = NULL;
}

/* --- starting and stopping --- */

static void park_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_park_ask(vm->vcpus[i]);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_park(vm->vcpus[i]);
}

static void resume_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (!vm->vcpus[i]->held)
			vcpu_resume(vm->vcpus[i]);
}

static void devices_each(struct vm *vm, void (*fn)(struct device *d))
{
	struct list *p;

	list_for_each(p, &vm->devices)
		fn(list_entry(p, struct device, node));
}

void vm_hold(struct vm *vm)
{
	if (vm->state != RUN_RUNNING)
		return;
	park_all(vm);
	devices_each(vm, device_quiesce);
}

/* A vCPU that asked for something goes on when that is done (invariant 3). */
void vm_release(struct vm *vm)
{
	if (vm->state != RUN_RUNNING)
		return;
	devices_each(vm, device_resume);
	if (!vm->pending)
		resume_all(vm);
}

/* -rtc clock=vm stands still with the guest; host and rt have gone on. */
static void start_clock(struct vm *vm)
{
	if (vm->config->rtc_clock != RTC_CLOCK_VM)
		clock_set_wall_ns(&vm->clock, clock_wall_ns(&vm->clock) +
				  clock_host_ns() - vm->stopped_ns);
	clock_start(&vm->clock);
	loop_clock_changed(vm->loop);
}

static void stop_clock(struct vm *vm)
{
	clock_stop(&vm->clock);
	vm->stopped_ns = clock_host_ns();
	loop_clock_changed(vm->loop);
}

int vm_start(struct vm *vm, struct err *e)
{
	const enum run_state s = vm->state;

	if (s == RUN_RUNNING)
		return 0;
	if (!(may_become[s] & BIT(RUN_RUNNING)))
		return err_set(e, -EINVAL, "the VM cannot run: it is in state "
			       "%s", run_state_name(s));
	vm_set_state(vm, RUN_RUNNING);
	vm_notify(vm, VM_EV_RESUME, (int)s);
	start_clock(vm);
	devices_each(vm, device_resume);
	resume_all(vm);
	return 0;
}

void vm_pause(struct vm *vm, enum run_state s)
{
	if (vm->state != RUN_RUNNING)
		return;
	park_all(vm);
	stop_clock(vm);
	devices_each(vm, device_quiesce);
	vm_set_state(vm, s);
	vm_notify(vm, VM_EV_STOP, 0);
}

int vm_cont(struct vm *vm, struct err *e)
{
	switch (vm_state(vm)) {
	case RUN_SHUTDOWN:
	case RUN_INTERNAL_ERROR:
		return err_set(e, -EINVAL,
			       "Resetting the Virtual Machine is required");
	case RUN_FINISH_MIGRATE:
		return err_set(e, -EBUSY, "Migration is not finalized yet");
	case RUN_PRECONFIG:
		return err_set(e, -EINVAL, "the machine is not built yet");
	default:
		return vm_start(vm, e);
	}
}

/* --- ends --- */

static void vm_end(struct vm *vm, int exit_code)
{
	vm->quitting = true;           /* who listens: it does not just stop */
	vm_pause(vm, RUN_SHUTDOWN);
	vm->exit_code = exit_code;
	loop_stop(vm->loop);
}

void vm_quit(struct vm *vm, int exit_code)
{
	if (vm->quitting)
		return;
	vm_notify(vm, VM_EV_SHUTDOWN, 0);
	vm_end(vm, exit_code);
}

/* The guest is off: end, or stay for inspection with -no-shutdown. */
static void vm_shutdown(struct vm *vm, int exit_code)
{
	vm_notify(vm, VM_EV_SHUTDOWN, 1);
	if (vm->config->on_shutdown == SHUTDOWN_PAUSE)
		vm_pause(vm, RUN_SHUTDOWN);
	else
		vm_end(vm, exit_code);
}

static void reset_machine(struct vm *vm)
{
	struct err e = { 0 };

	trace(vm_reset, "in state %s", state_names[vm->state]);
	log_if(LOG_RESET, "machine reset\n");
	devices_each(vm, device_reset);
	if (vm->arch && vm->arch->reset && vm->arch->reset(vm, &e) < 0)
		log_warn("reset: %s", e.msg);
}

void vm_reset(struct vm *vm)
{
	const bool running = vm->state == RUN_RUNNING;

	if (vm->config->on_reboot == REBOOT_SHUTDOWN)
		return vm_shutdown(vm, 0);
	vm_hold(vm);
	reset_machine(vm);
	if (running) {
		vm_release(vm);
	} else if (vm->state != RUN_INMIGRATE &&
		   vm->state != RUN_FINISH_MIGRATE) {
		vm_set_state(vm, RUN_PRELAUNCH);
	}
	vm_notify(vm, VM_EV_RESET, 0);
}

int vm_wakeup(struct vm *vm, struct err *e)
{
	int rc;

	if (!vm->can_suspend)
		return err_set(e, -ENOTSUP, "wake-up from suspend is not "
			       "supported by this guest");
	if (vm->state != RUN_SUSPENDED)
		return err_set(e, -EINVAL, "Unable to wake up: guest is not "
			       "in suspended state");
	devices_each(vm, device_reset);
	rc = vm->arch->wake(vm, e);
	if (rc < 0)
		return rc;
	vm_notify(vm, VM_EV_WAKEUP, 0);
	return vm_start(vm, e);
}

void vm_powerdown(struct vm *vm)
{
	vm_notify(vm, VM_EV_POWERDOWN, 0);
}

static void nmi_on_vcpu(struct vcpu *v, void *opaque)
{
	*(int *)opaque = kvm_vcpu_ioctl(&v->kvm, KVM_NMI, NULL);
}

int vm_inject_nmi(struct vm *vm, unsigned cpu, struct err *e)
{
	int rc = 0;

	if (cpu >= vm->nvcpus)
		return err_set(e, -ENOENT, "there is no CPU %u", cpu);
	vcpu_call(vm->vcpus[cpu], nmi_on_vcpu, &rc);
	return rc < 0 ? err_set(e, rc, "NMI to CPU %u: %m", cpu) : 0;
}

/* --- requests --- */

static void on_panic(struct vm *vm)
{
	const struct vm_config *c = vm->config;

	vm_notify(vm, VM_EV_PANICKED, (int)c->on_panic);
	if (c->on_panic == PANIC_NONE)
		return;
	vm_pause(vm, RUN_GUEST_PANICKED);
	if (c->on_panic == PANIC_PAUSE ||
	    (c->on_panic == PANIC_SHUTDOWN &&
	     c->on_shutdown == SHUTDOWN_PAUSE))
		return;
	vm_shutdown(vm, c->on_panic == PANIC_EXIT_FAILURE);
}

static void nmi_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vm_inject_nmi(vm, i, NULL);
}

static void on_watchdog(struct vm *vm)
{
	const enum action_watchdog a = vm->config->on_watchdog;

	vm_notify(vm, VM_EV_WATCHDOG, (int)a);
	switch (a) {
	case WATCHDOG_RESET:      return vm_reset(vm);
	case WATCHDOG_SHUTDOWN:   return vm_powerdown(vm);
	case WATCHDOG_POWEROFF:   return vm_shutdown(vm, 0);
	case WATCHDOG_PAUSE:      return vm_pause(vm, RUN_WATCHDOG);
	case WATCHDOG_INJECT_NMI: return nmi_all(vm);
	case WATCHDOG_DEBUG:      return log_warn("the guest's watchdog fired");
	case WATCHDOG_NONE:       return;
	}
}

static void on_debug(struct vm *vm, int cpu)
{
	vm_pause(vm, RUN_DEBUG);
	vm_notify(vm, VM_EV_DEBUG, cpu);
}

static void handle_request(struct vm *vm, enum vm_request r, int code)
{
	switch (r) {
	case VM_REQ_DEBUG:          return on_debug(vm, code);
	case VM_REQ_SUSPEND:        return vm_pause(vm, RUN_SUSPENDED);
	case VM_REQ_EXIT:           return vm_quit(vm, code);
	case VM_REQ_PANIC:          return on_panic(vm);
	case VM_REQ_CRASHLOADED:    return vm_notify(vm, VM_EV_CRASHLOADED, 0);
	case VM_REQ_POWEROFF:       return vm_shutdown(vm, 0);
	case VM_REQ_RESET:          return vm_reset(vm);
	case VM_REQ_WATCHDOG:       return on_watchdog(vm);
	case VM_REQ_INTERNAL_ERROR: return vm_pause(vm, RUN_INTERNAL_ERROR);
	case VM_REQ_IO_ERROR:       return vm_pause(vm, RUN_IO_ERROR);
	case VM_REQ_COUNT:          break;
	}
}

static enum vm_cause cause_of(enum vm_request r)
{
	switch (r) {
	case VM_REQ_PANIC:    return VM_CAUSE_GUEST_PANIC;
	case VM_REQ_POWEROFF: return VM_CAUSE_GUEST_SHUTDOWN;
	case VM_REQ_EXIT:     return VM_CAUSE_GUEST_SHUTDOWN;
	case VM_REQ_RESET:    return VM_CAUSE_GUEST_RESET;
	case VM_REQ_WATCHDOG: return VM_CAUSE_GUEST_RESET;
	default:              return VM_CAUSE_NONE;
	}
}

/* Earlier in this list wins when several came at once. */
static const enum vm_request request_order[] = {
	VM_REQ_DEBUG, VM_REQ_SUSPEND, VM_REQ_EXIT, VM_REQ_CRASHLOADED,
	VM_REQ_PANIC, VM_REQ_POWEROFF, VM_REQ_RESET, VM_REQ_WATCHDOG,
	VM_REQ_INTERNAL_ERROR, VM_REQ_IO_ERROR,
};

static void handle_requests(void *opaque)
{
	struct vm *vm = opaque;
	const u32 pending = atomic_exchange(&vm->pending, 0);

	for (unsigned i = 0; i < ARRAY_LEN(request_order); i++) {
		const enum vm_request r = request_order[i];

		if (!(pending & BIT(r)) || vm->quitting)
			continue;
		vm->cause = cause_of(r);
		handle_request(vm, r, vm->request_code[r]);
		vm->cause = VM_CAUSE_NONE;
	}
	/* vCPUs that stopped to ask; but who did meanwhile waits its turn. */
	if (vm->state == RUN_RUNNING && !vm->pending)
		resume_all(vm);
}

void vm_request(struct vm *vm, enum vm_request r, int code)
{
	assert(r < VM_REQ_COUNT);
	trace(vm_request, "request %d code %d", (int)r, code);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		if (vcpu_is_current(vm->vcpus[i]))
			vcpu_park_ask(vm->vcpus[i]);
	vm->request_code[r] = code;
	if (!atomic_fetch_or(&vm->pending, BIT(r)))
		loop_post(vm->loop, handle_requests, vm);
}

/* --- what devices tell --- */

static void tell_events(struct vm *vm, struct device *d)
{
	const u32 events = atomic_exchange(&d->events, 0);

	for (unsigned i = 0; i < DEV_EV_COUNT; i++)
		if (events & BIT(i))
			vm_device_event(vm, VM_EV_DEVICE, d, (int)i);
}

static void on_events_timer(void *opaque)
{
	struct vm *vm = opaque;
	struct list *p, *tmp;

	vm->events_due = false;
	vm->events_told_ns = clock_host_ns();
	list_for_each_safe(p, tmp, &vm->devices)
		tell_events(vm, list_entry(p, struct device, node));
}

void vm_events_init(struct vm *vm)
{
	timer_init(&vm->events_timer, vm->loop, NULL, on_events_timer, vm);
	vm->events_told_ns = -EVENTS_EVERY_NS;
}

void vm_events_fini(struct vm *vm)
{
	timer_fini(&vm->events_timer);
}

void vm_events_due(struct vm *vm)
{
	if (!atomic_exchange(&vm->events_due, true))
		timer_set(&vm->events_timer,
			  vm->events_told_ns + EVENTS_EVERY_NS);
}

/* --- roms --- */

void vm_rom_add(struct vm *vm, gpa_t addr, u64 size, const char *name,
		const char *kind)
{
	struct rom_entry *r = calloc(1, sizeof(*r));

	assert(r);
	trace(rom_load, "%s at 0x%llx len 0x%llx", name,
	      (unsigned long long)addr, (unsigned long long)size);
	r->addr = addr;
	r->size = size;
	r->name = strdup(name);
	r->kind = kind;
	list_append(&vm->roms, &r->node);
}
