/* SPDX-License-Identifier: MIT */
/*
 * QMP about itself: the table of groups, query-qmp-schema, docs/ref/qmp.md.
 *
 * Add a group: a line below and a qmp_*.c with its rows.
 */
#include "monitor/monitor.h"
#include "monitor/qmp.h"

#include <stdlib.h>
#include <string.h>

#define QMP_GROUPS(X) X(run) X(query) X(probe) X(char) X(device) X(block) X(guest) X(virtio) \
		      X(rate) X(input) X(trace)

#define DECLARE(g) extern const struct qmp_cmd qmp_##g##_cmds[];
QMP_GROUPS(DECLARE)
#undef DECLARE

#define ROW(g) qmp_##g##_cmds,
const struct qmp_cmd *const qmp_groups[] = { QMP_GROUPS(ROW) NULL };
#undef ROW

const struct qmp_cmd *qmp_find(const char *name)
{
	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++)
		for (const struct qmp_cmd *c = *g; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

/* --- query-qmp-schema --- */

static const char *const builtins[][2] = {
	{ "str", "string" }, { "int", "int" }, { "size", "int" },
	{ "number", "number" }, { "bool", "boolean" }, { "any", "value" },
};

/* An entity, once. */
static void add(json_t *list, json_t *seen, const char *name, json_t *v)
{
	if (json_object_get(seen, name)) {
		json_decref(v);
		return;
	}
	json_object_set_new(seen, name, json_true());
	json_array_append_new(list, v);
}

static void type_name(const struct qmp_decl *d, char *buf, size_t size)
{
	snprintf(buf, size, d->array ? "[%s]" : "%s", d->type);
}

static void add_array(json_t *list, json_t *seen, const char *name)
{
	char element[64];

	if (*name != '[')
		return;
	snprintf(element, sizeof(element), "%.*s", (int)strlen(name) - 2,
		 name + 1);
	add(list, seen, name, json_pack("{s:s,s:s,s:s}", "name", name,
		"meta-type", "array", "element-type", element));
}

static json_t *members_json(json_t *list, json_t *seen, const char *members)
{
	json_t *out = json_array();
	struct qmp_decl d;

	while (qmp_decl_next(&members, &d, NULL)) {
		char type[64];
		json_t *v;

		type_name(&d, type, sizeof(type));
		add_array(list, seen, type);
		v = json_pack("{s:s,s:s}", "name", d.name, "type", type);
		if (d.optional)
			json_object_set_new(v, "default", json_null());
		json_array_append_new(out, v);
	}
	return out;
}

static void add_object(json_t *list, json_t *seen, const char *name,
		       const char *members)
{
	json_t *v = json_pack("{s:s,s:s}", "name", name, "meta-type",
			      "object");

	json_object_set_new(v, "members", members_json(list, seen, members));
	add(list, seen, name, v);
}

static void add_enum(json_t *list, json_t *seen, const struct qmp_type *t)
{
	json_t *v = json_pack("{s:s,s:s}", "name", t->name, "meta-type",
			      "enum");
	json_t *values = json_array(), *members = json_array();

	for (const char *p = t->values; *p; p += strspn(p, " ")) {
		const size_t n = strcspn(p, " ");

		json_array_append_new(values, json_stringn(p, n));
		json_array_append_new(members, json_pack("{s:o}", "name",
						json_stringn(p, n)));
		p += n;
	}
	json_object_set_new(v, "members", members);
	json_object_set_new(v, "values", values);
	add(list, seen, t->name, v);
}

static void add_types(json_t *list, json_t *seen)
{
	for (unsigned i = 0; i < ARRAY_LEN(builtins); i++)
		add(list, seen, builtins[i][0], json_pack("{s:s,s:s,s:s}",
			"name", builtins[i][0], "meta-type", "builtin",
			"json-type", builtins[i][1]));
	add_object(list, seen, "q_empty", "");
	for (const struct qmp_type *t = qmp_types; t->name; t++) {
		if (t->values)
			add_enum(list, seen, t);
		else
			add_object(list, seen, t->name, t->members);
	}
}

/* The name of the type of a list of members; "q_empty" for none. */
static const char *argument_type(json_t *list, json_t *seen, const char *name,
				 const char *members, char *buf, size_t size)
{
	if (!*members)
		return "q_empty";
	snprintf(buf, size, "q_obj_%s-arg", name);
	add_object(list, seen, buf, members);
	return buf;
}

static void add_command(json_t *list, json_t *seen, const struct qmp_cmd *c)
{
	char buf[96];
	const char *arg = argument_type(list, seen, c->name, c->args, buf,
					sizeof(buf));
	json_t *v;

	add_array(list, seen, c->ret);
	v = json_pack("{s:s,s:s,s:s,s:s}", "name", c->name, "meta-type",
		      "command", "arg-type", arg, "ret-type",
		      *c->ret ? c->ret : "q_empty");
	if (c->when & QMP_OOB)
		json_object_set_new(v, "allow-oob", json_true());
	add(list, seen, c->name, v);
}

json_t *qmp_schema(void)
{
	json_t *list = json_array(), *seen = json_object();
	char buf[96];

	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++)
		for (const struct qmp_cmd *c = *g; c->name; c++)
			add_command(list, seen, c);
	for (const struct qmp_event_row *r = qmp_event_rows; r->name; r++) {
		const char *arg = argument_type(list, seen, r->name, r->data,
						buf, sizeof(buf));

		add(list, seen, r->name, json_pack("{s:s,s:s,s:s}", "name",
			r->name, "meta-type", "event", "arg-type", arg));
	}
	add_types(list, seen);
	json_decref(seen);
	return list;
}

