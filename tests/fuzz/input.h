/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer's input as a stream of numbers; zeros after its end.
 */
#ifndef MOTE_FUZZ_INPUT_H
#define MOTE_FUZZ_INPUT_H

#include "vmm/base/types.h"

struct input {
	const u8 *p;
	size_t left;
};

/* The next `n` bytes, the first one highest. */
static inline u32 take(struct input *in, unsigned n)
{
	u32 v = 0;

	while (n--) {
		v = v << 8 | (in->left ? *in->p : 0);
		if (in->left) {
			in->p++;
			in->left--;
		}
	}
	return v;
}

#endif
