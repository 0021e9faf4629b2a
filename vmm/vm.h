/* SPDX-License-Identifier: MIT */
/*
 * The root of ownership and the run-state machine.
 *
 * Thread: the main loop owns a struct vm.  Functions tagged [any] may be
 * called from vCPU, device and monitor threads; they post to the loop.
 *
 * Run states (names are QEMU's): prelaunch -> running <-> paused; running ->
 * shutdown | guest-panicked | internal-error | io-error | watchdog -> (reset)
 * -> paused/running; debug is a gdb or single-step stop.  vm_set_state() is
 * the one place a transition happens; its table is in vm.c.
 */
#ifndef MOTE_VM_H
#define MOTE_VM_H

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/types.h"
#include "vmm/config.h"
#include "vmm/core/bus.h"
#include "vmm/core/chardev.h"
#include "vmm/core/clock.h"
#include "vmm/core/device.h"
#include "vmm/core/gmem.h"
#include "vmm/core/loop.h"
#include "vmm/kvm/kvm.h"

struct arch;
struct gdb;
struct disk_set;
struct helper;
struct monitors;
struct netdev_set;
struct switcher;
struct vcpu;

enum run_state {
	RUN_PRELAUNCH, RUN_RUNNING, RUN_PAUSED, RUN_SHUTDOWN,
	RUN_GUEST_PANICKED, RUN_INTERNAL_ERROR, RUN_IO_ERROR, RUN_WATCHDOG,
	RUN_DEBUG, RUN_SUSPENDED, RUN_INMIGRATE, RUN_POSTMIGRATE,
	RUN_FINISH_MIGRATE, RUN_SAVE_VM, RUN_RESTORE_VM, RUN_COLO,
	RUN_PRECONFIG, RUN_STATE_COUNT
};
const char *run_state_name(enum run_state s);   /* "running", "paused (...)" is the monitor's */

/* What a ROM or image put where, for `info roms`. */
struct rom_entry {
	struct list node;
	gpa_t addr;
	u64 size;
	char *name;                    /* as info roms prints it */
	const char *kind;              /* "ram", "mem=rom" ...   */
};

/* Why the next reset or shutdown comes, for who listens; names are QEMU's. */
enum vm_cause {
	VM_CAUSE_NONE, VM_CAUSE_HOST_ERROR, VM_CAUSE_HOST_QMP_QUIT,
	VM_CAUSE_HOST_QMP_RESET, VM_CAUSE_HOST_SIGNAL, VM_CAUSE_HOST_UI,
	VM_CAUSE_GUEST_SHUTDOWN, VM_CAUSE_GUEST_RESET, VM_CAUSE_GUEST_PANIC,
	VM_CAUSE_SUBSYSTEM_RESET,
};

struct vm {
	struct vm_config *config;      /* borrowed from main()           */
	const struct arch *arch;
	const struct kvm_provider *provider;
	struct kvm_vm kvm;
	struct helper *helper;         /* NULL: KVM gets no help         */
	struct switcher *switcher;     /* NULL: stays with its provider  */
	struct gmem *gmem;
	struct bus *pio, *mmio;
	struct loop *loop;
	struct clock clock;
	s64 stopped_ns;                /* host time when the clock stopped */
	struct chardev_set *chardevs;
	struct netdev_set *nets;
	struct disk_set *disks;
	struct list iothreads;         /* struct iothread                */
	struct list objects;           /* struct object, those too       */
	struct device_env env;
	struct device_default *defaults; /* -global; env shows them      */
	struct list devices;           /* struct device.node, realize order */
	struct list roms;              /* struct rom_entry               */
	struct vcpu **vcpus;
	unsigned nvcpus;
	void *arch_state;              /* arch/x86's machine data        */

