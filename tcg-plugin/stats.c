// SPDX-License-Identifier: MIT
/*
 * Reports: what the engine counted, as text, and as KVM's binary statistics.
 *
 * Room:     info jit, info opcount, info irq and the statistics of a VM.
 * Talks to: counters of vCPUs (read without stopping them) and block cache.
 * Never:    stops a vCPU.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "vmm/base/strbuf.h"
#include "vmm/kvm/provider.h"

/* What is counted: as the report has it, and as KVM_GET_STATS_FD's file. */
struct counter {
	const char *title, *name;
	u32 flags;                     /* KVM_STATS_*: instant or cumulative */
	u64 n;
};

enum { COUNTERS_MAX = 16, TITLE_WIDTH = 20 };
enum { INSTANT = KVM_STATS_TYPE_INSTANT, SUM = KVM_STATS_TYPE_CUMULATIVE };

static unsigned vm_counters(struct tcg_vm *vm, struct counter *to)
{
	const struct code_cache *cc = &vm->code;
	const struct counter rows[] = {
		{ "blocks", "blocks", INSTANT, cc->n_blocks },
		{ "code pages", "code_pages", INSTANT, cc->n_pages },
		{ "invalidated blocks", "blocks_invalidated", SUM,
		  cc->n_invalid },
		{ "found stale", "blocks_stale", SUM, cc->n_stale },
		{ "cache flushes", "cache_flushes", SUM, cc->n_flush },
	};

	_Static_assert(ARRAY_LEN(rows) < COUNTERS_MAX, "room");
	memcpy(to, rows, sizeof(rows));
	return ARRAY_LEN(rows);
}

static unsigned vcpu_counters(const struct tcg_vcpu *v, struct counter *to)
{
	const struct x86_cpu *c = &v->cpu;
	const struct counter rows[] = {
		{ "  instructions", "interpreted", SUM, c->n_insn },
		{ "  blocks", "interpreted_blocks", SUM, c->n_block },
		{ "  exceptions", "exceptions", SUM, c->n_exception },
		{ "  interrupts", "interrupts", SUM, c->n_interrupt },
		{ "  exits", "guest_exits", SUM, c->n_exit },
		{ "  halts", "halts", SUM, c->n_halt },
		{ "    not slept", "halts_not_slept", SUM, v->poll.found },
		{ "  tlb misses", "tlb_misses", SUM, c->n_tlb_miss },
		{ "  page walks", "page_walks", SUM, c->n_walk },
		{ "  tlb flushes", "tlb_flushes", SUM, c->n_tlb_flush },
		{ "  address spaces", "address_spaces", SUM, c->n_space },
		{ "    brought back", "address_spaces_back", SUM, c->n_back },
	};

	_Static_assert(ARRAY_LEN(rows) < COUNTERS_MAX, "room");
	memcpy(to, rows, sizeof(rows));
	return ARRAY_LEN(rows);
}

static void report_counters(const struct counter *c, unsigned n,
			    struct strbuf *sb)
{
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(sb, "%-*s%llu\n", TITLE_WIDTH, c[i].title,
			    (unsigned long long)c[i].n);
}

static void report_jit(struct tcg_vm *vm, struct strbuf *sb)
{
	struct code_cache *cc = &vm->code;
	struct counter c[COUNTERS_MAX];

	SCOPED_LOCK(&cc->lock);
	strbuf_addf(sb, "Block cache:\n");
	strbuf_addf(sb, "memory used         %zu/%zu\n", cc->used, cc->size);
	report_counters(c, vm_counters(vm, c), sb);
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
	struct counter c[COUNTERS_MAX];

	strbuf_addf(sb, "CPU#%u\n", v->cpu.id);
	report_counters(c, vcpu_counters(v, c), sb);
}

static void report_stats(struct tcg_vm *vm, struct strbuf *sb)
{
	for (unsigned i = 0; i < atomic_load(&vm->nvcpu); i++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

		if (v)
			report_vcpu(v, sb);
	}
}

/* --- KVM_GET_STATS_FD ------------------------------------------------------ */

/* KVM API 4.133: header, id, descriptors with their names, data. */
enum { STATS_NAME = 48 };

struct stats_row {
	struct kvm_stats_desc desc;
	char name[STATS_NAME];
};

struct stats_file {
	struct kvm_stats_header head;
	char id[STATS_NAME];
	struct stats_row row[COUNTERS_MAX];
	u64 value[COUNTERS_MAX];
};

/* As of now: whoever wants later numbers asks for another file. */
static int stats_file(const char *id, const struct counter *c, unsigned n)
{
	struct stats_file f = { .head = {
		.name_size = STATS_NAME, .num_desc = n,
		.id_offset = offsetof(struct stats_file, id),
		.desc_offset = offsetof(struct stats_file, row),
		.data_offset = offsetof(struct stats_file, value) } };
	int fd;

	snprintf(f.id, sizeof(f.id), "%s", id);
	for (unsigned i = 0; i < n; i++) {
		f.row[i].desc = (struct kvm_stats_desc){
			.flags = c[i].flags, .size = 1,
			.offset = i * sizeof(u64) };
		snprintf(f.row[i].name, STATS_NAME, "%s", c[i].name);
		f.value[i] = c[i].n;
	}
	fd = memfd_create("tcg-stats", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, &f, sizeof(f)) != (ssize_t)sizeof(f)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int tcg_vm_stats_fd(struct tcg_vm *vm)
{
	struct counter c[COUNTERS_MAX];
	unsigned n;

	lock_take(&vm->code.lock);
	n = vm_counters(vm, c);
	lock_drop(&vm->code.lock);
	return stats_file("tcg-vm", c, n);
}

int tcg_vcpu_stats_fd(const struct tcg_vcpu *v)
{
	struct counter c[COUNTERS_MAX];

	return stats_file("tcg-vcpu", c, vcpu_counters(v, c));
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
	struct lock_site *all = calloc(LOCK_SITES_MAX, sizeof(*all));
	const unsigned n = all ? lock_profile_get(all, LOCK_SITES_MAX) : 0;

	for (unsigned i = 0; i < n; i++)
		strbuf_addf(sb, "%s %p %llu %llu\n", all[i].site,
			    (const void *)all[i].lock,
			    (unsigned long long)all[i].count,
			    (unsigned long long)all[i].ns);
	if (lock_profile_missed())
		strbuf_addf(sb, "missed 0x0 %llu 0\n",
			    (unsigned long long)lock_profile_missed());
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
