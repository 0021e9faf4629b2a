/* SPDX-License-Identifier: MIT */
/*
 * QMP events: which there are, and those that come from the run state.
 *
 * Talks to: vm.h's listeners; qmp.c sends.
 * Thread:   main loop.
 */
#include "monitor/monitor.h"
#include "monitor/both.h"
#include "monitor/qmp.h"
#include "monitor/qom.h"
#include "virtio/virtio_balloon.h"
#include "virtio/virtio_console.h"
#include "vmm/dev/mc146818rtc.h"

#include <stdio.h>
#include <sys/random.h>

#include "vmm/block/disk.h"

const struct qmp_event_row qmp_event_rows[] = {
	{ "STOP", "", "The guest was stopped." },
	{ "RESUME", "", "The guest runs again." },
	{ "RESET", "guest:bool reason:ShutdownCause",
	  "The machine was reset; `guest`: at the guest's wish." },
	{ "SHUTDOWN", "guest:bool reason:ShutdownCause",
	  "The machine is going down." },
	{ "POWERDOWN", "", "The power button was pressed." },
	{ "SUSPEND", "", "The guest went to sleep (S3)." },
	{ "WAKEUP", "", "The guest was woken." },
	{ "WATCHDOG", "action:WatchdogAction", "A watchdog fired." },
	{ "GUEST_PANICKED", "action:GuestPanicAction",
	  "The guest says it panicked." },
	{ "GUEST_CRASHLOADED", "action:GuestPanicAction",
	  "The guest panicked and loads its crash kernel." },
	{ "X_ACCEL_SWITCHED", "accel:Accelerator",
	  "Another accelerator runs the guest." },
	{ "DEVICE_DELETED", "device:str? path:str",
	  "A device is gone." },
	{ "DEVICE_UNPLUG_GUEST_ERROR", "device:str? path:str",
	  "The guest would not give a device up." },
	{ "BALLOON_CHANGE", "actual:size", "The balloon changed its size." },
	{ "VSERPORT_CHANGE", "id:str open:bool",
	  "A program in the guest opened or closed a serial port." },
	{ "NIC_RX_FILTER_CHANGED", "name:str? path:str",
	  "The guest changed what a NIC receives." },
	{ "RTC_CHANGE", "offset:int qom-path:str",
	  "The guest set its clock." },
	{ "BLOCK_IO_ERROR", "qom-path:str device:str node-name:str? "
	  "operation:str action:str nospace:bool? reason:str",
	  "A disk request failed." },
	{ "DUMP_COMPLETED", "result:DumpQueryResult error:str?",
	  "A dump is done." },
	{ 0 }
};

