/* SPDX-License-Identifier: MIT */
/*
 * Host instruction stubs (see fpu_host.h), made from the tables.
 *
 * Room:     the only inline assembly of the FP and vector handlers.
 * Talks to: nobody; values in, values out.
 * Never:    touches guest state, reads memory but the x87 operand buffer.
 *
 * Calling convention: System V.  XMM arguments arrive in xmm0-2 and return in
 * xmm0, integers in rdi, rsi and return in rax:rdx.  MMX stubs end with EMMS,
 * x87 ones with FNINIT, so the C world's x87 state is never disturbed.
 */
#include "tcg-plugin/x86/fpu_host.h"

#define FUNC(name)                                                       \
	".text\n\t.balign 16\n\t.globl " #name "\n\t.hidden " #name       \
	"\n\t.type " #name ", @function\n" #name ":\n\t"
#define STUB(name, body) __asm__(FUNC(name) body "\n\tret\n"             \
				 ".size " #name ", . - " #name "\n");
/* 256 copies `stride` apart, one per immediate, which is \i or imm in body. */
#define STUB_IMM(name, stride, body)                                     \
	__asm__(".set imm, 0\n" FUNC(name) ".rept 256\n\t" body "\n\tret\n\t" \
		".balign " #stride "\n\t.set imm, imm + 1\n\t.endr\n"     \
		".size " #name ", . - " #name "\n");

#define VV(name) STUB(host_##name, #name " %xmm1, %xmm0")
#define VV8(name) STUB_IMM(host_##name, 8, #name " $imm, %xmm1, %xmm0")
#define MM(name) STUB(host_mmx_##name, "movq %rdi, %mm0\n\t"             \
	"movq %rsi, %mm1\n\t" #name " %mm1, %mm0\n\t"                     \
	"movq %mm0, %rax\n\temms")

#define ROW(...)
#define VI(map, pfx, byte, name, size, feat)  VV(name)
#define VF(map, pfx, byte, name, size, feat)  VV(name)
#define VI8(map, pfx, byte, name, size, feat) VV8(name)
#define VF8(map, pfx, byte, name, size, feat) VV8(name)
#define PI(map, byte, name, size, feat)       MM(name)
/* Shift groups by immediate: the count comes as a value, which shifts the
 * same way as long as it is zero-extended.  PSLLDQ and PSRLDQ have no such
 * form and are done in sse.c. */
#define VN(byte, ext, name)
#define PN(byte, ext, name)
#include "tcg-plugin/x86/insns_sse.def"
#undef ROW

VV8(insertps)
VV8(dpps)
VV8(dppd)

#define BLEND(name)                                                      \
	STUB(host_##name, "movdqa %xmm0, %xmm3\n\tmovdqa %xmm2, %xmm0\n\t" \
	     #name " %xmm0, %xmm1, %xmm3\n\tmovdqa %xmm3, %xmm0")
BLEND(pblendvb)
BLEND(blendvps)
BLEND(blendvpd)
BLEND(sha256rnds2)

#define TO_FLAGS(name)                                                   \
	STUB(host_##name, #name " %xmm1, %xmm0\n\tpushfq\n\tpop %rax")
TO_FLAGS(comiss)
TO_FLAGS(ucomiss)
TO_FLAGS(comisd)
TO_FLAGS(ucomisd)
TO_FLAGS(ptest)

#define TO_GPR(name)                                                     \
	STUB(host_##name##4, #name " %xmm0, %eax")                        \
	STUB(host_##name##8, #name " %xmm0, %rax")
TO_GPR(cvtss2si)
TO_GPR(cvttss2si)
TO_GPR(cvtsd2si)
TO_GPR(cvttsd2si)

#define FROM_GPR(name)                                                   \
	STUB(host_##name##4, #name "l %edi, %xmm0")                       \
	STUB(host_##name##8, #name "q %rdi, %xmm0")
FROM_GPR(cvtsi2ss)
FROM_GPR(cvtsi2sd)

STUB(host_movmskps, "movmskps %xmm0, %eax")
STUB(host_movmskpd, "movmskpd %xmm0, %eax")
STUB(host_pmovmskb, "pmovmskb %xmm0, %eax")
STUB(host_mmx_pmovmskb, "movq %rdi, %mm0\n\tpmovmskb %mm0, %eax\n\temms")

#define TO_MMX(name)                                                     \
	STUB(host_##name, #name " %xmm0, %mm0\n\tmovq %mm0, %rax\n\temms")
TO_MMX(cvtps2pi)
TO_MMX(cvttps2pi)
TO_MMX(cvtpd2pi)
TO_MMX(cvttpd2pi)

#define FROM_MMX(name)                                                   \
	STUB(host_##name, "movq %rdi, %mm0\n\t" #name " %mm0, %xmm0\n\temms")
FROM_MMX(cvtpi2ps)
FROM_MMX(cvtpi2pd)

#define MM8(name)                                                        \
	STUB_IMM(host_mmx_##name, 32, "movq %rdi, %mm0\n\t"               \
		 "movq %rsi, %mm1\n\t" #name " $imm, %mm1, %mm0\n\t"      \
		 "movq %mm0, %rax\n\temms")
MM8(pshufw)
MM8(palignr)

#define STRING(name, after)                                              \
	STUB_IMM(host_##name, 32, "mov %edi, %eax\n\tmov %esi, %edx\n\t"  \
		 #name " $imm, %xmm1, %xmm0\n\t" after)
#define STRING_FLAGS "pushfq\n\tpop %rax\n\tmov %ecx, %edx"
STRING(pcmpistri, STRING_FLAGS)
STRING(pcmpestri, STRING_FLAGS)
STRING(pcmpistrm, "")
STRING(pcmpestrm, "")

/*
 * Every D8-DF encoding as a 4-byte stub.  Register forms: 512, by opcode and
 * low six ModRM bits; memory forms: 64, by opcode and reg, operand at (%rdx).
 */
__asm__(FUNC(host_x87_reg)
	".set op, 0xd8\n\t.rept 8\n\t.set rm, 0xc0\n\t.rept 64\n\t"
	".byte op, rm\n\tret\n\tnop\n\t.set rm, rm + 1\n\t.endr\n\t"
	".set op, op + 1\n\t.endr\n");
__asm__(FUNC(host_x87_mem)
	".set op, 0xd8\n\t.rept 8\n\t.set rm, 2\n\t.rept 8\n\t"
	".byte op, rm\n\tret\n\tnop\n\t.set rm, rm + 8\n\t.endr\n\t"
	".set op, op + 1\n\t.endr\n");

u64 host_x87_run(void *image, uintptr_t stub, void *mem, u64 flags);
STUB(host_x87_run, "fxrstor64 (%rdi)\n\tpush %rcx\n\tpopfq\n\tcall *%rsi\n\t"
	"pushfq\n\tpop %rax\n\tfxsave64 (%rdi)\n\tfninit")

extern const u8 host_x87_reg[512 * 4], host_x87_mem[64 * 4];

u64 host_x87(void *image, u8 byte, u8 modrm, void *mem, u64 flags)
{
	unsigned op = byte & 7;
	const u8 *stub = modrm >= 0xc0
		? &host_x87_reg[(op * 64 + (modrm & 63)) * 4]
		: &host_x87_mem[(op * 8 + (modrm >> 3 & 7)) * 4];

	return host_x87_run(image, (uintptr_t)stub, mem, flags);
}
