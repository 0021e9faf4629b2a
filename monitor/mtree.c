/* SPDX-License-Identifier: MIT */
/*
 * The memory map, as mapped and as it answers.
 *
 * RAM blocks, bus regions and the provider's own chips become one list of
 * areas per address space; the flat view cuts it at every edge and lets the
 * highest priority win, as the buses do.
 */
#include "monitor/mtree.h"
#include "monitor/x86.h"

#include <stdlib.h>
#include <string.h>

struct area {
	u64 first, last;               /* inclusive: the last byte of 2^64 */
	s64 priority;
	const char *kind, *name;
	const struct device *owner;
	unsigned order;                /* later wins among equals */
};

struct space {
	const char *title, *root;
	u64 last;
	struct area *areas;
	unsigned n;
};

/* RAM answers before the buses are asked. */
enum { RAM_WINS = 1 << 30 };

static void add(struct space *s, const struct area *a)
{
	struct area *more = realloc(s->areas, (s->n + 1) * sizeof(*more));

	if (!more)
		return;
	s->areas = more;
	s->areas[s->n] = *a;
	s->areas[s->n].order = s->n;
	s->n++;
}

static bool add_region(const struct region *r, void *space)
{
	add(space, &(struct area){ r->base, r->base + (r->len - 1),
				   r->priority, "i/o", r->name, r->dev, 0 });
	return false;
}

static void add_bus(struct space *s, struct bus *b)
{
	bus_any(b, add_region, s);
}

static void add_ram(struct space *s, struct gmem *g)
{
	unsigned n;
	const struct gmem_block *const *b = gmem_blocks(g, &n);

	for (unsigned i = 0; i < n; i++)
		add(s, &(struct area){ b[i]->gpa, b[i]->gpa + (b[i]->len - 1),
				       RAM_WINS, b[i]->flags & GMEM_ROM ?
				       "rom" : "ram", b[i]->name, NULL, 0 });
}

static void add_chips(struct space *s, struct vm *vm, bool pio)
{
	for (const struct x86_chip *c = mon_x86_chips;
	     vm->kvm.has_irqchip && c->name; c++)
		if (c->pio == pio)
			add(s, &(struct area){ c->base, c->base + c->len - 1,
					       c->priority, "i/o", c->name,
					       NULL, 0 });
}

static int by_address(const void *a, const void *b)
{
	const struct area *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void sort(struct space *s)
{
	if (s->n)
		qsort(s->areas, s->n, sizeof(s->areas[0]), by_address);
}

static void collect(struct vm *vm, struct space *memory, struct space *io)
{
	*memory = (struct space){ "memory", "system", UINT64_MAX, NULL, 0 };
	*io = (struct space){ "I/O", "io", 0xffff, NULL, 0 };
	add_ram(memory, vm->gmem);
	add_bus(memory, vm->mmio);
	add_chips(memory, vm, false);
	add_bus(io, vm->pio);
	add_chips(io, vm, true);
	sort(memory);
	sort(io);
}

static void put_owner(struct strbuf *out, const struct area *a)
{
	if (!a->owner)
		return;
	if (a->owner->id)
		strbuf_addf(out, " owner:{dev id=%s}", a->owner->id);
	else
		strbuf_addf(out, " owner:{dev path=/machine/unattached/%s}",
			    a->owner->class->name);
}

static void put_line(struct strbuf *out, int indent, u64 first, u64 last,
		     const struct area *a)
{
	strbuf_addf(out, "%*s%016llx-%016llx (prio %lld, %s): %s", indent, "",
		    (long long)first, (long long)last,
		    a->priority == RAM_WINS ? 0ll : (long long)a->priority,
		    a->kind, a->name);
}

static void put_tree(struct strbuf *out, const struct space *s, bool owners)
{
	const struct area root = { 0, s->last, 0, "i/o", s->root, NULL, 0 };

	put_line(out, 2, 0, s->last, &root);
	strbuf_addc(out, '\n');
	for (unsigned i = 0; i < s->n; i++) {
		put_line(out, 4, s->areas[i].first, s->areas[i].last,
			 &s->areas[i]);
		if (owners)
			put_owner(out, &s->areas[i]);
		strbuf_addc(out, '\n');
	}
	strbuf_addc(out, '\n');
}

static void put_cpu_spaces(struct vm *vm, struct strbuf *out,
			   const char *format)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		strbuf_addf(out, "%scpu-memory-%u%s\n",
			    *format ? " AS \"" : "address-space: ", i,
			    *format ? "\", root: system" : "");
}

