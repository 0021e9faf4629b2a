// SPDX-License-Identifier: MIT
/*
 * The wiring room, defaults: -global DRIVER.PROP=VALUE.
 *
 * Room:     from the options to the list each new device is given.
 * Talks to: the table of device classes; device_apply_defaults reads the list.
 * Thread:   the main loop's, before the first device.
 */
#include "vmm/machine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/log.h"
#include "vmm/base/opts.h"

static char *copy(const char *from, size_t n)
{
	char *to = strndup(from, n);

	assert(to);
	return to;
}

static void default_free(struct device_default *g)
{
	free(g->driver);
	free(g->prop);
	free(g->value);
	free(g);
}

/* "DRIVER.PROP=VALUE": the driver ends with the first dot. */
static int parse_short(struct device_default *g, const char *text,
		       struct err *e)
{
	const char *dot = strchr(text, '.'), *is = strchr(text, '=');

	if (!dot || !is || dot == text || is < dot + 2)
		return err_set(e, -EINVAL, "-global %s: DRIVER.PROP=VALUE is "
			       "expected", text);
	g->driver = copy(text, (size_t)(dot - text));
	g->prop = copy(dot + 1, (size_t)(is - dot - 1));
	g->value = copy(is + 1, strlen(is + 1));
	return 0;
}

/* "driver=D,property=P,value=V", for drivers with a dot in their names. */
static int parse_long(struct device_default *g, const char *text,
		      struct err *e)
{
	const char *driver, *prop, *value;
	struct opts o;
	int rc = opts_parse(&o, text, NULL, e);

	if (rc < 0)
		return rc;
	driver = opts_take(&o, "driver");
	prop = opts_take(&o, "property");
	value = opts_take(&o, "value");
	rc = opts_check_taken(&o, e);
	if (!rc && (!driver || !prop || !value))
		rc = err_set(e, -EINVAL, "driver=, property= and value= are "
			     "expected");
	if (rc < 0) {
		err_prefix(e, "-global %s", text);
	} else {
		g->driver = copy(driver, strlen(driver));
		g->prop = copy(prop, strlen(prop));
		g->value = copy(value, strlen(value));
	}
	opts_fini(&o);
	return rc;
}

static bool has_prop(const struct device_class *c, const char *name)
{
	for (const struct device_prop *p = c->props; p && p->name; p++)
		if (!strcmp(p->name, name))
			return true;
	return false;
}

/* Management programs write what the chip sets of QEMU's machines want; that no
 * such thing is here is no reason not to start.  A device a user adds that
 * lacks the property is a typing error.  1: of no use here. */
static int check(const struct device_default *g, struct err *e)
{
	const struct device_class *c = device_class_named(g->driver, true);

	if (!c)
		c = device_class_named(g->driver, false);
	if (c && has_prop(c, g->prop))
		return 0;
	if (c && c->user_creatable)
		return err_set(e, -ENOENT, "-global %s.%s=%s: Property '%s.%s' "
			       "not found", g->driver, g->prop, g->value,
			       g->driver, g->prop);
	log_warn("-global %s.%s=%s sets nothing: there is no %s '%s'",
		 g->driver, g->prop, g->value,
		 c ? "such property in" : "device", g->driver);
	return 1;
}

static int add_default(struct vm *vm, const char *text, struct err *e)
{
	struct device_default *g = calloc(1, sizeof(*g)), **at;
	int rc;

	assert(g);
	rc = strncmp(text, "driver=", 7) ? parse_short(g, text, e)
					 : parse_long(g, text, e);
	if (!rc)
		rc = check(g, e);
	if (rc) {
		default_free(g);
		return MIN(rc, 0);
	}
	for (at = &vm->defaults; *at; at = &(*at)->next)
		;
	*at = g;
	return 0;
}

int machine_set_defaults(struct vm *vm, struct err *e)
{
	const struct config_item *i = vm->config->globals;
	int rc = 0;

	for (; i && rc >= 0; i = i->next)
		rc = add_default(vm, i->text, e);
	vm->env.defaults = vm->defaults;
	return rc;
}

void machine_forget_defaults(struct vm *vm)
{
	struct device_default *g;

	while ((g = vm->defaults)) {
		vm->defaults = g->next;
		default_free(g);
	}
	vm->env.defaults = NULL;
}
