/* SPDX-License-Identifier: MIT */
/*
 * x86 instructions in AT&T syntax, by capstone.
 *
 * Talks to: capstone, linked in; mon_read_* for bytes.
 * Never:    trusts the bytes; what is no instruction is shown as .byte.
 */
#include "monitor/disas.h"
#include "monitor/x86.h"

#include "monitor/capstone_archs.h"

enum { INSN_MAX = 15, SPLIT = 8 };

static void put_insn(struct strbuf *out, u64 at, const u8 *p, unsigned n,
		     const char *mnemonic, const char *operands)
{
	unsigned first = MIN(n, (unsigned)SPLIT);

	strbuf_addf(out, "0x%08llx: ", (long long)at);
	for (unsigned i = 0; i < first; i++)
		strbuf_addf(out, " %02x", p[i]);
	strbuf_addf(out, "%*s  %-8s %s\n", (int)(SPLIT - first) * 3, "",
		    mnemonic, operands);
	for (unsigned i = SPLIT; i < n; i++) {
		if (i % SPLIT == 0)
			strbuf_addf(out, "0x%08llx: ", (long long)(at + i));
		strbuf_addf(out, " %02x", p[i]);
		if (i + 1 == n || (i + 1) % SPLIT == 0)
			strbuf_addc(out, '\n');
	}
}

static cs_mode mode_of(unsigned bits)
{
	return bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
}

static bool open_engine(csh *h, unsigned bits)
{
	if (capstone_open(CS_ARCH_X86, mode_of(bits), h) != CS_ERR_OK)
		return false;
	cs_option(*h, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	cs_option(*h, CS_OPT_SKIPDATA, CS_OPT_ON);
	return true;
}

static unsigned insn(csh h, struct strbuf *out, const u8 *p, size_t n, u64 at)
{
	unsigned len = 1;
	cs_insn *i;

	if (cs_disasm(h, p, n, at, 1, &i) == 1) {
		len = i->size;
		put_insn(out, at, p, len, i->mnemonic, i->op_str);
		cs_free(i, 1);
	} else {
		put_insn(out, at, p, 1, ".byte", "");
	}
	return len;
}

unsigned disas_one(struct strbuf *out, const u8 *p, size_t n, u64 at,
		   unsigned bits)
{
	unsigned len = 1;
	csh h;

	if (!open_engine(&h, bits))
		return len;
	len = insn(h, out, p, n, at);
	cs_close(&h);
	return len;
}

/* As many bytes as there are, up to one instruction's. */
static size_t fetch(struct mon *m, u64 at, bool phys, u8 buf[INSN_MAX])
{
	size_t to_page_end = PAGE_SIZE - (at & (PAGE_SIZE - 1));
	size_t n = MIN((size_t)INSN_MAX, to_page_end);

	if (!(phys ? mon_read_phys(m, at, buf, n)
		   : mon_read_virt(m, at, buf, n)))
		return 0;
	if (n < INSN_MAX &&
	    (phys ? mon_read_phys(m, at + n, buf + n, INSN_MAX - n)
		  : mon_read_virt(m, at + n, buf + n, INSN_MAX - n)))
		n = INSN_MAX;
	return n;
}

void mon_disassemble(struct mon *m, u64 at, const struct mon_fmt *f, bool phys)
{
	unsigned bits = f->size == 2 ? 16 : f->size == 4 ? 32
						: mon_x86_code_bits(m);
	struct strbuf out = STRBUF_INIT;
	u32 left = MAX(f->count, 1u);
	u8 buf[INSN_MAX];
	csh h;

	if (!open_engine(&h, bits)) {
		mon_puts(m, "Error: capstone cannot disassemble x86\n");
		return;
	}
	while (left-- && !mon_enough(m)) {
		size_t n = fetch(m, at, phys, buf);

		if (!n) {
			mon_printf(m, "0x%08llx: unable to read memory\n",
				   (long long)at);
			break;
		}
		strbuf_reset(&out);
		at += insn(h, &out, buf, n, at);
		mon_write(m, out.buf, out.len);
	}
	strbuf_fini(&out);
	cs_close(&h);
}
