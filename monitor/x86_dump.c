/* SPDX-License-Identifier: MIT */
/*
 * ELF notes of an x86 CPU in a core file: NT_PRSTATUS as Linux writes it, and
 * "QEMU", which crash(8) and others read control registers from.
 */
#include "monitor/dump.h"

#include <elf.h>
#include <string.h>

enum { PRSTATUS64 = 336, PRSTATUS32 = 144, QEMU_VERSION = 1 };

static void little(struct strbuf *b, u64 v, unsigned size)
{
	strbuf_add(b, &v, size);
}

static void zeroes(struct strbuf *b, size_t upto)
{
	while (b->len < upto)
		strbuf_addc(b, 0);
}

static void note(struct strbuf *out, const char *name, u32 type,
		 const struct strbuf *desc)
{
	const size_t n = strlen(name) + 1;

	little(out, n, 4);
	little(out, desc->len, 4);
	little(out, type, 4);
	strbuf_add(out, name, n);
	zeroes(out, ALIGN_UP(out->len, 4ul));
	strbuf_add(out, desc->buf, desc->len);
	zeroes(out, ALIGN_UP(out->len, 4ul));
}

/* --- NT_PRSTATUS: elf_prstatus of <linux/elfcore.h> --- */

static void prstatus64(struct strbuf *b, const struct x86_regs *r,
		       unsigned cpu)
{
	const struct kvm_regs *g = &r->gp;
	const struct kvm_sregs *s = &r->s;
	const u64 regs[] = {
		g->r15, g->r14, g->r13, g->r12, g->rbp, g->rbx, g->r11,
		g->r10, g->r9, g->r8, g->rax, g->rcx, g->rdx, g->rsi, g->rdi,
		g->rax, g->rip, s->cs.selector, g->rflags, g->rsp,
		s->ss.selector, s->fs.base, s->gs.base, s->ds.selector,
		s->es.selector, s->fs.selector, s->gs.selector,
	};

	zeroes(b, 32);                 /* no signal                     */
	little(b, cpu + 1, 4);         /* pr_pid                        */
	zeroes(b, 112);                /* other ids and times           */
	strbuf_add(b, regs, sizeof(regs));
	zeroes(b, PRSTATUS64);
}

static void prstatus32(struct strbuf *b, const struct x86_regs *r,
		       unsigned cpu)
{
	const struct kvm_regs *g = &r->gp;
	const struct kvm_sregs *s = &r->s;
	const u32 regs[] = {
		(u32)g->rbx, (u32)g->rcx, (u32)g->rdx, (u32)g->rsi,
		(u32)g->rdi, (u32)g->rbp, (u32)g->rax, s->ds.selector,
		s->es.selector, s->fs.selector, s->gs.selector, (u32)g->rax,
		(u32)g->rip, s->cs.selector, (u32)g->rflags, (u32)g->rsp,
		s->ss.selector,
	};

	zeroes(b, 24);
	little(b, cpu + 1, 4);
	zeroes(b, 72);
	strbuf_add(b, regs, sizeof(regs));
	zeroes(b, PRSTATUS32);
}

/* --- "QEMU": version, size, registers, segments, control registers --- */

/* As the upper half of a descriptor holds the attributes. */
static u32 descriptor_bits(const struct kvm_segment *s)
{
	return (u32)s->type << 8 | (u32)s->s << 12 | (u32)s->dpl << 13 |
	       (u32)s->present << 15 | (u32)s->avl << 20 | (u32)s->l << 21 |
	       (u32)s->db << 22 | (u32)s->g << 23;
}

static void segment(struct strbuf *b, const struct kvm_segment *s)
{
	little(b, s->selector, 4);
	little(b, s->limit, 4);
	little(b, descriptor_bits(s), 4);
	little(b, 0, 4);
	little(b, s->base, 8);
}

static void table(struct strbuf *b, const struct kvm_dtable *t)
{
	segment(b, &(struct kvm_segment){ .base = t->base,
					  .limit = t->limit });
}

static void cpu_state(struct strbuf *b, const struct x86_regs *r)
{
	const struct kvm_regs *g = &r->gp;
	const struct kvm_sregs *s = &r->s;
	const u64 regs[] = {
		g->rax, g->rbx, g->rcx, g->rdx, g->rsi, g->rdi, g->rsp,
		g->rbp, g->r8, g->r9, g->r10, g->r11, g->r12, g->r13, g->r14,
		g->r15, g->rip, g->rflags,
	};
	const struct kvm_segment *const segments[] = {
		&s->cs, &s->ds, &s->es, &s->fs, &s->gs, &s->ss, &s->ldt,
		&s->tr,
	};
	const u64 cr[] = { s->cr0, 0, s->cr2, s->cr3, s->cr4,
			   r->msr[MSR_KERNEL_GS_BASE] };
	u32 size;

	little(b, QEMU_VERSION, 4);
	little(b, 0, 4);
	strbuf_add(b, regs, sizeof(regs));
	for (unsigned i = 0; i < ARRAY_LEN(segments); i++)
		segment(b, segments[i]);
	table(b, &s->gdt);
	table(b, &s->idt);
	strbuf_add(b, cr, sizeof(cr));
	size = (u32)b->len;
	memcpy(b->buf + 4, &size, sizeof(size));
}

void x86_dump_notes(struct strbuf *out, const struct x86_regs *r,
		    unsigned cpu, bool wide)
{
	struct strbuf desc = STRBUF_INIT;

	if (wide)
		prstatus64(&desc, r, cpu);
	else
		prstatus32(&desc, r, cpu);
	note(out, "CORE", NT_PRSTATUS, &desc);
	strbuf_reset(&desc);
	cpu_state(&desc, r);
	note(out, "QEMU", 0, &desc);
	strbuf_fini(&desc);
}
