/* SPDX-License-Identifier: MIT */
/*
 * Devices and objects as text. [main loop]
 */
#ifndef MOTE_MONITOR_QTREE_H
#define MOTE_MONITOR_QTREE_H

#include "monitor/mon.h"

void qtree_print(struct vm *vm, struct strbuf *out);
/* Device models by category; `all`: also those -device does not take. */
void qdm_print(struct strbuf *out, bool all);
int  qdm_print_props(struct strbuf *out, const char *driver, struct err *e);
void qom_tree_print(struct vm *vm, const char *path, struct strbuf *out);

#endif
