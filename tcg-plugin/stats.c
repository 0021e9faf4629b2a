// SPDX-License-Identifier: MIT
/*
 * Reports: what the engine counted, as text.
 *
 * Room:     info jit, info opcount, info irq and the statistics of a VM.
 * Talks to: counters of vCPUs (read without stopping them) and block cache.
 * Never:    stops a vCPU.
 */
#include <stdlib.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "vmm/base/strbuf.h"
#include "vmm/kvm/provider.h"

static void report_jit(struct tcg_vm *vm, struct strbuf *sb)
{
	struct code_cache *cc = &vm->code;

	SCOPED_LOCK(&cc->lock);
	strbuf_addf(sb, "Block cache:\n");
	strbuf_addf(sb, "memory used         %zu/%zu\n", cc->used, cc->size);
	strbuf_addf(sb, "blocks              %llu\n",
		    (unsigned long long)cc->n_blocks);
	strbuf_addf(sb, "code pages          %llu\n",
		    (unsigned long long)cc->n_pages);
	strbuf_addf(sb, "invalidated blocks  %llu\n",
		    (unsigned long long)cc->n_invalid);
	strbuf_addf(sb, "found stale         %llu\n",
		    (unsigned long long)cc->n_stale);
	strbuf_addf(sb, "cache flushes       %llu\n",
		    (unsigned long long)cc->n_flush);
}

static void report_vcpus_jit(struct tcg_vm *vm, struct strbuf *sb)
{
	for (unsigned i = 0; i < atomic_load(&vm->nvcpu); i++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

		if (v)
			jit_report(&v->cpu, sb);
	}
}

static void report_vcpu(const struct tcg_vcpu *v, struct strbuf *sb)
{
	const struct x86_cpu *c = &v->cpu;
	const struct {
		const char *name;
		u64 n;
	} rows[] = {
		{ "instructions", c->n_insn }, { "blocks", c->n_block },
		{ "exceptions", c->n_exception },
		{ "interrupts", c->n_interrupt }, { "exits", c->n_exit },
		{ "halts", c->n_halt }, { "  not slept", v->poll.found },
		{ "tlb misses", c->n_tlb_miss },
		{ "page walks", c->n_walk },
		{ "tlb flushes", c->n_tlb_flush },
		{ "address spaces", c->n_space },
		{ "  brought back", c->n_back },
	};

	strbuf_addf(sb, "CPU#%u\n", c->id);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		strbuf_addf(sb, "  %-18s%llu\n", rows[i].name,
			    (unsigned long long)rows[i].n);
}

static void report_stats(struct tcg_vm *vm, struct strbuf *sb)
{
	for (unsigned i = 0; i < atomic_load(&vm->nvcpu); i++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

		if (v)
			report_vcpu(v, sb);
	}
}

/* --- info opcount --------------------------------------------------------- */

struct op_count {
	unsigned op;
	u64 n;
};

static int by_count(const void *a, const void *b)
{
	const struct op_count *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : 0;
}

static void count_block(const struct block *b, u64 *n, unsigned ops)
{
	const struct insn *i = (const struct insn *)(const void *)b->body;

	for (unsigned k = 0; k < b->count; k++)
		if (i[k].row->op < ops)
			n[i[k].row->op]++;
}

static void report_opcount(struct tcg_vm *vm, struct strbuf *sb)
{
	enum { OPS = 4096 };
	struct op_count *sorted = calloc(OPS, sizeof(*sorted));
	u64 *n = calloc(OPS, sizeof(*n));

	if (!sorted || !n)
		goto out;
	lock_take(&vm->code.lock);
	for (unsigned h = 0; h < CODE_BLOCK_HASH; h++) {
		struct block *b = atomic_load(&vm->code.blocks[h]);

		for (; b; b = atomic_load(&b->hash_next))
			count_block(b, n, OPS);
	}
	lock_drop(&vm->code.lock);
	for (unsigned i = 0; i < OPS; i++)
		sorted[i] = (struct op_count){ i, n[i] };
	qsort(sorted, OPS, sizeof(*sorted), by_count);
	for (unsigned i = 0; i < OPS && sorted[i].n; i++)
		strbuf_addf(sb, "%-16s %llu\n", insn_op_name(sorted[i].op),
			    (unsigned long long)sorted[i].n);
out:
	free(sorted);
	free(n);
}

/* --- sync-profile ---------------------------------------------------------- */

static void report_locks(struct strbuf *sb)
{
	enum { SITES = 1024 };
	struct lock_site *all = calloc(SITES, sizeof(*all));
	const unsigned n = all ? lock_profile_get(all, SITES) : 0;

	for (unsigned i = 0; i < n; i++)
		strbuf_addf(sb, "%s %p %llu %llu\n", all[i].site,
			    (const void *)all[i].lock,
			    (unsigned long long)all[i].count,
			    (unsigned long long)all[i].ns);
	free(all);
}

/* --- info irq -------------------------------------------------------------- */

static void report_pins(struct strbuf *sb, const char *chip, const u64 *n,
			unsigned pins)
{
	strbuf_addf(sb, "IRQ statistics for %s:\n", chip);
	for (unsigned i = 0; i < pins; i++)
		if (n[i])
			strbuf_addf(sb, "%2u: %llu\n", i,
				    (unsigned long long)n[i]);
}

static void report_irqs(struct tcg_vm *vm, struct strbuf *sb)
{
	struct irqchip *ic = tcg_irqchip(vm);
	struct irqchip_raised r;

	if (!ic)
		return;
	irqchip_get_raised(ic, &r);
	report_pins(sb, "ioapic", r.ioapic, ARRAY_LEN(r.ioapic));
	report_pins(sb, "isa-i8259", r.pic, ARRAY_LEN(r.pic));
}

int tcg_report(struct tcg_vm *vm, int what, char *buf, size_t n)
{
	struct strbuf sb = STRBUF_INIT;
	size_t len;

	switch (what) {
	case KVM_REPORT_JIT:
		report_jit(vm, &sb);
		report_vcpus_jit(vm, &sb);
		break;
	case KVM_REPORT_OPCOUNT: report_opcount(vm, &sb); break;
	case KVM_REPORT_LOCKS:   report_locks(&sb); break;
	case KVM_REPORT_IRQS:    report_irqs(vm, &sb); break;
	default:                 report_stats(vm, &sb); break;
	}
	len = sb.len;
	if (n) {
		size_t copy = MIN(len, n - 1);

		if (copy)
			memcpy(buf, sb.buf, copy);
		buf[copy] = 0;
	}
	strbuf_fini(&sb);
	return (int)len;
}
