/* SPDX-License-Identifier: MIT */
/*
 * The option table and the walk along argv.
 *
 * Room:     options.def is the list; everything here loops over it.
 * Talks to: option_args.c for arguments with a syntax of their own.
 * Never:    prints, exits, opens anything; ignores an option in silence.
 */
#include <errno.h>
#include <string.h>

#include "vmm/options_priv.h"

enum option_kind { K_STR, K_FLAG, K_ITEM, K_CALL, K_SAME, K_LATER };

struct option_row {
	const char *name;
	enum option_kind kind;
	bool has_arg;
	size_t field;                  /* offset, K_STR K_FLAG K_ITEM */
	option_fn *fn;                 /* K_CALL                      */
	const char *syntax, *help;     /* K_SAME: help is the name    */
	const char *except;            /* K_LATER: a value that is fine */
};

#define F(m) offsetof(struct vm_config, m)
#define STR(n, f, s, h)   { n, K_STR, true, F(f), NULL, s, h, NULL },
#define FLAG(n, f, h)     { n, K_FLAG, false, F(f), NULL, NULL, h, NULL },
#define ITEM(n, f, s, h)  { n, K_ITEM, true, F(f), NULL, s, h, NULL },
#define CALL(n, fn, s, h) { n, K_CALL, (s) != NULL, 0, fn, s, h, NULL },
#define SAME(n, as)       { n, K_SAME, false, 0, NULL, NULL, as, NULL },
#define LATER(n, s, w)    { n, K_LATER, (s) != NULL, 0, NULL, s, w, NULL },
#define LATER_BUT(n, v, s, w) { n, K_LATER, true, 0, NULL, s, w, v },
static const struct option_row option_rows[] = {
#include "vmm/options.def"
};
#undef F
#undef STR
#undef FLAG
#undef ITEM
#undef CALL
#undef SAME
#undef LATER
#undef LATER_BUT

static const struct option_row *option_find(const char *name)
{
	const struct option_row *end = option_rows + ARRAY_LEN(option_rows);

	for (const struct option_row *o = option_rows; o < end; o++) {
		if (strcmp(o->name, name))
			continue;
		return o->kind == K_SAME ? option_find(o->help) : o;
	}
	return NULL;
}

bool config_option(unsigned i, struct config_option *out)
{
	for (const struct option_row *o = option_rows;
	     o < option_rows + ARRAY_LEN(option_rows); o++) {
		if (o->kind == K_LATER || i--)
			continue;
		*out = (struct config_option){ .name = o->name };
		if (o->kind == K_SAME) {
			out->same_as = o->help;
		} else {
			out->syntax = o->syntax;
			out->help = o->help;
		}
		return true;
	}
	return false;
}

/* --- help --- */

enum { HELP_COLUMN = 17, HELP_WIDTH = 79 };

/* `text` from HELP_COLUMN on, where the line is now, broken between words. */
static void add_help(struct strbuf *out, const char *text)
{
	size_t at = HELP_COLUMN;

	while (*text) {
		const size_t n = strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + n > HELP_WIDTH) {
			strbuf_addf(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		} else if (at > HELP_COLUMN) {
			strbuf_addc(out, ' ');
			at++;
		}
		strbuf_add(out, text, n);
		at += n;
		text += n + (text[n] == ' ');
	}
	strbuf_addc(out, '\n');
}

static void add_row(struct strbuf *out, const struct option_row *o)
{
	const size_t start = out->len;
	int gap;

	strbuf_addf(out, "-%s", o->name);
	if (o->syntax && o->kind != K_SAME)
		strbuf_addf(out, " %s", o->syntax);
	gap = HELP_COLUMN - (int)(out->len - start);
	if (gap < 1)
		strbuf_addc(out, '\n');
	strbuf_addf(out, "%*s", gap < 1 ? HELP_COLUMN : gap, "");
	if (o->kind == K_SAME)
		strbuf_addf(out, "same as -%s\n", o->help);
	else
		add_help(out, o->help);
}

int option_help(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	(void)e;
	strbuf_addf(r->out, "usage: %s [option...]\n\n", r->argv0);
	for (unsigned i = 0; i < ARRAY_LEN(option_rows); i++)
		if (option_rows[i].kind != K_LATER)
			add_row(r->out, &option_rows[i]);
	strbuf_addstr(r->out, "\nOn the terminal Ctrl-a h lists the keys: "
		      "Ctrl-a c switches between console\nand monitor, "
		      "Ctrl-a x ends the VM.\n");
	r->c->wants_exit = true;
	return 0;
}

int option_version(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	(void)e;
	strbuf_addstr(r->out, "mote version " MOTE_VERSION "\n");
	r->c->wants_exit = true;
	return 0;
}

/* --- the walk --- */

static int option_apply(const struct option_row *o, struct option_run *r,
			const char *arg, struct err *e)
{
	void *field = (char *)r->c + o->field;

	switch (o->kind) {
	case K_STR:
		config_set_str(field, arg);
		return 0;
	case K_FLAG:
		*(bool *)field = true;
		return 0;
	case K_ITEM:
		config_append(field, arg);
		return 0;
	case K_CALL:
		return o->fn(r, arg, e);
	case K_LATER:
		if (arg && o->except && !strcmp(arg, o->except))
			return 0;
		return err_set(e, -ENOTSUP, "not supported yet: %s", o->help);
	case K_SAME:
		break;
	}
	return -EINVAL;                /* option_find follows K_SAME */
}

/* One option, and its argument; advances *argv past both. */
static int option_take(struct option_run *r, char ***argv, struct err *e)
{
	const char *word = *(*argv)++, *name = word + 1, *arg = NULL;
	const struct option_row *o;
	int rc;

	if (word[0] != '-' || !word[1])
		return err_set(e, -ENOTSUP, "%s: not supported yet: IDE disks, "
			       "which a word that is no option stands for "
			       "(-drive file=%s,if=virtio has one of virtio)",
			       word, word);
	if (name[0] == '-')
		name++;
	o = option_find(name);
	if (!o)
		return err_set(e, -EINVAL, "%s: invalid option", word);
	if (o->has_arg) {
		arg = **argv;
		if (!arg)
			return err_set(e, -EINVAL, "%s: requires an argument",
				       word);
		(*argv)++;
	}
	rc = option_apply(o, r, arg, e);
	if (rc < 0)
		err_prefix(e, arg && o->kind != K_LATER ? "%s %s" : "%s",
			   word, arg);
	return rc;
}

int config_parse(struct vm_config *c, int argc, char **argv,
		 struct strbuf *out, struct err *e)
{
	struct option_run r = { .c = c, .out = out, .argv0 = "mote" };

	if (argc > 0 && argv[0]) {
		const char *slash = strrchr(argv[0], '/');

		r.argv0 = slash ? slash + 1 : argv[0];
		argv++;
	}
	while (*argv && !c->wants_exit) {
		int rc = option_take(&r, &argv, e);

		if (rc < 0)
			return rc;
	}
	return c->wants_exit ? 0 : config_defaults(&r, e);
}
