/* SPDX-License-Identifier: MIT */
/*
 * sync-profile: who waited for which lock, as a table.
 *
 * Talks to: base/lock.h.
 */
#include "monitor/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SITES_MAX = 1024 };

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

/* Rows; of one place into one row when merging. */
static unsigned collect(struct row *rows, bool merge)
{
	struct lock_site *all = calloc(SITES_MAX, sizeof(*all));
	unsigned n = all ? lock_profile_get(all, SITES_MAX) : 0, count = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		while (k < count && (!merge || rows[k].s.site != all[i].site))
			k++;
		if (k == count)
			rows[count++] = (struct row){ .s = { all[i].site,
						      all[i].lock, 0, 0 } };
		rows[k].s.count += all[i].count;
		rows[k].s.ns += all[i].ns;
		rows[k].locks++;
	}
	free(all);
	return count;
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
	struct row *rows = calloc(SITES_MAX, sizeof(*rows));
	unsigned n = rows ? collect(rows, !apart) : 0;
	int width = 9;

	if (n)
		qsort(rows, n, sizeof(*rows), mean ? by_mean : by_total);
	n = MIN(n, max);
	for (unsigned i = 0; i < n; i++)
		width = MAX(width, (int)strlen(rows[i].s.site));
	mon_printf(m, "%-9s  %14s  %-*s  %13s  %12s  %12s\n", "Type", "Object",
		   width, "Call site", "Wait Time (s)", "Count",
		   "Average (us)");
	dashes(m, 70 + (unsigned)width);
	for (unsigned i = 0; i < n; i++)
		show(m, &rows[i], width);
	dashes(m, 70 + (unsigned)width);
	free(rows);
}
