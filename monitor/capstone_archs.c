/* SPDX-License-Identifier: MIT */
/*
 * Capstone's architectures that are left out of the program.
 *
 * The archive's cs.o names the entry points of every architecture, and each
 * brings tables full of pointers that the dynamic linker has to relocate when
 * the program starts: 1.3 MiB of private pages and a millisecond for
 * disassemblers nobody calls.  What is defined here is not taken from the
 * archive; cs_open() of it answers CS_ERR_ARCH.  Whoever disassembles
 * calls capstone_open(), so that the linker meets this file first.
 *
 * Room:     x86 stays; AArch64 leaves this list when such guests come.
 */
#include "monitor/capstone_archs.h"

struct cs_struct;

#define LEFT_OUT(arch) \
	cs_err arch##_global_init(struct cs_struct *ud); \
	cs_err arch##_option(struct cs_struct *ud, cs_opt_type type, \
			     size_t value); \
	cs_err arch##_global_init(struct cs_struct *ud) \
	{ \
		(void)ud; \
		return CS_ERR_ARCH; \
	} \
	cs_err arch##_option(struct cs_struct *ud, cs_opt_type type, \
			     size_t value) \
	{ \
		(void)ud; \
		(void)type; \
		(void)value; \
		return CS_ERR_ARCH; \
	}

LEFT_OUT(AArch64)
LEFT_OUT(ARM)
LEFT_OUT(EVM)
LEFT_OUT(M680X)
LEFT_OUT(M68K)
LEFT_OUT(Mips)
LEFT_OUT(PPC)
LEFT_OUT(Sparc)
LEFT_OUT(SystemZ)
LEFT_OUT(TMS320C64x)
LEFT_OUT(XCore)

cs_err capstone_open(cs_arch arch, cs_mode mode, csh *h)
{
	return cs_open(arch, mode, h);
}
