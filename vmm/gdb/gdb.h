/* SPDX-License-Identifier: MIT */
/*
 * The gdb server: gdb's remote serial protocol on a chardev.
 *
 * One per VM (vm->gdb), made by the first gdb_open and kept until
 * gdb_destroy; the device it listens on may come and go.
 *
 * Thread: the main loop's; gdb_debug_exit is the vCPUs'.
 */
#ifndef MOTE_GDB_GDB_H
#define MOTE_GDB_GDB_H

#include "vmm/base/err.h"

struct vcpu;
struct vm;

/*
 * Listen on `device`, a chardev spec or a TCP port; tcp: and unix: become
 * servers that do not wait.  "none" closes.  A session there was ends first.  0, or -errno
 * with a sentence: then there is no server. [loop]
 */
int  gdb_open(struct vm *vm, const char *device, struct err *e);
/* The VM ends: tell the client, free everything; never opened is fine. */
void gdb_destroy(struct vm *vm);       /* [loop] */

#endif
