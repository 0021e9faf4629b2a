/* SPDX-License-Identifier: MIT */
/*
 * info: page tables, the memory map, RAM blocks and ROMs.
 */
#include "monitor/mon.h"
#include "monitor/mtree.h"
#include "monitor/x86.h"

#include <stdlib.h>
#include <string.h>

static void info_mtree(struct mon *m, const struct mon_arg *a)
{
	struct strbuf out = STRBUF_INIT;

	if (a[0].given)
		mtree_print_flat(mon_vm(m), &out, a[1].given, a[2].given);
	else
		mtree_print(mon_vm(m), &out, a[2].given);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

/* Blocks of one name are parts of one: RAM below and above 4 GiB. */
struct ramblock {
	const char *name;
	u64 offset, len;
};

static int larger_first(const void *a, const void *b)
{
	const struct ramblock *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? 1 : -1;
	return strcmp(x->name, y->name);
}

static unsigned collect(struct vm *vm, struct ramblock **out)
{
	unsigned n, count = 0;
	const struct gmem_block *const *b = gmem_blocks(vm->gmem, &n);
	struct ramblock *r = calloc(n + 1, sizeof(*r));
	u64 offset = 0;

	for (unsigned i = 0; r && i < n; i++) {
		unsigned k = 0;

		while (k < count && strcmp(r[k].name, b[i]->name))
			k++;
		count += k == count;
		r[k].name = b[i]->name;
		r[k].len += b[i]->len;
	}
	for (unsigned k = 0; k < count; k++) {
		r[k].offset = offset;
		offset += ALIGN_UP(r[k].len, 256 * KiB);
	}
	*out = r;
	return count;
}

static void info_ramblock(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct ramblock *r;
	unsigned n = collect(mon_vm(m), &r);

	mon_printf(m, "%24s %8s  %18s %18s %18s\n", "Block Name", "PSize",
		   "Offset", "Used", "Total");
	if (r)
		qsort(r, n, sizeof(*r), larger_first);
	for (unsigned i = 0; i < n; i++)
		mon_printf(m, "%24s %8s  0x%016llx 0x%016llx 0x%016llx\n",
			   r[i].name, "4 KiB", (long long)r[i].offset,
			   (long long)r[i].len, (long long)r[i].len);
	free(r);
}

static void info_roms(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct list *p;

	list_for_each(p, &mon_vm(m)->roms) {
		const struct rom_entry *r = list_entry(p, struct rom_entry,
						       node);
		const char *kind = r->kind;

		if (!strncmp(kind, "mem=", 4))
			kind += 4;
		mon_printf(m, "addr=%016llx size=0x%06llx mem=%s name=\"%s\"\n",
			   (long long)r->addr, (long long)r->size, kind,
			   r->name);
	}
}

static void info_size_summary(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_printf(m, "base memory: %llu\nplugged memory: 0\n",
		   (long long)mon_vm(m)->config->ram_bytes);
}

static void info_numa(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "0 nodes\n");
}

/* RAM is one memfd, whatever the blocks. */
static void info_memdev(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_printf(m, "memory backend: pc.ram\n  size:  %llu\n"
		   "  merge: false\n  dump: true\n  prealloc: false\n"
		   "  share: true\n  reserve: true\n  policy: default\n"
		   "  host nodes: \n\n",
		   (long long)mon_vm(m)->config->ram_bytes);
}

/* The machine has no slots for memory: there is nothing to show. */
static void info_memory_devices(struct mon *m UNUSED,
				const struct mon_arg *a UNUSED)
{
}

const struct mon_cmd mon_info_mem_cmds[] = {
	{
		.name    = "mtree",
		.args    = "flatview:-f dispatch_tree:-d owner:-o disabled:-D",
		.params  = "[-f][-d][-o][-D]",
		.help    = "show the memory map",
		.doc     = "Every region of the memory and I/O spaces. -f "
			   "shows what answers where after overlaps are "
			   "resolved, -d with it how it is looked up, -o "
			   "owners.",
		.example = "info mtree -f -o",
		.when    = MON_MAIN,
		.run     = info_mtree,
	}, {
		.name    = "mem",
		.args    = "",
		.params  = "",
		.help    = "show mapped virtual memory by rights",
		.doc     = "Runs of pages with equal rights in the current "
			   "CPU's page tables.",
		.example = "info mem",
		.run     = mon_x86_info_mem,
	}, {
		.name    = "tlb",
		.args    = "",
		.params  = "",
		.help    = "show mapped virtual pages",
		.doc     = "One line for every leaf of the current CPU's page "
			   "tables.",
		.example = "info tlb",
		.run     = mon_x86_info_tlb,
	}, {
		.name    = "ramblock",
		.args    = "",
		.params  = "",
		.help    = "show blocks of RAM and ROM",
		.doc     = "Largest first.",
		.example = "info ramblock",
		.when    = MON_MAIN,
		.run     = info_ramblock,
	}, {
		.name    = "roms",
		.args    = "",
		.params  = "",
		.help    = "show what was loaded into memory",
		.doc     = "Firmware, kernels, tables: where, how large, and "
			   "what.",
		.example = "info roms",
		.when    = MON_MAIN,
		.run     = info_roms,
	}, {
		.name    = "memory_size_summary",
		.args    = "",
		.params  = "",
		.help    = "show how much RAM there is",
		.doc     = "In bytes: from the start, and plugged in later.",
		.example = "info memory_size_summary",
		.run     = info_size_summary,
	}, {
		.name    = "numa",
		.args    = "",
		.params  = "",
		.help    = "show NUMA nodes",
		.doc     = "The machine has none.",
		.example = "info numa",
		.run     = info_numa,
	}, {
		.name    = "memdev",
		.args    = "",
		.params  = "",
		.help    = "show memory backends",
		.doc     = "Objects that RAM is made of.",
		.example = "info memdev",
		.when    = MON_PRE,
		.run     = info_memdev,
	}, {
		.name    = "memory-devices",
		.args    = "",
		.params  = "",
		.help    = "show plugged memory",
		.doc     = "DIMMs and their like.",
		.example = "info memory-devices",
		.run     = info_memory_devices,
	},
	{ 0 }
};