	_Atomic enum run_state state;
	int exit_code;                 /* of the process                 */
	bool quitting;
	bool can_suspend;              /* to RAM                         */
	/* --preconfig: true until exit_preconfig() has built the machine. */
	_Atomic bool preconfig;
	int (*exit_preconfig)(void *opaque, struct err *e);    /* [loop] */
	void *exit_preconfig_opaque;
	struct device *about;          /* of an event about one device   */
	enum vm_cause cause;           /* of what happens now, NONE: the host's */
	_Atomic u32 pending;           /* BIT(vm_request): posted, not handled */
	_Atomic int request_code[VM_REQ_COUNT];
	struct list listeners;         /* struct vm_listener             */
	_Atomic bool events_due;       /* a device has some, and it is known */
	struct timer events_timer;     /* when they are told             */
	s64 events_told_ns;            /* last, host time                */
	struct monitors *monitors;     /* monitor/'s; NULL: not started  */
	struct gdb *gdb;               /* gdb/'s; NULL: never opened     */
	/* KVM_EXIT_DEBUG: true when the vCPU may go on. NULL ok. [vcpu] */
	bool (*debug_exit)(struct vcpu *v);
};

/* Told after each change, on the loop: QMP events, gdb, the monitor.  `arg` of
 * RESUME is the state before, that of DEVICE an enum device_event. */
enum vm_event { VM_EV_STOP, VM_EV_RESUME, VM_EV_RESET, VM_EV_POWERDOWN,
		VM_EV_SHUTDOWN, VM_EV_WAKEUP, VM_EV_PANICKED,
		VM_EV_CRASHLOADED, VM_EV_WATCHDOG, VM_EV_DEBUG, VM_EV_STATE,
		VM_EV_DEVICE_DELETED, VM_EV_UNPLUG_REFUSED, VM_EV_DEVICE,
		/* these three are of vm->about */
		VM_EV_SWITCHED /* another provider; held */ };
struct vm_listener {
	struct list node;
	void (*fn)(struct vm_listener *l, enum vm_event ev, int arg);
};
void vm_listen(struct vm *vm, struct vm_listener *l);     /* [loop] */
void vm_unlisten(struct vm *vm, struct vm_listener *l);   /* [loop] */

/* vm->provider is another now. [loop] */
void vm_switched(struct vm *vm);
/* Tell listeners of something about one device, which still is. [loop] */
void vm_device_event(struct vm *vm, enum vm_event ev, struct device *d, int arg);

/* machine.c builds and destroys (the wiring room). */

static inline enum run_state vm_state(const struct vm *vm)
{
	return vm->state;
}

/* --- control, on the loop --- */
int  vm_start(struct vm *vm, struct err *e);    /* from prelaunch/paused */
void vm_pause(struct vm *vm, enum run_state s); /* parks vCPUs, drains I/O */
int  vm_cont(struct vm *vm, struct err *e);     /* monitor `cont` semantics:
						   shutdown etc. need a reset:
						   -EINVAL "Resetting the Virtual Machine is required" */
void vm_reset(struct vm *vm);
/* Around work on the vCPUs of a VM that runs: they are parked and devices quiet,
 * but neither the guest's clocks nor a client notices.  Nothing, when it does
 * not run: so it is already. */
void vm_hold(struct vm *vm);
void vm_release(struct vm *vm);
/* Ends a suspend to RAM; -EINVAL in any other state. */
int  vm_wakeup(struct vm *vm, struct err *e);
void vm_powerdown(struct vm *vm);               /* ACPI button */
void vm_quit(struct vm *vm, int exit_code);     /* ends loop_run */
int  vm_inject_nmi(struct vm *vm, unsigned cpu, struct err *e);

/* --- requests --- */
/* Devices' events are told once a second at most.  init wants the loop. */
void vm_events_init(struct vm *vm);            /* [loop] */
void vm_events_fini(struct vm *vm);            /* [loop] */
void vm_events_due(struct vm *vm);             /* [any] */
void vm_request(struct vm *vm, enum vm_request r, int code);   /* [any] */

/* --- roms --- */
void vm_rom_add(struct vm *vm, gpa_t addr, u64 size, const char *name,
		const char *kind);

#endif
