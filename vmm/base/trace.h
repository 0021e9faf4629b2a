/* SPDX-License-Identifier: MIT */
/*
 * Trace points: what happened in the VMM, a line each.
 *
 * Every point is a row of TRACE_EVENTS; `trace-event`, `info trace-events`,
 * completion and QMP loop over the rows.  A point that is off costs one load
 * and a predictable branch; its arguments are not evaluated.
 *
 * A line is "SECONDS THREAD NAME TEXT".  It goes to the trace file when one is
 * open (trace-file on), else to the log.
 *
 * Add one: a row below, and trace(NAME, "...") where it happens.
 * Thread: any.
 */
#ifndef MOTE_BASE_TRACE_H
#define MOTE_BASE_TRACE_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

#define TRACE_EVENTS(X) \
	X(vm_state,        "the run state changes")                       \
	X(vm_switch,       "accel_switch ends")                           \
	X(vm_request,      "a device or vCPU asks the main loop")         \
	X(vm_reset,        "the machine is reset")                        \
	X(vcpu_exit,       "a vCPU leaves the guest: its exit reason")    \
	X(bus_read,        "a register is read")                          \
	X(bus_write,       "a register is written")                       \
	X(irq_line,        "a device sets an interrupt line")             \
	X(irq_msi,         "a device sends a message")                    \
	X(device_realize,  "a device comes to be")                        \
	X(device_destroy,  "a device goes")                               \
	X(device_reset,    "a device is reset")                           \
	X(device_event,    "a device has something to tell")              \
	X(pci_bar,         "a guest moves a BAR, or takes it away")       \
	X(kvm_memory,      "KVM is told of a piece of guest memory")      \
	X(rom_load,        "a loader puts something into memory")         \
	X(netdev_link,     "a network cable is plugged or unplugged")     \
	X(netdev_send,     "a card sends a frame")                        \
	X(netdev_recv,     "a card takes a frame")                        \
	X(blk_open,        "a block node is made")                        \
	X(blk_submit,      "a request goes to a block node")              \
	X(blk_done,        "it is done")                                  \
	X(virtio_status,   "a driver writes a device's status")           \
	X(virtio_kick,     "a queue has work")                            \
	X(virtio_break,    "a virtio device refuses its driver")          \
	X(hmp_command,     "the human monitor runs a line")               \
	X(qmp_command,     "QMP runs a command")                          \
	X(qmp_event,       "QMP clients hear of an event")                \
	X(gdb_packet,      "gdb says something")                          \
	X(chardev_open,    "a chardev is made")                           \
	X(chardev_event,   "its other end comes or goes")                 \
	X(path_open,       "a file is opened by name")                    \
	X(thread_start,    "a thread is made, with its role")             \
	X(sandbox_enter,   "a thread's filter closes")

#define TRACE_ID(name, help) TRACE_##name,
enum trace_id { TRACE_EVENTS(TRACE_ID) TRACE_COUNT };
#undef TRACE_ID

struct trace_event {
	const char *name, *help;
};
extern const struct trace_event trace_events[TRACE_COUNT];
extern u8 trace_enabled[TRACE_COUNT];  /* atomic; by trace_set */

#define trace_is_on(name) __builtin_expect( \
	__atomic_load_n(&trace_enabled[TRACE_##name], __ATOMIC_RELAXED), 0)
#define trace(name, ...) \
	((void)(trace_is_on(name) && (trace_emit(TRACE_##name, __VA_ARGS__), 0)))

void trace_emit(enum trace_id id, const char *fmt, ...) PRINTF(2, 3);

/* `pattern` may hold '*' and '?'.  How many rows it fits. */
unsigned trace_set(const char *pattern, bool on);
bool trace_fits(const char *pattern, enum trace_id id);

/* --- the file: "trace-PID" unless named --- */
int  trace_file_on(struct err *e);     /* opens: [loop] */
void trace_file_off(void);
void trace_file_flush(void);
void trace_file_name(const char *name);        /* closes the one that is open */
/* Its name, for who may keep `size` bytes; true: it is open. */
bool trace_file_status(char *name, size_t size);

#endif
