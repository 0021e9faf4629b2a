/* SPDX-License-Identifier: MIT */
/*
 * memcpy and its kin without vector registers.
 *
 * While translated code runs, the guest's floating-point and SIMD state stays in
 * the host's registers, also across calls into this plugin.  The compiler is
 * told (-mgeneral-regs-only); libc's string functions cannot be, so the plugin
 * brings its own, hidden inside the shared object.
 *
 * Never:    built with sanitizers, which bring theirs (and the interpreter).
 */
#include <string.h>

#include "vmm/base/types.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* Of fixed sizes the compiler makes moves. */
static inline void move8(u8 *to, const u8 *from)
{
	__builtin_memcpy(to, from, 8);
}

/* At most FEW bytes, which is most of what is copied here: REP takes its time
 * to begin.  The last part overlaps the one before. */
enum { FEW = 64 };
static void copy_few(u8 *to, const u8 *from, size_t n)
{
	if (n >= 8) {
		for (size_t at = 0; at < n - 8; at += 8)
			move8(to + at, from + at);
		move8(to + n - 8, from + n - 8);
	} else if (n >= 4) {
		__builtin_memcpy(to, from, 4);
		__builtin_memcpy(to + n - 4, from + n - 4, 4);
	} else if (n) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;

	if (n <= FEW) {
		copy_few(to, from, n);
		return to;
	}
	asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d >= s + n || s >= d + n)
		return memcpy(to, from, n);
	if (d <= s) {                  /* upwards, a byte at a time: no
					  part of copy_few's comes twice  */
		asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)
			     : : "memory");
		return to;
	}
	while (n >= 8 && d - s >= 8) {
		u64 v;

		n -= 8;
		__builtin_memcpy(&v, s + n, 8);
		__builtin_memcpy(d + n, &v, 8);
	}
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *d = to;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n >= 8; n -= 8, x += 8, y += 8)
		if (*(const u64 *)(const void *)x != *(const u64 *)(const void *)y)
			break;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

#endif
