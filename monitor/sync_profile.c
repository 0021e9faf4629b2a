/* SPDX-License-Identifier: MIT */
/*
 * sync-profile: who waited for which lock, as a table.
 *
 * Talks to: base/lock.h; the provider for locks of its own.
 */
#include "monitor/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	struct lock_site s;
	unsigned locks;                /* merged here */
};

static double mean_us(const struct row *r)
{
	return r->s.count ? (double)r->s.ns / (double)r->s.count / 1000 : 0;
}

static int by_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->s.ns < y->s.ns ? 1 : x->s.ns > y->s.ns ? -1 :
	       strcmp(x->s.site, y->s.site);
}

static int by_mean(const void *a, const void *b)
{
	const double x = mean_us(a), y = mean_us(b);

	return x < y ? 1 : x > y ? -1 : by_total(a, b);
}

void sync_profile_switch(struct vm *vm, int how)
{
	const struct kvm_provider *p = vm->provider;

	if (how == LOCK_PROFILE_RESET)
		lock_profile_reset();
	else
		lock_profile_set(how == LOCK_PROFILE_ON);
	if (p && p->control)
		p->control(-1, "lock-profile", (u64)how);
}

struct table {
	struct row rows[2 * LOCK_SITES_MAX];
	unsigned n;
	bool merge;                    /* locks of one place into one row */
	char *text;                    /* the provider's, cut into names  */
	u64 missed;                    /* for want of room                */
};

static void add(struct table *t, const struct lock_site *s)
{
	unsigned k = 0;

	while (k < t->n && (strcmp(t->rows[k].s.site, s->site) ||
			    (!t->merge && t->rows[k].s.lock != s->lock)))
		k++;
	if (k == ARRAY_LEN(t->rows))
		return;
	if (k == t->n)
		t->rows[t->n++] = (struct row){ .s = { s->site, s->lock, 0,
						       0 } };
	t->rows[k].s.count += s->count;
	t->rows[k].s.ns += s->ns;
	t->rows[k].locks++;
}

/* The plugin's locks: "FILE:LINE LOCK COUNT NS" a line; what its table had no
 * room for: "missed 0x0 COUNT 0". */
static void add_providers(struct table *t, struct vm *vm)
{
	const struct kvm_provider *p = vm->provider;
	const int n = p && p->report ?
		      p->report(vm->kvm.fd, KVM_REPORT_LOCKS, NULL, 0) : -1;
	char *save = NULL;

	t->text = n > 0 ? calloc(1, (size_t)n + 1) : NULL;
	if (!t->text)
		return;
	p->report(vm->kvm.fd, KVM_REPORT_LOCKS, t->text, (size_t)n + 1);
	for (char *line = strtok_r(t->text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const size_t k = strcspn(line, " ");
		unsigned long long count, ns;
		void *lock;

		if (sscanf(line + k, "%p %llu %llu", &lock, &count, &ns) != 3)
			continue;
		line[k] = '\0';
		if (!strcmp(line, "missed"))
			t->missed += count;
		else
			add(t, &(struct lock_site){ line, lock, count, ns });
	}
}

static void collect(struct table *t, struct vm *vm)
{
	struct lock_site *all = calloc(LOCK_SITES_MAX, sizeof(*all));
	const unsigned n = all ? lock_profile_get(all, LOCK_SITES_MAX) : 0;

	for (unsigned i = 0; i < n; i++)
		add(t, &all[i]);
	free(all);
	t->missed = lock_profile_missed();
	add_providers(t, vm);
}

static void dashes(struct mon *m, unsigned n)
{
	while (n--)
		mon_puts(m, "-");
	mon_puts(m, "\n");
}

static void show(struct mon *m, const struct row *r, int width)
{
	char object[32];

	if (r->locks > 1)
		snprintf(object, sizeof(object), "[%12u]", r->locks);
	else
		snprintf(object, sizeof(object), "%p", (const void *)r->s.lock);
	mon_printf(m, "%-9s  %14s  %-*s  %13.5f  %12llu  %12.2f\n", "mutex",
		   object, width, r->s.site, (double)r->s.ns / 1e9,
		   (unsigned long long)r->s.count, mean_us(r));
}

void sync_profile_print(struct mon *m, bool mean, bool apart, unsigned max)
{
	struct table *t = calloc(1, sizeof(*t));
	struct row *rows;
	int width = 9;
	unsigned n;

	if (!t)
		return;
	t->merge = !apart;
	collect(t, mon_vm(m));
	rows = t->rows;
	if (t->n)
		qsort(rows, t->n, sizeof(*rows), mean ? by_mean : by_total);
	n = MIN(t->n, max);
	for (unsigned i = 0; i < n; i++)
		width = MAX(width, (int)strlen(rows[i].s.site));
	mon_printf(m, "%-9s  %14s  %-*s  %13s  %12s  %12s\n", "Type", "Object",
		   width, "Call site", "Wait Time (s)", "Count",
		   "Average (us)");
	dashes(m, 70 + (unsigned)width);
	for (unsigned i = 0; i < n; i++)
		show(m, &rows[i], width);
	dashes(m, 70 + (unsigned)width);
	if (t->missed)
		mon_printf(m, "The table is full: %llu more were not counted "
			   "(sync-profile reset empties it)\n",
			   (unsigned long long)t->missed);
	free(t->text);
	free(t);
}
