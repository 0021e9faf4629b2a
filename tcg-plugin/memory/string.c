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

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;

	asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
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
