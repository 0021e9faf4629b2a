/* SPDX-License-Identifier: MIT */
/*
 * sync-profile's table.
 */
#ifndef MOTE_MONITOR_PROFILE_H
#define MOTE_MONITOR_PROFILE_H

#include "monitor/mon.h"

/* LOCK_PROFILE_ON ...: of this program and of what it loaded to run the guest.
 * [any] */
void sync_profile_switch(struct vm *vm, int how);

/* `mean`: sorted by it; `apart`: objects of one place in rows of their own.
 * [any] */
void sync_profile_print(struct mon *m, bool mean, bool apart, unsigned max);

#endif
