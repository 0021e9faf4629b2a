/* SPDX-License-Identifier: MIT */
/*
 * Devices and objects as text: info qtree, info qdm, device_add help, info
 * qom-tree.  Text is appended to `out`.
 *
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_QTREE_H
#define MOTE_MONITOR_QTREE_H

#include "monitor/mon.h"

/* Buses, the devices on them, their properties. */
void qtree_print(struct vm *vm, struct strbuf *out);
/* Device models by category; `all`: also those -device does not take. */
void qdm_print(struct strbuf *out, bool all);
/* -ENODEV: no such driver. */
int  qdm_print_props(struct strbuf *out, const char *driver, struct err *e);
/* From the object at `path` down, or why there is none. */
void qom_tree_print(struct vm *vm, const char *path, struct strbuf *out);

#endif
