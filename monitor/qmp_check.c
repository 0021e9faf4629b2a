/* SPDX-License-Identifier: MIT */
/*
 * QMP's types: the little language of members, and values checked by it.
 *
 * Talks to: qmp_types.c for the rows.
 * Never:    knows a command.
 */
#include "monitor/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool qmp_decl_next(const char **list, struct qmp_decl *d, bool *open)
{
	const char *p = *list;
	size_t n;

	for (;;) {
		p += strspn(p, " ");
		if (*p != '*')
			break;
		if (open)
			*open = true;
		p++;
	}
	*list = p;
	if (!*p)
		return false;
	memset(d, 0, sizeof(*d));
	n = strcspn(p, ":");
	assert(p[n] == ':' && n < sizeof(d->name));
	memcpy(d->name, p, n);
	p += n + 1;
	n = strcspn(p, " ");
	*list = p + n;
	if (p[n - 1] == '?') {
		d->optional = true;
		n--;
	}
	if (p[0] == '[') {
		d->array = true;
		p++;
		n -= 2;
	}
	assert(n < sizeof(d->type));
	memcpy(d->type, p, n);
	return true;
}

const struct qmp_type *qmp_type_find(const char *name)
{
	for (const struct qmp_type *t = qmp_types; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static int wrong_type(const char *where, const char *expected, struct err *e)
{
	return err_set(e, -EINVAL, "Invalid parameter type for '%s', "
		       "expected: %s", where, expected);
}

static bool word_in(const char *list, const char *word)
{
	const size_t n = strlen(word);

	for (const char *p = list; *p; p += strspn(p, " ")) {
		size_t k = strcspn(p, " ");

		if (k == n && !memcmp(p, word, n))
			return true;
		p += k;
	}
	return false;
}

static int check_builtin(const char *type, json_t *v, const char *where,
			 struct err *e)
{
	if (!strcmp(type, "any"))
		return 0;
	if (!strcmp(type, "str"))
		return json_is_string(v) ? 0 : wrong_type(where, "string", e);
	if (!strcmp(type, "bool"))
		return json_is_boolean(v) ? 0 :
		       wrong_type(where, "boolean", e);
	if (!strcmp(type, "number"))
		return json_is_number(v) ? 0 : wrong_type(where, "number", e);
	if (!json_is_integer(v))
		return wrong_type(where, "integer", e);
	if (!strcmp(type, "size") && json_integer_value(v) < 0)
		return err_set(e, -EINVAL, "Parameter '%s' expects uint64",
			       where);
	return 0;
}

static int check_one(const char *type, json_t *v, const char *where,
		     struct err *e)
{
	const struct qmp_type *t = qmp_type_find(type);

	if (!t)
		return check_builtin(type, v, where, e);
	if (t->values) {
		if (!json_is_string(v))
			return wrong_type(where, "string", e);
		if (word_in(t->values, json_string_value(v)))
			return 0;
		return err_set(e, -EINVAL, "Parameter '%s' does not accept "
			       "value '%.100s'", where, json_string_value(v));
	}
	if (!json_is_object(v))
		return wrong_type(where, "object", e);
	return qmp_check_members(t->members, v, where, e);
}

static int check_value(const struct qmp_decl *d, json_t *v, const char *where,
		       struct err *e)
{
	json_t *item;
	size_t i;

	if (!d->array)
		return check_one(d->type, v, where, e);
	if (!json_is_array(v))
		return wrong_type(where, "array", e);
	json_array_foreach(v, i, item) {
		char at[160];
		int rc;

		snprintf(at, sizeof(at), "%.120s[%zu]", where, i);
		rc = check_one(d->type, item, at, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool declared(const char *list, const char *key)
{
	struct qmp_decl d;
	bool open = false;

	while (qmp_decl_next(&list, &d, &open))
		if (!strcmp(d.name, key))
			return true;
	return open;
}

int qmp_check_members(const char *list, json_t *v, const char *prefix,
		      struct err *e)
{
	const char *key, *p = list;
	struct qmp_decl d;
	json_t *member;

	while (qmp_decl_next(&p, &d, NULL)) {
		char where[160];
		int rc = 0;

		snprintf(where, sizeof(where), "%.90s%s%s", prefix,
			 *prefix ? "." : "", d.name);
		member = json_object_get(v, d.name);
		if (member)
			rc = check_value(&d, member, where, e);
		else if (!d.optional)
			rc = err_set(e, -EINVAL, "Parameter '%s' is missing",
				     where);
		if (rc < 0)
			return rc;
	}
	json_object_foreach(v, key, member)
		if (!declared(list, key))
			return err_set(e, -EINVAL, "Parameter '%s%s%.100s' is "
				       "unexpected", prefix,
				       *prefix ? "." : "", key);
	return 0;
}
