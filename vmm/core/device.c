/* SPDX-License-Identifier: MIT */
/*
 * Devices: creation, properties, life cycle.  See device.h.
 *
 * Talks to: the buses a class's regions name; back-end finders of the env.
 * Never:    knows a class by name.
 */
#include "vmm/core/device.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/trace.h"
#include "vmm/core/chardev.h"
#include "vmm/core/clock.h"

const struct device_class *device_class_find(const char *name)
{
	for (unsigned i = 0; device_classes[i]; i++)
		if (!strcmp(device_classes[i]->name, name))
			return device_classes[i];
	return NULL;
}

const struct device_class *device_class_named(const char *name, bool pci)
{
	const struct device_class *c = device_class_find(name);
	char full[64];

	if (c || strncmp(name, "virtio-", 7))
		return c;
	snprintf(full, sizeof(full), "%s-%s", name, pci ? "pci" : "device");
	return device_class_find(full);
}

static void *prop_at(const struct device *d, const struct device_prop *p)
{
	return (char *)d + p->offset;
}

static unsigned count_props(const struct device_class *c)
{
	unsigned n = 0;

	while (c->props && c->props[n].name)
		n++;
	return n;
}

static const struct device_prop *find_prop(const struct device *d,
					   const char *name)
{
	const struct device_prop *p;

	for (p = d->class->props; p && p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static char *copy(const char *z)
{
	char *p = strdup(z);

	if (!p)
		abort();
	return p;
}

static const char *label(const struct device *d)
{
	return d->id ? d->id : d->class->name;
}

/* --- text to value --- */

static int bad_value(const struct device *d, const struct device_prop *p,
		     const char *value, struct err *e)
{
	return err_set(e, -EINVAL, "Property '%s.%s' doesn't take value '%s'",
		       d->class->name, p->name, value);
}

static unsigned int_size(enum prop_type t)
{
	switch (t) {
	case PROP_U8:  return 1;
	case PROP_U16: return 2;
	case PROP_U32: return 4;
	default:       return 8;
	}
}

/* Negative numbers are taken in two's complement of the property's width. */
static int set_int(struct device *d, const struct device_prop *p,
		   const char *value, struct err *e)
{
	unsigned size = int_size(p->type);
	u64 max = size == 8 ? UINT64_MAX : BIT64(8 * size) - 1, n;
	bool minus = *value == '-';
	void *at = prop_at(d, p);
	int rc;

	if (p->type == PROP_SIZE)
		rc = opts_size(value, 0, &n);
	else
		rc = opts_u64(value + minus, &n);
	if (rc < 0)
		return bad_value(d, p, value, e);
	if (n > max || (minus && n > max / 2 + 1))
		return err_set(e, -EINVAL, "Property '%s.%s' is at most %llu",
			       d->class->name, p->name, (unsigned long long)max);
	if (minus)
		n = -n & max;
	switch (size) {
	case 1:  *(u8 *)at = n; break;
	case 2:  *(u16 *)at = n; break;
	case 4:  *(u32 *)at = n; break;
	default: *(u64 *)at = n; break;
	}
	return 0;
}

static int set_enum(struct device *d, const struct device_prop *p,
		    const char *value, struct err *e)
{
	for (u32 i = 0; p->enum_names[i]; i++) {
		if (!strcmp(p->enum_names[i], value)) {
			*(u32 *)prop_at(d, p) = i;
			return 0;
		}
	}
	return bad_value(d, p, value, e);
}

static void *find_backend(const struct device *d, enum prop_type t,
			  const char *id)
{
	const struct device_env *env = d->env;

	if (t == PROP_CHARDEV)
		return env->find_chardev ? env->find_chardev(env->opaque, id)
					 : NULL;
	return env->find_backend ? env->find_backend(env->opaque, t, id) : NULL;
}

/* Back ends by id; "" detaches. */
static int set_backend(struct device *d, const struct device_prop *p,
		       const char *value, struct err *e)
{
	char **text = &d->prop_text[p - d->class->props];
	void *be = NULL;

	if (*value) {
		be = find_backend(d, p->type, value);
		if (!be)
			return err_set(e, -EINVAL, "Property '%s.%s' can't find "
				       "value '%s'", d->class->name, p->name,
				       value);
	}
	*(void **)prop_at(d, p) = be;
	free(*text);
	*text = copy(value);
	return 0;
}

static int set_value(struct device *d, const struct device_prop *p,
		     const char *value, struct err *e)
{
	char **str;

	switch (p->type) {
	case PROP_BOOL:
		if (opts_bool(value, prop_at(d, p)) < 0)
			return bad_value(d, p, value, e);
		return 0;
	case PROP_STR:
		str = prop_at(d, p);
		free(*str);
		*str = copy(value);
		return 0;
	case PROP_ENUM:
		return set_enum(d, p, value, e);
	case PROP_CHARDEV:
	case PROP_NETDEV:
	case PROP_DRIVE:
	case PROP_IOTHREAD:
		return set_backend(d, p, value, e);
	default:
		return set_int(d, p, value, e);
	}
}

int device_set_prop(struct device *d, const char *name, const char *value,
		    struct err *e)
{
	const struct device_prop *p = find_prop(d, name);
	int rc;

	if (!p)
		return err_set(e, -ENOENT, "Property '%s.%s' not found",
			       d->class->name, name);
	if (d->realized && !p->runtime)
		return err_set(e, -EPERM, "Property '%s' of '%s' cannot change "
			       "once the device is in use", name, label(d));
	rc = set_value(d, p, value, e);
	if (rc == 0 && d->realized && d->class->changed)
		rc = d->class->changed(d, e);
	return rc;
}

int device_get_prop(struct device *d, const char *name, struct strbuf *out)
{
	const struct device_prop *p = find_prop(d, name);
	const char *text;
	void *at;

	if (!p)
		return -ENOENT;
	at = prop_at(d, p);
	switch (p->type) {
	case PROP_BOOL:
		strbuf_addstr(out, *(bool *)at ? "true" : "false");
		break;
	case PROP_STR:
		text = *(char **)at;
		strbuf_addstr(out, text ? text : "");
		break;
	case PROP_ENUM:
		strbuf_addstr(out, p->enum_names[*(u32 *)at]);
		break;
	case PROP_CHARDEV:
	case PROP_NETDEV:
	case PROP_DRIVE:
	case PROP_IOTHREAD:
		text = d->prop_text[p - d->class->props];
		strbuf_addstr(out, text ? text : "");
		break;
	case PROP_U8:  strbuf_addf(out, "%u", *(u8 *)at);  break;
	case PROP_U16: strbuf_addf(out, "%u", *(u16 *)at); break;
	case PROP_U32: strbuf_addf(out, "%u", *(u32 *)at); break;
	case PROP_U64:
	case PROP_SIZE:
		strbuf_addf(out, "%llu", (unsigned long long)*(u64 *)at);
		break;
	}
	return 0;
}

/* --- life --- */

struct device *device_create(const struct device_class *c, const char *id,
			     const struct device_env *env)
{
	struct device *d;
	struct err e;

	assert(c->size >= sizeof(*d));
	d = calloc(1, c->size);
	if (!d)
		abort();
	d->class = c;
	d->env = env;
	d->id = id ? copy(id) : NULL;
	list_init(&d->node);
	lock_init(&d->lock, c->name);
	d->prop_text = calloc(count_props(c) + 1, sizeof(*d->prop_text));
	if (!d->prop_text)
		abort();
	for (const struct device_prop *p = c->props; p && p->name; p++)
		if (p->def && set_value(d, p, p->def, &e) < 0)
			assert(!"a property's default does not parse");
	return d;
}

int device_apply_defaults(struct device *d, struct err *e)
{
	const struct device_default *g = d->env->defaults;

	for (; g; g = g->next) {
		int rc;

		if (device_class_named(g->driver, d->env->pci) != d->class)
			continue;
		rc = device_set_prop(d, g->prop, g->value, e);
		if (rc < 0) {
			err_prefix(e, "-global %s.%s=%s", g->driver, g->prop,
				   g->value);
			return rc;
		}
	}
	return 0;
}

static u64 region_base(const struct device *d, const struct device_region *r)
{
	const char *at = (const char *)d + r->base_off;

	if (!r->base_off)
		return r->base;
	return r->base_size == 8 ? *(const u64 *)(const void *)at
				 : *(const u32 *)(const void *)at;
}

static void unmap_all(struct device *d)
{
	if (d->env->pio)
		bus_unmap_device(d->env->pio, d);
	if (d->env->mmio)
		bus_unmap_device(d->env->mmio, d);
}

/* Off the buses, and no vCPU in one of its callbacks any more. */
static void take_off_buses(struct device *d)
{
	unmap_all(d);
	if (d->env->pio)
		bus_quiesce(d->env->pio);
	if (d->env->mmio)
		bus_quiesce(d->env->mmio);
}

/* A region placed by a property that is 0 is the class's own to map. */
static int map_regions(struct device *d, struct err *e)
{
	const struct device_region *r;
	int rc;

	for (r = d->class->regions; r && r->len; r++) {
		struct region m = {
			.name = r->name, .base = region_base(d, r),
			.len = r->len, .ops = r->ops, .dev = d,
		};

		if (r->base_off && !m.base)
			continue;
		rc = bus_map(r->space == SPACE_PIO ? d->env->pio : d->env->mmio,
			     &m, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int device_realize(struct device *d, struct err *e)
{
	int rc;

	assert(!d->realized);
	rc = map_regions(d, e);
	if (rc == 0 && d->class->realize)
		rc = d->class->realize(d, e);
	if (rc < 0) {
		unmap_all(d);
		return rc;
	}
	d->realized = true;
	trace(device_realize, "%s id %s", d->class->name, d->id ? d->id : "");
	return 0;
}

void device_reset(struct device *d)
{
	trace(device_reset, "%s id %s", d->class->name, d->id ? d->id : "");
	if (d->class->reset)
		d->class->reset(d);
}

void device_quiesce(struct device *d)
{
	if (d->class->quiesce)
		d->class->quiesce(d);
}

void device_resume(struct device *d)
{
	if (d->class->resume)
		d->class->resume(d);
}

int device_save(struct device *d, struct strbuf *out, struct err *e)
{
	const struct state_desc *s = d->class->state;
	int rc = s && s->pre_save ? s->pre_save(d, e) : 0;

	if (s && rc == 0)
		state_save(s, d, out);
	return rc;
}

int device_load(struct device *d, unsigned version, const void *buf,
		size_t len, struct err *e)
{
	const struct state_desc *s = d->class->state;
	int rc;

	if (!s)
		return len ? err_set(e, -EINVAL, "%s: has no state",
				     d->class->name) : 0;
	rc = state_load(s, d, version, buf, len, e);
	return rc == 0 && s->post_load ? s->post_load(d, version, e) : rc;
}

static void free_props(struct device *d)
{
	unsigned n = count_props(d->class);

	for (unsigned i = 0; i < n; i++) {
		const struct device_prop *p = &d->class->props[i];

		if (p->type == PROP_STR)
			free(*(char **)prop_at(d, p));
		free(d->prop_text[i]);
	}
	free(d->prop_text);
}

void device_event(struct device *d, enum device_event ev)
{
	trace(device_event, "%s event %d", d->class ? d->class->name : "",
	      (int)ev);
	if (!atomic_fetch_or(&d->events, BIT(ev)) && d->env->events_due)
		d->env->events_due(d->env->opaque);
}

/* Off the buses before unrealize, and once more after it: what a class maps
 * itself may come back until then (BARs: see pci_dev_unrealize). */
void device_destroy(struct device *d)
{
	if (!d)
		return;
	trace(device_destroy, "%s id %s", d->class->name, d->id ? d->id : "");
	take_off_buses(d);
	if (d->realized && d->class->unrealize) {
		d->class->unrealize(d);
		take_off_buses(d);
	}
	list_remove(&d->node);
	free_props(d);
	lock_fini(&d->lock);
	free(d->id);
	free(d);
}

s64 device_now(const struct device *d)
{
	return clock_guest_ns(d->env->clock);
}