void mtree_print(struct vm *vm, struct strbuf *out, bool owners)
{
	struct space memory, io;

	collect(vm, &memory, &io);
	put_cpu_spaces(vm, out, "");
	strbuf_addstr(out, "address-space: memory\n");
	put_tree(out, &memory, owners);
	strbuf_addstr(out, "address-space: I/O\n");
	put_tree(out, &io, owners);
	free(memory.areas);
	free(io.areas);
}

/* --- the flat view --- */

struct flat {
	u64 first, last;
	const struct area *a;
};

static int by_value(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static const struct area *winner(const struct space *s, u64 at)
{
	const struct area *best = NULL;

	for (unsigned i = 0; i < s->n; i++) {
		const struct area *a = &s->areas[i];

		if (at < a->first || at > a->last)
			continue;
		if (!best || a->priority > best->priority ||
		    (a->priority == best->priority && a->order > best->order))
			best = a;
	}
	return best;
}

/* Cut at every edge, ask who wins each piece, join equal neighbours. */
static unsigned flatten(const struct space *s, struct flat **out)
{
	u64 *edges = calloc(2 * (size_t)s->n + 1, sizeof(*edges));
	struct flat *f = calloc(2 * (size_t)s->n + 1, sizeof(*f));
	unsigned ne = 0, n = 0;

	for (unsigned i = 0; edges && i < s->n; i++) {
		edges[ne++] = s->areas[i].first;
		if (s->areas[i].last != UINT64_MAX)
			edges[ne++] = s->areas[i].last + 1;
	}
	if (ne)
		qsort(edges, ne, sizeof(*edges), by_value);
	for (unsigned i = 0; f && i < ne; i++) {
		u64 last = i + 1 < ne ? edges[i + 1] - 1 : s->last;
		const struct area *a = winner(s, edges[i]);

		if ((i + 1 < ne && edges[i + 1] == edges[i]) || !a)
			continue;
		if (n && f[n - 1].a == a && f[n - 1].last + 1 == edges[i])
			f[n - 1].last = last;
		else
			f[n++] = (struct flat){ edges[i], last, a };
	}
	free(edges);
	*out = f;
	return n;
}

static void put_dispatch(struct strbuf *out, const struct flat *f, unsigned n,
			 u64 last)
{
	strbuf_addstr(out, "  Dispatch\n    Physical sections\n");
	strbuf_addf(out, "      #0 @0000000000000000..%016llx (noname) "
		    "[unassigned]\n", (long long)last);
	for (unsigned i = 0; i < n; i++)
		strbuf_addf(out, "      #%u @%016llx..%016llx %s%s\n", i + 1,
			    (long long)f[i].first, (long long)f[i].last,
			    f[i].a->name,
			    strcmp(f[i].a->kind, "rom") ? "" : " [ROM]");
}

static void put_flat(struct strbuf *out, const struct space *s, bool dispatch,
		     bool owners)
{
	struct flat *f;
	unsigned n = flatten(s, &f);

	strbuf_addf(out, " Root memory region: %s\n", s->root);
	if (!n)
		strbuf_addstr(out, "  No rendered FlatView\n");
	for (unsigned i = 0; i < n; i++) {
		put_line(out, 2, f[i].first, f[i].last, f[i].a);
		if (f[i].first > f[i].a->first)
			strbuf_addf(out, " @%016llx",
				    (long long)(f[i].first - f[i].a->first));
		if (owners)
			put_owner(out, f[i].a);
		strbuf_addc(out, '\n');
	}
	if (dispatch && n)
		put_dispatch(out, f, n, s->last);
	strbuf_addc(out, '\n');
	free(f);
}

void mtree_print_flat(struct vm *vm, struct strbuf *out, bool dispatch,
		      bool owners)
{
	struct space memory, io;

	collect(vm, &memory, &io);
	strbuf_addstr(out, "FlatView #0\n AS \"memory\", root: system\n");
	put_cpu_spaces(vm, out, "flat");
	put_flat(out, &memory, dispatch, owners);
	strbuf_addstr(out, "FlatView #1\n AS \"I/O\", root: io\n");
	put_flat(out, &io, dispatch, owners);
	free(memory.areas);
	free(io.areas);
}
