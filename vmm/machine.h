/* SPDX-License-Identifier: MIT */
/*
 * The wiring room: turns a vm_config into a struct vm and back into nothing.
 *
 * The config is borrowed until machine_destroy.  int results: 0, or -errno and a
 * sentence.
 * Thread: main loop.
 */
#ifndef MOTE_MACHINE_H
#define MOTE_MACHINE_H

#include "vmm/vm.h"

/* Everything up to, not including, running the guest. NULL + sentence. */
struct vm *machine_build(struct vm_config *c, struct err *e);
/* The same in two halves, for --preconfig: what monitors may look at and add
 * to before there is a machine; then the machine.  When the second fails the
 * VM can only be destroyed. */
struct vm *machine_begin(struct vm_config *c, struct err *e);
int  machine_finish(struct vm *vm, struct err *e);
/* The vCPUs' threads, parked: they take the process's user and root along. */
int  machine_start_threads(struct vm *vm, struct err *e);
void machine_destroy(struct vm *vm);   /* NULL is fine */

/* --- machine_defaults.c --- */
/* -global, before any device is made; a driver nobody has is a warning. */
int  machine_set_defaults(struct vm *vm, struct err *e);
void machine_forget_defaults(struct vm *vm);

/* --- machine_plug.c --- */
/* -device / device_add: "driver,id=x,prop=value". */
int  machine_device_add(struct vm *vm, const char *spec, struct err *e);
/* 0: gone, or the guest was asked; VM_EV_DEVICE_DELETED comes when it is. */
int  machine_device_del(struct vm *vm, const char *id, struct err *e);
/* device_env.unplugged. */
void machine_device_unplugged(void *opaque, struct device *d, bool refused);

/* --- machine.c --- */

/* -drive: the disk, and for if=virtio its device. */
int  machine_drive_add(struct vm *vm, const char *spec, struct err *e);

/* machine_net.c: does this command line need vmm/net/broker.h? */
bool machine_wants_broker(const struct vm_config *c, bool confined);
/* machine_net.c: steps of machine_build. */
int  machine_netdevs_open(struct vm *vm, struct err *e);
int  machine_nics_add(struct vm *vm, struct err *e);
int  machine_netdevs_ready(struct vm *vm, struct err *e);

#endif
