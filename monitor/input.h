/* SPDX-License-Identifier: MIT */
/*
 * Keys and mouse moves into the guest, for both monitors.
 *
 * There is one keyboard and one mouse, those of the i8042.
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_INPUT_H
#define MOTE_MONITOR_INPUT_H

#include "monitor/mon.h"

enum { INPUT_KEYS_MAX = 16, INPUT_MOUSE_INDEX = 2, INPUT_HOLD_MS = 100 };
extern const char input_mouse_name[];

/* QEMU's name for a key -> its set 1 code, 0: a key a PC keyboard lacks;
 * -ENOENT. */
int  input_key_code(const char *name, size_t len);

void input_offer_keys(struct mon *m, const char *typed);       /* [any] */

/* Press them in order, release them in reverse after `hold_ms`; those still
 * held from before go first. */
void input_keys(struct monitors *s, const u8 *codes, unsigned n, u64 hold_ms);
void input_key(struct monitors *s, u8 code, bool down);
bool input_has_mouse(struct vm *vm);
/* Counts of the mouse, right and down positive; `dz` is the wheel. */
void input_move(struct monitors *s, int dx, int dy, int dz);
/* I8042_LEFT ... */
void input_buttons(struct monitors *s, u8 buttons);
u8   input_buttons_now(struct monitors *s);
/* Forgets what is held; the guest is not told. */
void input_fini(struct monitors *s);

void mon_info_mice(struct mon *m, const struct mon_arg *a);

#endif
