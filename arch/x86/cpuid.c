/* SPDX-License-Identifier: MIT */
/*
 * CPUID for the guest.  See cpuid.h.
 */
#include "arch/x86/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu_features.h"
#include "vmm/base/strbuf.h"

enum { LEAF_FEATURES = 1, LEAF_EXT = 7, LEAF_XSAVE = 0xd };

static struct kvm_cpuid_entry2 *entries(struct cpuid_list *l)
{
	return l->head.entries;
}

struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_list *l, u32 function,
				    u32 index)
{
	for (u32 i = 0; i < l->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &entries(l)[i];

		if (e->function == function &&
		    (e->index == index ||
		     !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

static struct kvm_cpuid_entry2 *get_or_add(struct cpuid_list *l, u32 function,
					   u32 index, bool indexed)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(l, function, index);

	if (e || l->head.nent == CPUID_MAX)
		return e;
	e = &entries(l)[l->head.nent++];
	*e = (struct kvm_cpuid_entry2){
		.function = function, .index = index,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	return e;
}

static void drop_function(struct cpuid_list *l, u32 function)
{
	u32 n = 0;

	for (u32 i = 0; i < l->head.nent; i++)
		if (entries(l)[i].function != function)
			entries(l)[n++] = entries(l)[i];
	l->head.nent = n;
}

u32 *cpuid_reg(struct kvm_cpuid_entry2 *e, unsigned reg)
{
	switch (reg) {
	case R_EAX: return &e->eax;
	case R_EBX: return &e->ebx;
	case R_ECX: return &e->ecx;
	default:    return &e->edx;
	}
}

static u32 *feature_word(struct cpuid_list *l, const struct cpu_feature *f)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(l, f->function, f->index);

	return e ? cpuid_reg(e, f->reg) : NULL;
}

static bool has(struct cpuid_list *l, const char *name)
{
	const struct cpu_feature *f = cpu_feature_find(name);
	u32 *w = feature_word(l, f);

	return w && (*w & BIT(f->bit));
}

static void clear(struct cpuid_list *l, const struct cpu_feature *f)
{
	u32 *w = feature_word(l, f);

	if (w)
		*w &= ~BIT(f->bit);
}

/* Features whose foundation is gone go too, to a fixed point. */
static void clear_orphans(struct cpuid_list *l)
{
	bool again;

	do {
		again = false;
		for (const struct cpu_feature *f = cpu_features; f->name; f++) {
			u32 *w = feature_word(l, f);

			if (!w || !(*w & BIT(f->bit)) || !f->needs ||
			    has(l, f->needs))
				continue;
			*w &= ~BIT(f->bit);
			again = true;
		}
	} while (again);
}

/* --- parsing -cpu --------------------------------------------------------- */

static unsigned common_prefix(const char *a, const char *b)
{
	unsigned n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* A name is near when it starts alike or one holds the other. */
static bool near(const char *asked, const char *name)
{
	unsigned n = common_prefix(asked, name);

	return n >= 3 || (n >= 2 && strlen(asked) <= 4) ||
	       (*asked && strstr(name, asked)) || strstr(asked, name);
}

static void add_near(struct strbuf *s, const char *name, unsigned *n)
{
	if (*n < 6)
		strbuf_addf(s, "%s%s", *n ? ", " : "", name);
	++*n;
}

static int unknown_feature(const char *name, struct err *e)
{
	struct strbuf s = STRBUF_INIT;
	unsigned n = 0;
	int rc;

	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		if (near(name, f->name))
			add_near(&s, f->name, &n);
	rc = err_set(e, -EINVAL, "-cpu: no CPU feature '%s'%s%s", name,
		     n ? "; there are " : "", s.buf);
	strbuf_fini(&s);
	return rc;
}

static int unknown_model(const char *name, struct err *e)
{
	struct strbuf s = STRBUF_INIT;
	unsigned n = 0;
	int rc;

	for (const struct cpu_model *m = cpu_models; m->name; m++)
		if (near(name, m->name))
			add_near(&s, m->name, &n);
	if (!n)
		for (const struct cpu_model *m = cpu_models; m->name; m++)
			add_near(&s, m->name, &n);
	rc = err_set(e, -EINVAL, "-cpu: no CPU model '%s'; there are %s", name,
		     s.buf);
	strbuf_fini(&s);
	return rc;
}

static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += n)
		if ((at == list || at[-1] == ' ') &&
		    (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

static bool same_bit(const struct cpu_feature *a, const struct cpu_feature *b)
{
	return a->function == b->function && a->index == b->index &&
	       a->reg == b->reg && a->bit == b->bit;
}

/* Keep only the named bits of every word the feature table knows. */
static void keep_only(struct cpuid_list *l, const char *list)
{
	for (const struct cpu_feature *f = cpu_features; f->name; f++) {
		bool kept = false;

		for (const struct cpu_feature *g = cpu_features; g->name; g++)
			kept |= same_bit(f, g) && in_list(list, g->name);
		if (!kept)
			clear(l, f);
	}
}

static void set_brand(struct cpuid_list *l, const char *brand)
{
	char text[48] = { 0 };

	strncpy(text, brand, sizeof(text) - 1);
	for (u32 i = 0; i < 3; i++) {
		struct kvm_cpuid_entry2 *e =
			get_or_add(l, 0x80000002 + i, 0, false);

		if (!e)
			return;
		memcpy(&e->eax, text + 16 * i, 4);
		memcpy(&e->ebx, text + 16 * i + 4, 4);
		memcpy(&e->ecx, text + 16 * i + 8, 4);
		memcpy(&e->edx, text + 16 * i + 12, 4);
	}
}

static void add_missing(struct strbuf *missing, const char *name)
{
	if (missing)
		strbuf_addf(missing, "%s%s", missing->len ? ", " : "", name);
}

/* A level of the psABI without all that it names is not that level. */
static void report_level(struct cpuid_list *l, const struct cpu_model *m,
			 struct strbuf *missing)
{
	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		if (m->level && in_list(m->level, f->name) && !has(l, f->name))
			add_missing(missing, f->name);
}

static void apply_named_model(struct cpuid_list *l, const struct cpu_model *m,
			      struct strbuf *missing)
{
	struct kvm_cpuid_entry2 *e0 = cpuid_find(l, 0, 0);
	struct kvm_cpuid_entry2 *e1 = cpuid_find(l, LEAF_FEATURES, 0);

	report_level(l, m, missing);

	keep_only(l, m->features);
	if (e1)                        /* AMD 15/107/1, Intel 6/13/3 */
		e1->eax = e0 && e0->ebx == 0x68747541 ? 0x60fb1 : 0x6d3;
	set_brand(l, m->brand);
}

/* "+f", "-f", "f", "f=on", "f=off"; f64-style properties are refused. */
static int apply_flag(struct cpuid_list *l, struct cpuid_list *all, char *flag,
		      struct strbuf *missing, struct err *e)
{
	const struct cpu_feature *f;
	bool on = *flag != '-';
	char *value = strchr(flag, '=');
	u32 *have, *word;

	if (*flag == '+' || *flag == '-')
		flag++;
	if (value) {
		*value++ = '\0';
		on = !strcmp(value, "on") || !strcmp(value, "true");
		if (!on && strcmp(value, "off") && strcmp(value, "false"))
			return err_set(e, -EINVAL, "-cpu: '%s=%s' is neither "
				       "on nor off", flag, value);
	}
	f = cpu_feature_find(flag);
	if (!f)
		return unknown_feature(flag, e);
	if (!on) {
		clear(l, f);
		return 0;
	}
	have = feature_word(all, f);
	word = feature_word(l, f);
	if (have && word && (*have & BIT(f->bit)))
		*word |= BIT(f->bit);
	else
		add_missing(missing, flag);
	return 0;
}

/* Without a feature there is none of its state to save either. */
static const struct {
	u8 component;
	const char *feature;
} xsave_parts[] = {
	{ 2, "avx" }, { 3, "mpx" }, { 4, "mpx" }, { 5, "avx512f" },
	{ 6, "avx512f" }, { 7, "avx512f" }, { 9, "pku" },
};

static void drop_part(struct cpuid_list *l, struct kvm_cpuid_entry2 *top,
		      unsigned component)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(l, LEAF_XSAVE, component);

	top->eax &= ~BIT(component);
	if (e && e != top)
		e->eax = e->ebx = e->ecx = e->edx = 0;
}

/* The area's size follows from what is left in it. */
static void fit_xsave(struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *top = cpuid_find(l, LEAF_XSAVE, 0), *e;
	u32 size = 576;                /* x87, SSE and the header */

	if (!top)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(xsave_parts); i++)
		if (!has(l, xsave_parts[i].feature))
			drop_part(l, top, xsave_parts[i].component);
	for (u32 n = 2; n < 32; n++) {
		e = cpuid_find(l, LEAF_XSAVE, n);
		if (e && e != top && (top->eax & BIT(n)))
			size = MAX(size, e->ebx + e->eax);
	}
	if (!top->edx)
		top->ebx = top->ecx = size;
}

static void finish(struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *e1 = cpuid_find(l, LEAF_FEATURES, 0);
	struct kvm_cpuid_entry2 *e8 = cpuid_find(l, 0x80000008, 0);

	if (e8 && !has(l, "la57") && (e8->eax >> 8 & 0xff) > 48)
		e8->eax = (e8->eax & ~0xff00u) | 48 << 8;
	if (e1)
		e1->ecx &= ~BIT(27);           /* OSXSAVE follows CR4 */
	clear_orphans(l);
	if (has(l, "xsave"))
		fit_xsave(l);
	else
		drop_function(l, LEAF_XSAVE);
	if (!has(l, "svm"))
		drop_function(l, 0x8000000a);
}

int cpuid_apply_model(struct cpuid_list *l, const char *cpu,
		      struct strbuf *missing, struct err *e)
{
	struct cpuid_list *all = malloc(sizeof(*all));
	char *text = strdup(cpu ? cpu : "max"), *save, *word;
	const struct cpu_model *m;
	int rc = 0;

	if (!all || !text)
		abort();
	*all = *l;
	word = strtok_r(text, ",", &save);
	for (m = cpu_models; m->name; m++)
		if (word && !strcmp(m->name, word))
			break;
	if (!m->name)
		rc = unknown_model(word ? word : "", e);
	else if (m->features)
		apply_named_model(l, m, missing);
	while (rc == 0 && (word = strtok_r(NULL, ",", &save)))
		rc = apply_flag(l, all, word, missing, e);
	finish(l);
	free(text);
	free(all);
	return rc;
}

void cpuid_each_feature(struct cpuid_list *l,
			void (*fn)(const char *feature, bool on, void *opaque),
			void *opaque)
{
	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		fn(f->name, has(l, f->name), opaque);
}

void cpuid_list_models(struct strbuf *out)
{
	strbuf_addstr(out, "Available CPUs:\n");
	for (const struct cpu_model *m = cpu_models; m->name; m++)
		strbuf_addf(out, "x86 %-20s  %s\n", m->name, m->summary);
	strbuf_addstr(out, "\nRecognized CPUID flags:\n");
	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		strbuf_addf(out, "%s%s", f == cpu_features ? "  " : " ",
			    f->name);
	strbuf_addc(out, '\n');
}

/* --- topology ------------------------------------------------------------- */

static unsigned width(unsigned n)              /* bits to count to n - 1 */
{
	unsigned bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

u32 cpuid_apic_id(const struct cpuid_topology *t, unsigned index)
{
	unsigned thread = index % t->threads;
	unsigned core = index / t->threads % t->cores;
	unsigned socket = index / t->threads / t->cores;
	unsigned tw = width(t->threads), cw = width(t->cores);

	return socket << (tw + cw) | core << tw | thread;
}

u32 cpuid_signature(const struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *e =
		cpuid_find((struct cpuid_list *)l, LEAF_FEATURES, 0);

	return e ? e->eax : 0;
}

static void set_leaf_1(struct cpuid_list *l, const struct cpuid_topology *t,
		       u32 apic_id)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(l, LEAF_FEATURES, 0);
	unsigned logical = t->cores * t->threads;

	if (!e)
		return;
	e->ebx = (e->ebx & 0xffff) | (apic_id & 0xff) << 24;
	e->ecx |= BIT(31);                     /* there is a hypervisor */
	e->edx &= ~BIT(28);
	if (logical > 1) {
		e->ebx |= MIN(logical, 255u) << 16;
		e->edx |= BIT(28);             /* HTT */
	}
	if (!(e->ebx & 0xff00))
		e->ebx |= 8 << 8;              /* CLFLUSH line: 64 bytes */
}

/* Leaf 4 (Intel) and 0x8000001d (AMD): who shares each cache. */
static void set_caches(struct cpuid_list *l, u32 function,
		       const struct cpuid_topology *t, bool intel)
{
	for (u32 i = 0; i < l->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &entries(l)[i];
		unsigned level = (e->eax >> 5) & 7, sharing;

		if (e->function != function || !(e->eax & 0x1f))
			continue;
		sharing = level >= 3 ? t->cores * t->threads : t->threads;
		if (intel) {
			u32 cores = (1u << width(t->cores)) - 1;

			sharing = 1u << width(sharing);
			e->eax = (e->eax & 0x3fff) | (sharing - 1) << 14 |
				 MIN(cores, 63u) << 26;
		} else {
			e->eax = (e->eax & 0x3fff) |
				 MIN(sharing - 1, 0xfffu) << 14;
		}
	}
}

/* Leaves 0xb and 0x1f: threads, then cores. */
static void set_x2apic_leaf(struct cpuid_list *l, u32 function,
			    const struct cpuid_topology *t, u32 apic_id)
{
	const u32 shift[2] = { width(t->threads),
			       width(t->threads) + width(t->cores) };
	const u32 count[2] = { t->threads, t->threads * t->cores };

	drop_function(l, function);
	for (u32 i = 0; i < 3; i++) {
		struct kvm_cpuid_entry2 *e = get_or_add(l, function, i, true);

		if (!e)
			return;
		e->eax = i < 2 ? shift[i] : 0;
		e->ebx = i < 2 ? count[i] : 0;
		e->ecx = i | (i < 2 ? (i + 1) << 8 : 0);
		e->edx = apic_id;
	}
}

static void set_amd_leaves(struct cpuid_list *l, const struct cpuid_topology *t,
			   u32 apic_id)
{
	struct kvm_cpuid_entry2 *e8 = cpuid_find(l, 0x80000008, 0);
	struct kvm_cpuid_entry2 *e1 = cpuid_find(l, 0x80000001, 0);
	unsigned tw = width(t->threads), cw = width(t->cores);

	if (e8)
		e8->ecx = (e8->ecx & ~0xf0ffu) | (tw + cw) << 12 |
			  MIN(t->cores * t->threads - 1, 255u);
	if (e1 && t->cores * t->threads > 1)
		e1->ecx |= BIT(1);             /* CmpLegacy */
	else if (e1)
		e1->ecx &= ~BIT(1);
	if (has(l, "topoext")) {
		struct kvm_cpuid_entry2 *e = get_or_add(l, 0x8000001e, 0,
							false);

		if (!e)
			return;
		e->eax = apic_id;
		e->ebx = ((apic_id >> tw) & 0xff) | (t->threads - 1) << 8;
		e->ecx = (apic_id >> (tw + cw)) & 0xff;
		e->edx = 0;
	}
}

/* Leaf 0x40000000 says who runs this machine; providers usually do. */
static void set_signature(struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *e;

	if (cpuid_find(l, 0x40000000, 0))
		return;
	e = get_or_add(l, 0x40000000, 0, false);
	if (!e)
		return;
	e->eax = 0x40000001;
	memcpy(&e->ebx, "KVMK", 4);
	memcpy(&e->ecx, "VMKV", 4);
	memcpy(&e->edx, "M\0\0\0", 4);
	get_or_add(l, 0x40000001, 0, false);
}

void cpuid_set_topology(struct cpuid_list *l, const struct cpuid_topology *t,
			unsigned index)
{
	const struct kvm_cpuid_entry2 *e0 = cpuid_find(l, 0, 0);
	bool amd = e0 && (e0->ebx == 0x68747541 || e0->ebx == 0x6f677948);
	u32 apic_id = cpuid_apic_id(t, index);
	u32 max = e0 ? e0->eax : 0;

	set_leaf_1(l, t, apic_id);
	set_caches(l, 4, t, true);
	set_caches(l, 0x8000001d, t, false);
	if (max >= 0xb)
		set_x2apic_leaf(l, 0xb, t, apic_id);
	if (cpuid_find(l, 0x1f, 0))
		set_x2apic_leaf(l, 0x1f, t, apic_id);
	if (amd)
		set_amd_leaves(l, t, apic_id);
	set_signature(l);
}
