// SPDX-License-Identifier: MIT
/*
 * Engine: the interpreter alone, on a flat address space.
 *
 * The case's pages stand where the MMU would be (the mem_* functions below
 * take the place of x86/mmu.c at link time), so that decoding and handlers are
 * tested without paging, slots or the provider.
 */
#include <cpuid.h>
#include <stdlib.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/sys.h"
#include "tests/insn/insn_test.h"

static u8 code_page[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 data[DATA_LEN] __attribute__((aligned(4096)));

/* --- the flat MMU ----------------------------------------------------------- */

static u8 *byte_at(struct x86_cpu *c, gva_t la, bool write)
{
	if (la - DATA_AT < DATA_LEN)
		return &data[la - DATA_AT];
	if (la - CODE_PAGE < PAGE_SIZE && !write)
		return &code_page[la - CODE_PAGE];
	if ((u64)((s64)(la << 16) >> 16) != la)
		x86_raise_err(c, EXC_GP, 0);
	x86_raise_pf(c, la, PF_U | (write ? PF_W : 0) |
			    (la - CODE_PAGE < PAGE_SIZE ? PF_P : 0));
}

static gva_t wrap(const struct x86_cpu *c, gva_t la)
{
	return c->code_bits == 64 ? la : (u32)la;
}

void mem_probe(struct x86_cpu *c, gva_t la, unsigned n, bool write)
{
	for (unsigned k = 0; k < n; k++)
		byte_at(c, wrap(c, la + k), write);
}

void mem_slow_read(struct x86_cpu *c, gva_t la, void *buf, unsigned n,
		   unsigned mode)
{
	(void)mode;
	for (unsigned k = 0; k < n; k++)
		((u8 *)buf)[k] = *byte_at(c, wrap(c, la + k), false);
}

void mem_slow_write(struct x86_cpu *c, gva_t la, const void *buf, unsigned n,
		    unsigned mode)
{
	(void)mode;
	mem_probe(c, la, n, true);
	for (unsigned k = 0; k < n; k++)
		*byte_at(c, wrap(c, la + k), true) = ((const u8 *)buf)[k];
}

void *mem_rmw_ptr(struct x86_cpu *c, gva_t la, unsigned n)
{
	mem_probe(c, la, n, true);
	return (la & 4095) + n <= PAGE_SIZE ? byte_at(c, la, true) : NULL;
}

void mem_rmw_lock(struct x86_cpu *c)
{
	(void)c;
}

void mem_rmw_unlock(struct x86_cpu *c)
{
	(void)c;
}

void *mem_span(struct x86_cpu *c, gva_t la, bool write, u64 *n)
{
	u64 left = PAGE_SIZE - (la & 4095);
	void *p = byte_at(c, wrap(c, la), write);

	*n = *n < left ? *n : left;
	return p;
}

/* --- a CPU in 64-bit or compatibility user mode ------------------------------ */

unsigned host_cpuid(struct kvm_cpuid_entry2 *e, unsigned max)
{
	static const u32 leaves[] = { 0, 1, 7, 0xd, 0x80000000, 0x80000001,
				      0x80000007, 0x80000008 };
	unsigned n = 0;

	for (unsigned k = 0; k < ARRAY_LEN(leaves); k++)
		for (u32 sub = 0; sub < (leaves[k] == 0xd ? 10u : 1u); sub++) {
			if (n == max || !__get_cpuid_count(leaves[k], sub,
					&e[n].eax, &e[n].ebx, &e[n].ecx,
					&e[n].edx))
				continue;
			e[n].function = leaves[k];
			e[n].index = sub;
			if (leaves[k] == 7 || leaves[k] == 0xd)
				e[n].flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
			n++;
		}
	return n;
}

static void load_cpuid(struct x86_cpu *c)
{
	c->ncpuid = host_cpuid(c->cpuid, ARRAY_LEN(c->cpuid));
	x86_cpuid_update(c);
}

static void set_mode(struct x86_cpu *c, unsigned bits)
{
	const u32 flat = SEG_S | SEG_P | SEG_A | 3 << 5 | SEG_G;
	struct x86_seg d = { .limit = ~0u, .sel = 0x2b,
			     .attr = flat | SEG_W | SEG_DB };

	for (unsigned n = 0; n < 6; n++)
		c->seg[n] = d;
	c->seg[CS].attr = flat | SEG_R | SEG_CODE |
			  (bits == 64 ? SEG_L : SEG_DB);
	c->seg[CS].sel = bits == 64 ? 0x33 : 0x23;
	c->seg[GS].base = bits == 64 ? GS_BASE : 0;
	c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE |
		 CR4_FSGSBASE;
	c->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	c->xcr0 = 7;
	c->cpl = 3;
	x86_update_mode(c);
}

struct x86_cpu *flat_cpu(void)
{
	static _Alignas(64) struct tcg_vcpu vcpu;
	static struct tcg_vm vm;

	vcpu.vm = vcpu.cpu.vm = &vm;
	return &vcpu.cpu;
}

int flat_start(void)
{
	struct x86_cpu *cpu = flat_cpu();

	insn_tables_init();
	load_cpuid(cpu);
	tlb_flush(&cpu->tlb);
	return 0;
}

void flat_load(struct x86_cpu *c, const struct insn_case *k)
{
	const struct insn_state *in = &k->in;

	set_mode(c, k->bits);
	memcpy(c->r, in->r, sizeof(in->r));
	c->rip = in->rip;
	x86_set_rflags(c, in->rflags);
	memset(&c->fpu, 0, sizeof(c->fpu));
	memcpy(&c->fpu, &in->fx, sizeof(in->fx));
	memcpy(c->fpu.ymmh, in->ymmh, sizeof(in->ymmh));
	c->exc.pending = false;
	c->leave = LEAVE_NONE;
	c->shadow = 0;
	c->request = 0;
	c->io.count = c->io.cursor = 0;
	memcpy(data, in->mem, DATA_LEN);
	memset(code_page, 0xcc, PAGE_SIZE);
	memcpy(code_page + (CODE_AT - CODE_PAGE), k->code, k->len);
}

static void steps(struct x86_cpu *c, unsigned bits)
{
	for (unsigned n = 0; n < 100000; n++) {
		u64 off = c->rip - CODE_PAGE;
		struct insn i;

		if (off >= PAGE_SIZE)
			x86_raise_pf(c, c->rip, PF_U | PF_I);
		if (code_page[off] == 0xcc)
			return;
		insn_decode(&i, code_page + off, 15, bits);
		x86_step(c, &i);
	}
}

void flat_result(struct x86_cpu *c, struct insn_state *out)
{
	memcpy(out->r, c->r, sizeof(out->r));
	out->rip = c->rip;
	out->rflags = x86_rflags(c);
	out->vec = NO_VEC;
	out->err = 0;
	if (c->exc.pending) {
		out->vec = c->exc.vec;
		out->err = c->exc.has_err ? c->exc.err : 0;
		out->cr2 = c->exc.payload;
	}
	memcpy(&out->fx, &c->fpu, sizeof(out->fx));
	memcpy(out->ymmh, c->fpu.ymmh, sizeof(out->ymmh));
	memcpy(out->mem, data, DATA_LEN);
}

u8 *flat_code(u64 rip)
{
	return rip - CODE_PAGE < PAGE_SIZE ? &code_page[rip - CODE_PAGE] : NULL;
}

static void interp_run(const struct insn_case *k, struct insn_state *out)
{
	struct x86_cpu *c = flat_cpu();

	flat_load(c, k);
	if (!sigsetjmp(c->unwind, 0))
		steps(c, k->bits);
	flat_result(c, out);
}

const struct engine engine_interp = {
	.name  = "interp",
	.start = flat_start,
	.run   = interp_run,
};
