/* SPDX-License-Identifier: MIT */
/*
 * Host stubs of VEX instructions (see host_vex.h), made from the table.
 *
 * Room:     inline assembly only: the row's columns become the bytes of its
 *           encodings, so no mnemonic is needed and no compiler flag.
 * Talks to: nobody; values in, values out.
 * Never:    touches guest state; reads memory but *o.
 *
 * A row's stubs are 8 bytes apart: four by VEX.L and VEX.W, or with an
 * immediate 256 for each VEX.L the row allows.  host_vex_at holds one offset
 * per row, in the table's order; zero where the form has no stub.
 */
#include "tcg-plugin/x86/host_vex.h"

/* Columns as the assembler sees them. */
#define SET(name, value) ".set " #name ", " #value "\n\t"
/* Operands by form: vvvv (0 also where it must be 1111) and ModRM; imm -1: none,
 * -2: all of them. */
#define AS_F_VW(x)     "0, 0xc2, -1"
#define AS_F_VWI8(x)   "0, 0xc2, -2"
#define AS_F_VHW(x)    "1, 0xc2, -1"
#define AS_F_VHWI8(x)  "1, 0xc2, -2"
#define AS_F_VHWL(x)   "1, 0xc2, 0x30"
#define AS_F_WV(x)     "0, 0xd0, -1"
#define AS_F_WVI8(x)   "0, 0xd0, -2"
#define AS_F_WHV(x)    "1, 0xd0, -1"
#define AS_F_VE(x)     "0, 0xc2, -1"
#define AS_F_EV(x)     "0, 0xd0, -1"
#define AS_F_EVI8(x)   "0, 0xd0, -2"
#define AS_F_VHE(x)    "1, 0xc2, -1"
#define AS_F_VHEI8(x)  "1, 0xc2, -2"
#define AS_F_GW(x)     "0, 0xc2, -1"
#define AS_F_GUI8(x)   "0, 0xc2, -2"
#define AS_F_HUI8(x)   "0, 0xc2 | (" #x ") << 3, -2"
#define AS_F_VMH(x)    "0, 0, -3"
#define AS_F_M(x)      "0, 0, -3"
#define AS_F_NONE(x)   "0, 0, -3"
#define AS_F_GBE(x)    "0, 0, -3"
#define AS_F_GEB(x)    "0, 0, -3"
#define AS_F_BE(x)     "0, 0, -3"
#define AS_F_GEI8(x)   "0, 0, -3"

__asm__(
	".text\n\t"
	SET(V0F, 1) SET(V38, 2) SET(V3A, 3)
	SET(NP, 0) SET(P66, 1) SET(PF3, 2) SET(PF2, 3)
	SET(A_L0, 1) SET(A_L1, 2) SET(A_W0, 4) SET(A_W1, 8)
	SET(A_SSE, 0) SET(A_LOAD, 0) SET(A_STORE, 0) SET(A_MEM, 0)
	SET(A_REG, 0) SET(A_XM, 0) SET(A_ALIGN, 0)
	SET(A_ONLY64, 0) SET(W_ALL, 0)
	/* one instruction, padded to eight bytes with its return */
	".macro vexop map, pp, op, l, w, v, modrm, imm\n\t"
	".byte 0xc4, 0xe0 | \\map, \\w << 7 | (~\\v & 15) << 3 | \\l << 2 | \\pp\n\t"
	".byte \\op, \\modrm\n\t"
	".if \\imm >= 0\n\t.byte \\imm\n\t.endif\n\tret\n\t"
	".balign 8\n\t.endm\n\t"
	".macro vexall map, pp, op, l, w, v, modrm\n\t"
	".set imm, 0\n\t.rept 256\n\t"
	"vexop \\map, \\pp, \\op, \\l, \\w, \\v, \\modrm, imm\n\t"
	".set imm, imm + 1\n\t.endr\n\t.endm\n\t"
	".macro vexrow map, pp, op, attr, v, modrm, imm\n\t"
	".pushsection .rodata\n\t"
	".if \\imm == -3\n\t.long 0\n\t.else\n\t.long 7f - host_vex_code\n\t"
	".endif\n\t.popsection\n7:\n\t"
	".if \\imm == -2\n\t"
	".if !((\\attr) & A_L1)\n\t"
	"vexall \\map, \\pp, \\op, 0, !!((\\attr) & A_W1), \\v, \\modrm\n\t"
	".endif\n\t"
	".if !((\\attr) & A_L0)\n\t"
	"vexall \\map, \\pp, \\op, 1, !!((\\attr) & A_W1), \\v, \\modrm\n\t"
	".endif\n\t"
	".elseif \\imm != -3\n\t"
	"vexop \\map, \\pp, \\op, 0, 0, \\v, \\modrm, \\imm\n\t"
	"vexop \\map, \\pp, \\op, 0, 1, \\v, \\modrm, \\imm\n\t"
	"vexop \\map, \\pp, \\op, 1, 0, \\v, \\modrm, \\imm\n\t"
	"vexop \\map, \\pp, \\op, 1, 1, \\v, \\modrm, \\imm\n\t"
	".endif\n\t.endm\n\t"
	".pushsection .rodata\n\t.balign 4\n\t.globl host_vex_at\n\t"
	".hidden host_vex_at\nhost_vex_at:\n\t.popsection\n\t"
	".balign 16\n\t.globl host_vex_code\n\t.hidden host_vex_code\n"
	"host_vex_code:\n\tret\n\t.balign 8\n\t"
#define ROW(map, pfx, byte, ext, name, form, size, attr, feat, fn)       \
	"vexrow " #map ", " #pfx ", " #byte ", \"" #attr "\", "           \
	AS_##form(ext) "\n\t"
#include "tcg-plugin/x86/insns_vex.def"
#undef ROW
	".globl host_vex_mulps\n\t.hidden host_vex_mulps\nhost_vex_mulps:\n\t"
	"vexop V0F, NP, 0x59, 0, 0, 1, 0xc2, -1\n\t"
	"vexop V0F, NP, 0x59, 1, 0, 1, 0xc2, -1\n\t"
	".globl host_vex_mulpd\n\t.hidden host_vex_mulpd\nhost_vex_mulpd:\n\t"
	"vexop V0F, P66, 0x59, 0, 0, 1, 0xc2, -1\n\t"
	"vexop V0F, P66, 0x59, 1, 0, 1, 0xc2, -1\n\t"
	".purgem vexrow\n\t.purgem vexall\n\t.purgem vexop\n");