static const char *const causes[] = {
	[VM_CAUSE_NONE]         = "none",
	[VM_CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
	[VM_CAUSE_HOST_QMP_RESET] = "host-qmp-system-reset",
	[VM_CAUSE_HOST_SIGNAL]  = "host-signal",
	[VM_CAUSE_HOST_UI]      = "host-ui",
	[VM_CAUSE_HOST_ERROR]   = "host-error",
	[VM_CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
	[VM_CAUSE_GUEST_RESET]  = "guest-reset",
	[VM_CAUSE_GUEST_PANIC]  = "guest-panic",
	[VM_CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
};

static void with_cause(struct vm *vm, const char *event,
		       enum vm_cause otherwise)
{
	const enum vm_cause c = vm->cause == VM_CAUSE_NONE ? otherwise :
				vm->cause;
	char data[128];

	snprintf(data, sizeof(data), "{\"guest\": %s, \"reason\": \"%s\"}",
		 c >= VM_CAUSE_GUEST_SHUTDOWN && c <= VM_CAUSE_GUEST_PANIC ?
		 "true" : "false", causes[c]);
	monitors_event(vm, event, data);
}

static void with_action(struct vm *vm, const char *event, const char *action)
{
	char data[64];

	snprintf(data, sizeof(data), "{\"action\": \"%s\"}", action);
	monitors_event(vm, event, data);
}

static void about_device(struct vm *vm, const char *event)
{
	const struct device *d = vm->about;
	char path[192], data[512];

	qom_device_path(vm, d, path, sizeof(path));
	if (d->id)
		snprintf(data, sizeof(data), "{\"device\": \"%s\", \"path\": "
			 "\"%s\"}", d->id, path);
	else
		snprintf(data, sizeof(data), "{\"path\": \"%s\"}", path);
	monitors_event(vm, event, data);
}

static const char *panic_action(int action)
{
	switch ((enum action_panic)action) {
	case PANIC_SHUTDOWN:     return "poweroff";
	case PANIC_EXIT_FAILURE: return "poweroff";
	case PANIC_PAUSE:        return "pause";
	case PANIC_NONE:         return "run";
	}
	return "run";
}

/* --- what devices tell --- */

static void say(struct vm *vm, const char *event, json_t *data)
{
	char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;

	if (text)
		monitors_event(vm, event, text);
	free(text);
	json_decref(data);
}

static void say_balloon(struct vm *vm)
{
	struct balloon_stats s;
	u64 actual;

	if (mon_do_query_balloon(vm, &actual, &s, NULL) >= 0)
		say(vm, "BALLOON_CHANGE", json_pack("{s:I}", "actual",
						    (json_int_t)actual));
}

/* The id of a port: its own, or its console's and, beyond the first, its
 * number. */
static void say_ports(struct vm *vm, struct device *d)
{
	const char *id = d->id ? d->id : d->class->name;
	const struct device *own;
	char name[96];
	unsigned port;
	bool open;

	while (virtio_console_changed(d, &port, &open, &own)) {
		if (own && own->id)
			snprintf(name, sizeof(name), "%.95s", own->id);
		else if (port)
			snprintf(name, sizeof(name), "%.80s.%u", id, port);
		else
			snprintf(name, sizeof(name), "%.80s", id);
		say(vm, "VSERPORT_CHANGE", json_pack("{s:s,s:b}", "id", name,
						     "open", open));
	}
}

static void say_filter(struct vm *vm, struct device *d, const char *path)
{
	json_t *o = json_pack("{s:s}", "path", path);

	if (d->id)
		json_object_set_new(o, "name", json_string(d->id));
	say(vm, "NIC_RX_FILTER_CHANGED", o);
}

static void on_device_event(struct vm *vm, enum device_event ev)
{
	struct device *d = vm->about;
	char path[256] = "";

	qom_device_path(vm, d, path, sizeof(path));
	switch (ev) {
	case DEV_EV_BALLOON:
		return say_balloon(vm);
	case DEV_EV_PORT:
		return say_ports(vm, d);
	case DEV_EV_RX_FILTER:
		return say_filter(vm, d, path);
	case DEV_EV_RTC:
		return say(vm, "RTC_CHANGE", json_pack("{s:I,s:s}", "offset",
			(json_int_t)mc146818rtc_offset(d), "qom-path", path));
	case DEV_EV_COUNT:
		return;
	}
}

static void on_vm_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct monitors *s = container_of(l, struct monitors, listener);
	struct vm *vm = s->vm;

	switch (ev) {
	case VM_EV_STOP:
		if (!vm->quitting && vm_state(vm) != RUN_SUSPENDED)
			monitors_event(vm, "STOP", NULL);
		return;
	case VM_EV_RESUME:
		if (arg != RUN_SUSPENDED)
			monitors_event(vm, "RESUME", NULL);
		return;
	case VM_EV_WAKEUP:
		return monitors_event(vm, "WAKEUP", NULL);
	case VM_EV_RESET:
		return with_cause(vm, "RESET", VM_CAUSE_HOST_QMP_RESET);
	case VM_EV_SHUTDOWN:
		return with_cause(vm, "SHUTDOWN", arg ?
				  VM_CAUSE_GUEST_SHUTDOWN :
				  VM_CAUSE_HOST_QMP_QUIT);
	case VM_EV_POWERDOWN:
		return monitors_event(vm, "POWERDOWN", NULL);
	case VM_EV_PANICKED:
		return with_action(vm, "GUEST_PANICKED", panic_action(arg));
	case VM_EV_CRASHLOADED:
		return with_action(vm, "GUEST_CRASHLOADED", "run");
	case VM_EV_WATCHDOG:
		return with_action(vm, "WATCHDOG", mon_watchdog_actions[arg]);
	case VM_EV_STATE:
		if (arg == RUN_SUSPENDED)
			monitors_event(vm, "SUSPEND", NULL);
		return;
	case VM_EV_DEVICE_DELETED:
		return about_device(vm, "DEVICE_DELETED");
	case VM_EV_UNPLUG_REFUSED:
		return about_device(vm, "DEVICE_UNPLUG_GUEST_ERROR");
	case VM_EV_DEVICE:
		return on_device_event(vm, (enum device_event)arg);
	case VM_EV_SWITCHED:
		return say(vm, "X_ACCEL_SWITCHED",
			   json_pack("{s:s}", "accel", vm->provider->name));
	case VM_EV_DEBUG:
		return;
	}
}

void qmp_listen(struct monitors *s)
{
	size_t seed = 0;

	if (!s->has_qmp)
		return;
	/* Without, jansson opens /dev/urandom on the sandboxed thread. */
	if (getrandom(&seed, sizeof(seed), 0) < 0 || !seed)
		seed = (size_t)clock_host_ns() | 1;
	json_object_seed(seed);
	s->listener.fn = on_vm_event;
	vm_listen(s->vm, &s->listener);
	if (s->vm->disks)
		disk_set_listen(s->vm->disks, qmp_disk_failed, s->vm);
}

void qmp_unlisten(struct monitors *s)
{
	if (s->listener.fn)
		vm_unlisten(s->vm, &s->listener);
	if (s->listener.fn && s->vm->disks)
		disk_set_listen(s->vm->disks, NULL, NULL);
	s->listener.fn = NULL;
}
