// SPDX-License-Identifier: MIT
/*
 * The log's view of blocks.
 *
 * Room:     text of -d in_asm, op, exec, cpu and fpu.
 * Talks to: the log, the disassembler.
 * Never:    is called while those items are off.
 */
#include "tcg-plugin/blocklog.h"

#include <stdio.h>
#include <string.h>

#include "tcg-plugin/x86/disas.h"
#include "tcg-plugin/x86/jit.h"
#include "vmm/base/strbuf.h"

static void put_insns(struct strbuf *s, const struct block *b, gva_t la)
{
	const struct insn *i = (const struct insn *)(const void *)b->body;
	const u8 *p = b->host;
	struct disas d;

	if (!disas_open(&d, b->mode))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		disas_insn(&d, s, p, i[k].len, la, i[k].row->name);
		p += i[k].len;
		la += i[k].len;
	}
	disas_close(&d);
}

/* What the decoder made of it. */
static void put_ops(struct strbuf *s, const struct block *b)
{
	const struct insn *i = (const struct insn *)(const void *)b->body;

	for (unsigned k = 0; k < b->count; k++, i++) {
		strbuf_addf(s, " %-12s map %u byte %02x size %u reg %u",
			    i->row->name, i->row->map, i->byte, i->opsize,
			    i->reg);
		if (i->flags & I_MEM)
			strbuf_addf(s, " mem base %u index %u<<%u disp %llx "
				    "seg %u", i->base, i->index, i->scale,
				    (unsigned long long)i->disp, i->seg);
		else
			strbuf_addf(s, " rm %u", i->rm);
		strbuf_addf(s, " imm %llx\n", (unsigned long long)i->imm);
	}
}

void tcg_log_made(struct tcg_vcpu *v, const struct block *b, gva_t la)
{
	struct strbuf s = STRBUF_INIT;

	jit_fpu_save(&v->cpu);
	strbuf_addstr(&s, "----------------\n");
	if (log_on(LOG_IN_ASM)) {
		strbuf_addstr(&s, "IN:\n");
		put_insns(&s, b, la);
	}
	if (log_on(LOG_OP)) {
		strbuf_addstr(&s, "OP:\n");
		put_ops(&s, b);
	}
	log_write("%s", s.buf);
	strbuf_fini(&s);
}

static void put_regs(struct strbuf *s, struct x86_cpu *c)
{
	static const char *const name[16] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
	};

	for (unsigned i = 0; i < 16; i++)
		strbuf_addf(s, "%s=%016llx%c", name[i],
			    (unsigned long long)c->r[i],
			    i % 4 == 3 ? '\n' : ' ');
	strbuf_addf(s, "RIP=%016llx RFL=%08llx CPL=%u CR0=%08llx "
		    "CR3=%016llx CR4=%08llx EFER=%016llx\n",
		    (unsigned long long)c->rip,
		    (unsigned long long)x86_rflags(c), c->cpl,
		    (unsigned long long)c->cr0, (unsigned long long)c->cr3,
		    (unsigned long long)c->cr4, (unsigned long long)c->efer);
}

static void put_fpu(struct strbuf *s, const struct x86_cpu *c)
{
	const struct x86_fpu *f = &c->fpu;
	u64 lo, hi;
	u16 exp;

	strbuf_addf(s, "FCW=%04x FSW=%04x FTW=%02x MXCSR=%08x\n", f->fcw,
		    f->fsw, f->ftw, f->mxcsr);
	for (unsigned i = 0; i < 8; i++) {
		memcpy(&lo, f->st[i].b, 8);
		memcpy(&exp, f->st[i].b + 8, 2);
		strbuf_addf(s, "FPR%u=%016llx %04x%c", i,
			    (unsigned long long)lo, exp, i % 2 ? '\n' : ' ');
	}
	for (unsigned i = 0; i < 16; i++) {
		memcpy(&lo, f->xmm[i].b, 8);
		memcpy(&hi, f->xmm[i].b + 8, 8);
		strbuf_addf(s, "XMM%02u=%016llx %016llx%c", i,
			    (unsigned long long)hi, (unsigned long long)lo,
			    i % 2 ? '\n' : ' ');
	}
}

void tcg_log_run(struct tcg_vcpu *v, const struct block *b, gva_t la)
{
	struct strbuf s = STRBUF_INIT;

	jit_fpu_save(&v->cpu);
	if (log_on(LOG_EXEC))
		strbuf_addf(&s, "Trace %u: %p [%016llx/%u]\n", v->cpu.id,
			    (const void *)b, (unsigned long long)la,
			    v->cpu.code_bits);
	if (log_on(LOG_CPU))
		put_regs(&s, &v->cpu);
	if (log_on(LOG_CPU) && log_on(LOG_FPU))
		put_fpu(&s, &v->cpu);
	log_write("%s", s.buf);
	strbuf_fini(&s);
}