/* 152: mxcsr.  Flags are read last but one: nothing between changes them. */
_Static_assert(offsetof(struct host_vex, rax) == 128 &&
	       offsetof(struct host_vex, mxcsr) == 152, "host_vex_run");
__asm__(".globl host_vex_run\n\t.hidden host_vex_run\n\t"
	".type host_vex_run, @function\nhost_vex_run:\n\t"
	"vmovdqu (%rdi), %ymm0\n\tvmovdqu 32(%rdi), %ymm1\n\t"
	"vmovdqu 64(%rdi), %ymm2\n\tvmovdqu 96(%rdi), %ymm3\n\t"
	"mov 128(%rdi), %rax\n\tmov 136(%rdi), %rdx\n\t"
	"ldmxcsr 152(%rdi)\n\tcall *%rsi\n\t"
	"mov %rax, 128(%rdi)\n\tpushfq\n\tpop 144(%rdi)\n\t"
	"vmovdqu %ymm0, (%rdi)\n\tstmxcsr 152(%rdi)\n\t"
	"push $0x1f80\n\tldmxcsr (%rsp)\n\tpop %rax\n\t"
	"vzeroupper\n\tret\n\t"
	".size host_vex_run, . - host_vex_run\n");

extern const u32 host_vex_at[];
extern const u8 host_vex_code[];
/* Rows before the table's. */
enum { ROWS_BEFORE = 0
#define ROW(...) + 1
#define VROW(...) + 1
#include "tcg-plugin/x86/insns_int.def"
#include "tcg-plugin/x86/insns_x87.def"
#include "tcg-plugin/x86/insns_sse.def"
#undef ROW
#undef VROW
};

static bool has_imm(unsigned form)
{
	return form == F_VWI8 || form == F_VHWI8 || form == F_WVI8 ||
	       form == F_EVI8 || form == F_VHEI8 || form == F_GUI8 ||
	       form == F_HUI8;
}

const void *host_vex_stub(const struct insn *i)
{
	const struct insn_row *r = i->row;
	u32 at = host_vex_at[r - insn_rows - ROWS_BEFORE];
	unsigned l = !!(i->flags & I_VEXL), w = !!(i->flags & I_REXW), n;

	if (!at)
		return NULL;
	if (r->attr & (A_W0 | A_W1))
		w = !!(r->attr & A_W1);
	if (has_imm(r->form))
		n = (r->attr & (A_L0 | A_L1) ? 0 : l * 256) + (u8)i->imm;
	else
		n = l * 2 + w;
	return host_vex_code + at + n * 8;
}
