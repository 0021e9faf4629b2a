/* SPDX-License-Identifier: MIT */
/*
 * Code as text.
 *
 * Talks to: capstone.
 * Never:    is called while nobody reads it.
 */
#include "tcg-plugin/x86/disas.h"

#include <capstone/capstone.h>

bool disas_open(struct disas *d, unsigned bits)
{
	cs_mode mode = bits == 64 ? CS_MODE_64
		     : bits == 32 ? CS_MODE_32 : CS_MODE_16;

	if (cs_open(CS_ARCH_X86, mode, &d->handle) != CS_ERR_OK)
		return false;
	cs_option(d->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	return true;
}

static void put_bytes(struct strbuf *s, u64 at, const u8 *p, unsigned n)
{
	strbuf_addf(s, "0x%08llx:  ", (unsigned long long)at);
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(s, "%02x ", p[i]);
}

unsigned disas_insn(const struct disas *d, struct strbuf *s, const u8 *p,
		    unsigned n, u64 at, const char *unknown)
{
	cs_insn *text = NULL;
	unsigned len = n;

	if (cs_disasm(d->handle, p, n, at, 1, &text) == 1) {
		len = text->size;
		put_bytes(s, at, p, len);
		strbuf_addf(s, " %-8s %s", text->mnemonic, text->op_str);
		cs_free(text, 1);
	} else {
		put_bytes(s, at, p, len);
		strbuf_addf(s, " %s", unknown);
	}
	strbuf_addc(s, '\n');
	return len;
}

void disas_close(struct disas *d)
{
	cs_close(&d->handle);
}
