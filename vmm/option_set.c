// SPDX-License-Identifier: MIT
/*
 * Argument of -set: one more argument for an option given before.
 *
 * Never:    knows what the argument means; who reads that option does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/base/strbuf.h"
#include "vmm/options_priv.h"

static const struct {
	const char *name;
	size_t list;                   /* of config_item, in vm_config */
} groups[] = {
	{ "device",  offsetof(struct vm_config, devices) },
	{ "drive",   offsetof(struct vm_config, drives) },
	{ "netdev",  offsetof(struct vm_config, netdevs) },
	{ "chardev", offsetof(struct vm_config, chardevs) },
	{ "object",  offsetof(struct vm_config, objects) },
};

static bool has_id(const struct config_item *i, const char *id)
{
	struct opts o;
	const char *its;
	bool same;

	if (opts_parse(&o, i->text, "driver", NULL) < 0)
		return false;          /* its reader will say so       */
	its = opts_find(&o, "id");
	same = its && !strcmp(its, id);
	opts_fini(&o);
	return same;
}

/* The last of a key repeated wins; a comma is written twice. */
static void add_arg(struct config_item *i, const char *arg)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_addf(&s, "%s,", i->text);
	for (; *arg; arg++)
		strbuf_addf(&s, *arg == ',' ? ",," : "%c", *arg);
	config_set_str(&i->text, s.buf);
	strbuf_fini(&s);
}

static int set_in(struct option_run *r, const char *group, const char *id,
		  const char *arg, struct err *e)
{
	for (unsigned n = 0; n < ARRAY_LEN(groups); n++) {
		struct config_item *i;

		if (strcmp(groups[n].name, group))
			continue;
		i = *(struct config_item **)(void *)((char *)r->c +
						     groups[n].list);
		for (; i; i = i->next) {
			if (!has_id(i, id))
				continue;
			add_arg(i, arg);
			return 0;
		}
		return err_set(e, -ENOENT, "there is no -%s with id=%s before "
			       "it", group, id);
	}
	return err_set(e, -EINVAL, "'%s' is none of device, drive, netdev, "
		       "chardev, object", group);
}

int option_set(struct option_run *r, const char *arg, struct err *e)
{
	char *group = strdup(arg), *id, *rest = NULL;
	int rc;

	if (!group)
		abort();
	id = strchr(group, '.');
	if (id) {
		*id++ = 0;
		rest = strchr(id, '.');
	}
	if (rest)
		*rest++ = 0;
	if (!rest || !*group || !*id || *rest == '=' || !strchr(rest, '='))
		rc = err_set(e, -EINVAL, "GROUP.ID.ARG=VALUE is expected");
	else
		rc = set_in(r, group, id, rest, e);
	free(group);
	return rc;
}
