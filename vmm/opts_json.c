/* SPDX-License-Identifier: MIT */
/*
 * JSON objects as the option strings of the command line: QMP's arguments, and
 * libvirt's -device, -netdev, -blockdev and -object.
 *
 * Talks to: nobody.
 * Never:    lets a member's name or value become more than one option.
 */
#include "vmm/opts_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 256 };

static void add_escaped(struct strbuf *s, const char *p)
{
	for (; *p; p++) {
		if (*p == ',')
			strbuf_addc(s, ',');
		strbuf_addc(s, *p);
	}
}

static int add_scalar(struct strbuf *s, const char *name, json_t *v,
		      struct err *e)
{
	if (json_is_null(v))
		return err_set(e, -EINVAL, "Parameter '%.100s' is null", name);
	strbuf_addf(s, "%s%s=", s->len ? "," : "", name);
	if (json_is_integer(v))
		strbuf_addf(s, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		strbuf_addf(s, "%.17g", json_real_value(v));
	else if (json_is_boolean(v))
		strbuf_addstr(s, json_is_true(v) ? "on" : "off");
	else
		add_escaped(s, json_string_value(v));
	return 0;
}

static int add_value(struct strbuf *s, const char *outer, const char *key,
		     json_t *v, struct err *e)
{
	char name[NAME_MAX_LEN], index[32];
	const char *k;
	json_t *in;
	size_t i;
	int rc = snprintf(name, sizeof(name), "%s%s%s", outer,
			  *outer ? "." : "", key);

	if (rc >= (int)sizeof(name) || !*key || strpbrk(key, "=,"))
		return err_set(e, -EINVAL, "Parameter '%.100s' is unexpected",
			       key);
	rc = 0;
	if (!json_is_object(v) && !json_is_array(v))
		return add_scalar(s, name, v, e);
	json_object_foreach(v, k, in)
		if (rc == 0)
			rc = add_value(s, name, k, in, e);
	json_array_foreach(v, i, in) {
		snprintf(index, sizeof(index), "%zu", i);
		if (rc == 0)
			rc = add_value(s, name, index, in, e);
	}
	return rc;
}

int opts_from_json(json_t *object, struct strbuf *out, struct err *e)
{
	const char *key;
	json_t *v;
	int rc = 0;

	json_object_foreach(object, key, v)
		if (rc == 0)
			rc = add_value(out, "", key, v, e);
	return rc;
}

int opts_from_json_text(const char *text, struct strbuf *out, struct err *e)
{
	json_error_t why;
	json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	int rc;

	if (!v)
		return err_set(e, -EINVAL, "JSON parse error at byte %d: %.100s",
			       why.position, why.text);
	rc = json_is_object(v) ? opts_from_json(v, out, e) :
	     err_set(e, -EINVAL, "an object of JSON was expected");
	json_decref(v);
	return rc;
}
