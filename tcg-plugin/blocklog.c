// SPDX-License-Identifier: MIT
/*
 * The log's view of blocks.
 *
 * Room:     text of -d in_asm, exec and cpu.
 * Talks to: the log, capstone.
 * Never:    is called while those items are off.
 */
#include "tcg-plugin/blocklog.h"

#include <capstone/capstone.h>
#include <stdio.h>

#include "vmm/base/log.h"
#include "vmm/base/strbuf.h"

static void put_bytes(struct strbuf *s, gva_t at, const u8 *p, unsigned n)
{
	strbuf_addf(s, "0x%08llx:  ", (unsigned long long)at);
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(s, "%02x ", p[i]);
}

static void put_insns(struct strbuf *s, const struct block *b, gva_t la)
{
	cs_mode mode = b->mode == 64 ? CS_MODE_64
		     : b->mode == 32 ? CS_MODE_32 : CS_MODE_16;
	const struct insn *i = (const struct insn *)(const void *)b->body;
	const u8 *p = b->host;
	csh cs;

	if (cs_open(CS_ARCH_X86, mode, &cs) != CS_ERR_OK)
		return;
	cs_option(cs, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	for (unsigned k = 0; k < b->count; k++) {
		cs_insn *text = NULL;

		put_bytes(s, la, p, i[k].len);
		if (cs_disasm(cs, p, i[k].len, la, 1, &text) == 1)
			strbuf_addf(s, " %-8s %s", text->mnemonic,
				    text->op_str);
		else
			strbuf_addf(s, " %s", i[k].row->name);
		strbuf_addc(s, '\n');
		if (text)
			cs_free(text, 1);
		p += i[k].len;
		la += i[k].len;
	}
	cs_close(&cs);
}

void tcg_log_made(struct tcg_vcpu *v, const struct block *b, gva_t la)
{
	struct strbuf s = STRBUF_INIT;

	(void)v;
	strbuf_addstr(&s, "----------------\nIN:\n");
	put_insns(&s, b, la);
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

void tcg_log_run(struct tcg_vcpu *v, const struct block *b, gva_t la)
{
	struct strbuf s = STRBUF_INIT;

	if (log_on(LOG_EXEC))
		strbuf_addf(&s, "Trace %u: %p [%016llx/%u]\n", v->cpu.id,
			    (const void *)b, (unsigned long long)la,
			    v->cpu.code_bits);
	if (log_on(LOG_CPU))
		put_regs(&s, &v->cpu);
	log_write("%s", s.buf);
	strbuf_fini(&s);
}
