// SPDX-License-Identifier: MIT
/*
 * What maker's the host's CPU is.
 *
 * Room:     CPUID is asked once, when the plugin is loaded: inside a virtual
 *           machine each CPUID is an exit.
 * Talks to: nobody.
 */
#include <cpuid.h>

#include "tcg-plugin/x86/host_cpu.h"

static bool amd, misaligned_sse;

__attribute__((constructor)) static void look(void)
{
	u32 a, b, c, d;

	__cpuid(0x80000000, a, b, c, d);
	/* "Auth"enticAMD, "Hygo"nGenuine */
	amd = b == 0x68747541 || b == 0x6f677948;
	__cpuid(0x80000001, a, b, c, d);
	misaligned_sse = c & 1u << 7;
}

bool host_is_amd(void)
{
	return amd;
}

bool host_has_misaligned_sse(void)
{
	return misaligned_sse;
}
