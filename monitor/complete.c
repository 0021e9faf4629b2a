/* SPDX-License-Identifier: MIT */
/*
 * TAB: what may stand at the cursor, from the command table.
 *
 * Talks to: readline for the words; the main loop for files and chardevs.
 */
#include "monitor/mon.h"
#include "vmm/base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void mon_offer(struct mon *m, const char *word, const char *typed)
{
	if (m->rl && !strncmp(word, typed, strlen(typed)))
		readline_offer(m->rl, word);
}

void mon_offer_list(struct mon *m, const char *const *words,
		    const char *typed)
{
	readline_typed(m->rl, strlen(typed));
	for (; *words; words++)
		mon_offer(m, *words, typed);
}

/* --- from the main loop --- */

struct listing {
	struct mon *m;
	const char *typed;
	struct strbuf words;           /* NUL-terminated, one after the other */
};

static void offer_listing(struct listing *l)
{
	for (size_t i = 0; i < l->words.len; i += strlen(l->words.buf + i) + 1)
		mon_offer(l->m, l->words.buf + i, l->typed);
	strbuf_fini(&l->words);
}

static bool is_directory(DIR *dp, const char *name)
{
	struct stat st;

	return !fstatat(dirfd(dp), name, &st, 0) && S_ISDIR(st.st_mode);
}

static void list_files(void *opaque)
{
	struct listing *l = opaque;
	const char *slash = strrchr(l->typed, '/');
	size_t dir_len = slash ? (size_t)(slash - l->typed) + 1 : 0;
	const char *base = l->typed + dir_len;
	char dir[MON_WORD_MAX + 1], path[MON_WORD_MAX + 300];
	struct dirent *d;
	DIR *dp;
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", (int)dir_len, l->typed);
	fd = path_open(dir_len ? dir : ".", O_RDONLY | O_DIRECTORY, 0, NULL);
	dp = fd < 0 ? NULL : fdopendir(fd);
	if (!dp) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dp))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    strncmp(d->d_name, base, strlen(base)))
			continue;
		snprintf(path, sizeof(path), "%s%s", dir, d->d_name);
		strbuf_addf(&l->words, "%s%s", path,
			    is_directory(dp, d->d_name) ? "/" : "");
		strbuf_addc(&l->words, '\0');
	}
	closedir(dp);
}

void mon_offer_files(struct mon *m, const char *typed)
{
	struct listing l = { .m = m, .typed = typed, .words = STRBUF_INIT };

	readline_typed(m->rl, strlen(typed));
	mon_on_main(m, list_files, &l);
	offer_listing(&l);
}

struct chardev_listing {
	struct listing l;
	bool ringbufs;
};

static void list_chardev(struct chardev *c, void *opaque)
{
	struct chardev_listing *l = opaque;
	struct strbuf what = STRBUF_INIT;

	chardev_describe(c, &what);
	if (!l->ringbufs || !strcmp(what.buf, "ringbuf"))
		strbuf_add(&l->l.words, chardev_id(c),
			   strlen(chardev_id(c)) + 1);
	strbuf_fini(&what);
}

static void list_chardevs(void *opaque)
{
	struct chardev_listing *l = opaque;

	chardev_for_each(mon_vm(l->l.m)->chardevs, list_chardev, l);
}

void mon_offer_chardevs(struct mon *m, const char *typed, bool ringbufs)
{
	struct chardev_listing l = {
		.l = { .m = m, .typed = typed, .words = STRBUF_INIT },
		.ringbufs = ringbufs,
	};

	readline_typed(m->rl, strlen(typed));
	mon_on_main(m, list_chardevs, &l);
	offer_listing(&l.l);
}

/* --- from the table --- */

static void offer_names(struct mon *m, const struct mon_cmd *const *groups,
			const char *typed)
{
	char name[128];

	readline_typed(m->rl, strlen(typed));
	for (; *groups; groups++) {
		for (const struct mon_cmd *c = *groups; c->name; c++) {
			const char *p = c->name;

			while (*p && !(c->when & MON_FOREIGN) &&
			       mon_available(m, c)) {
				size_t n = strcspn(p, "|");

				snprintf(name, sizeof(name), "%.*s", (int)n, p);
				mon_offer(m, name, typed);
				p += n + (p[n] == '|');
			}
		}
	}
}

static bool has_flag(const char *args, char letter)
{
	struct mon_decl d;

	while (mon_decl_next(&args, &d))
		if (d.flag && d.letter == letter)
			return true;
	return false;
}

/* Declaration of the n-th word that is no flag; false: there is none. */
static bool nth_decl(const char *args, unsigned n, struct mon_decl *d,
		     unsigned *index)
{
	for (*index = 0; mon_decl_next(&args, d); ++*index)
		if (!d->flag && n-- == 0)
			return true;
	return false;
}

static void offer_argument(struct mon *m, const struct mon_cmd *c,
			   char **words, unsigned n)
{
	const char *typed = words[n - 1];
	unsigned plain = 0, index;
	struct mon_decl d;

	for (unsigned i = 0; i + 1 < n; i++)
		plain += !(words[i][0] == '-' && has_flag(c->args,
							  words[i][1]));
	if (!nth_decl(c->args, plain, &d, &index))
		return;
	if (c->complete)
		c->complete(m, index, typed);
	else if (!strcmp(d.kind, "file"))
		mon_offer_files(m, typed);
}

static void offer(struct mon *m, const struct mon_cmd *const *groups,
		  char **words, unsigned n)
{
	const struct mon_cmd *c;

	if (n <= 1) {
		offer_names(m, groups, n ? words[0] : "");
		return;
	}
	c = mon_find(groups, words[0], strlen(words[0]));
	if (!c)
		return;
	if (c->sub)
		offer(m, c->sub, words + 1, n - 1);
	else if (!strcmp(c->name, "help|?"))
		offer(m, mon_groups, words + 1, n - 1);
	else
		offer_argument(m, c, words + 1, n - 1);
}

void mon_complete(struct mon *m, const char *text)
{
	char *words[MON_ARGS_MAX];
	size_t len = strlen(text);
	unsigned n;

	if (!mon_split(text, words, &n))
		return;
	if (len && strchr(" \t", text[len - 1]) && n < MON_ARGS_MAX)
		words[n++] = strdup("");
	offer(m, mon_groups, words, n);
	mon_split_free(words, n);
}