/* --- docs/ref/qmp.md --- */

static int by_name(const void *a, const void *b)
{
	const struct qmp_cmd *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void document_members(struct strbuf *out, const char *members)
{
	struct qmp_decl d;
	bool open = false, any = false;

	while (qmp_decl_next(&members, &d, &open)) {
		strbuf_addf(out, "%s`%s`: %s%s%s%s", any ? ", " : "", d.name,
			    d.array ? "list of " : "", d.type,
			    d.optional ? " (optional)" : "", "");
		any = true;
	}
	if (open)
		strbuf_addf(out, "%s", any ? ", and others" : "any");
	strbuf_addstr(out, any || open ? "" : "none");
}

static void document_commands(struct strbuf *out)
{
	const struct qmp_cmd *rows[512];
	unsigned n = 0;

	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++)
		for (const struct qmp_cmd *c = *g; c->name; c++)
			if (n < ARRAY_LEN(rows))
				rows[n++] = c;
	qsort(rows, n, sizeof(rows[0]), by_name);
	strbuf_addf(out, "%u commands.\n\n", n);
	for (unsigned i = 0; i < n; i++) {
		const struct qmp_cmd *c = rows[i];

		strbuf_addf(out, "### %s\n\n%s\n\nArguments: ", c->name,
			    c->doc);
		document_members(out, c->args);
		strbuf_addf(out, ".  \nReturns: %s.%s\n\n",
			    *c->ret ? c->ret : "nothing",
			    c->when & MON_PRE ? "  \nAlso before the machine "
			    "is built." : "");
	}
}

static void document_types(struct strbuf *out)
{
	for (const struct qmp_type *t = qmp_types; t->name; t++) {
		strbuf_addf(out, "- **%s**: ", t->name);
		if (t->values)
			strbuf_addf(out, "one of %s", t->values);
		else
			document_members(out, t->members);
		strbuf_addstr(out, "\n");
	}
}

void qmp_document(struct strbuf *out)
{
	strbuf_addstr(out,
		"# QMP\n\n"
		"Generated from the tables in `monitor/qmp_*.c` by `make "
		"docs-ref`; do not edit.\n\n"
		"`-qmp DEV`, `-qmp-pretty DEV` or `-mon chardev=ID,"
		"mode=control` opens it. Names, arguments and errors are "
		"QEMU's; `query-qmp-schema` answers this page as data.\n\n"
		"## Commands\n\n");
	document_commands(out);
	strbuf_addstr(out, "## Events\n\n");
	for (const struct qmp_event_row *r = qmp_event_rows; r->name; r++) {
		strbuf_addf(out, "- **%s**: %s Data: ", r->name, r->doc);
		document_members(out, r->data);
		strbuf_addstr(out, ".\n");
	}
	strbuf_addstr(out, "\n## Types\n\n");
	document_types(out);
}
