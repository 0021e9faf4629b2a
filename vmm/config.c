/* SPDX-License-Identifier: MIT */
/*
 * vm_config: made, filled with defaults, freed.
 *
 * Room:     plain data; the one place that knows what is there by default.
 * Never:    opens anything.
 */
#include "vmm/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/options_priv.h"
#include "vmm/opts_json.h"

void config_init(struct vm_config *c)
{
	*c = (struct vm_config){
		.cpus = 1, .max_cpus = 1, .sockets = 1, .cores = 1,
		.threads = 1, .ram_bytes = 128 * MiB,
		.sandbox = SANDBOX_ON, .broker = -1, .board = BOARD_PC,
	};
	config_set_str(&c->machine, "pc");
}

static void items_free(struct config_item *i)
{
	while (i) {
		struct config_item *next = i->next;

		free(i->text);
		free(i);
		i = next;
	}
}

void config_fini(struct vm_config *c)
{
	char *const strings[] = {
		c->machine, c->accel, c->accel_opts, c->cpu,
		c->kernel, c->initrd, c->append, c->name, c->uuid, c->gdb,
		c->log_items, c->log_file, c->pidfile, c->sandbox_paths,
		c->runas, c->chroot, c->jail,
	};

	for (unsigned i = 0; i < ARRAY_LEN(strings); i++)
		free(strings[i]);
	items_free(c->devices);
	items_free(c->drives);
	items_free(c->blockdevs);
	items_free(c->objects);
	items_free(c->fw_cfgs);
	items_free(c->add_fds);
	items_free(c->globals);
	items_free(c->netdevs);
	items_free(c->nics);
	items_free(c->chardevs);
	items_free(c->serials);
	items_free(c->monitors);
	items_free(c->mons);
	*c = (struct vm_config){ .broker = -1 };
}

void config_set_str(char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	assert(*field);
}

void config_append(struct config_item **list, const char *text)
{
	struct config_item *i = calloc(1, sizeof(*i));

	assert(i);
	config_set_str(&i->text, text);
	while (*list)
		list = &(*list)->next;
	*list = i;
}

int config_append_spec(struct config_item **list, const char *text,
		       struct err *e)
{
	struct strbuf s = STRBUF_INIT;
	int rc = 0;

	if (*text == '{')
		rc = opts_from_json_text(text, &s, e);
	if (!rc)
		config_append(list, *text == '{' ? s.buf : text);
	strbuf_fini(&s);
	return rc;
}

/* --- serial ports --- */

unsigned config_serial_count(const struct vm_config *c)
{
	unsigned n = 0;

	for (const struct config_item *i = c->serials; i; i = i->next)
		n++;
	return n;
}

/* The chardev id of item `n`, whose text is `text`, in a PREFIXn list. */
static const char *numbered_id(const char *text, const char *prefix,
			       unsigned n, char *buf, size_t len)
{
	if (!strcmp(text, "none"))
		return NULL;
	if (!strncmp(text, "chardev:", 8))
		return text + 8;
	snprintf(buf, len, "%s%u", prefix, n);
	return buf;
}

const char *config_serial(const struct vm_config *c, unsigned n, char buf[16])
{
	const struct config_item *i = c->serials;

	for (unsigned skip = n; i && skip; skip--)
		i = i->next;
	return i ? numbered_id(i->text, "serial", n, buf, 16) : NULL;
}

/* --- defaults --- */

/* A serial device asked for by -device takes the default one's place. */
static bool serial_device_given(const struct vm_config *c)
{
	for (const struct config_item *i = c->devices; i; i = i->next)
		if (!strncmp(i->text, "isa-serial", 10))
			return true;
	return false;
}

static void add_mon(struct vm_config *c, const char *id)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_addf(&s, "chardev=%s,mode=readline", id);
	config_append(&c->mons, s.buf);
	strbuf_fini(&s);
}

const char *config_monitor_spec(const char *text)
{
	return !strncmp(text, "qmp:", 4) ? text + 4 :
	       !strncmp(text, "qmp-pretty:", 11) ? text + 11 : text;
}

static void add_qmp(struct vm_config *c, const char *text, unsigned n)
{
	struct strbuf s = STRBUF_INIT;
	const char *spec = config_monitor_spec(text);
	char buf[32];
	const char *id = numbered_id(spec, "compat_monitor", n, buf,
				     sizeof(buf));

	if (!id)
		return;
	strbuf_addf(&s, "chardev=%s,mode=control%s", id,
		    text[3] == '-' ? ",pretty=on" : "");
	config_append(&c->mons, s.buf);
	strbuf_fini(&s);
}

static void list_monitors(struct vm_config *c)
{
	char buf[32];
	const char *id;
	unsigned n = 0;

	for (const struct config_item *i = c->monitors; i; i = i->next, n++) {
		if (config_monitor_spec(i->text) != i->text) {
			add_qmp(c, i->text, n);
			continue;
		}
		id = numbered_id(i->text, "compat_monitor", n, buf,
				 sizeof(buf));
		if (id)
			add_mon(c, id);
	}
	n = 0;
	for (const struct config_item *i = c->serials; i; i = i->next, n++) {
		if (strncmp(i->text, "mon:", 4))
			continue;
		snprintf(buf, sizeof(buf), "serial%u", n);
		add_mon(c, buf);
	}
}

/* "stdio", "mon:stdio,signal=off", "qmp:stdio", "id=x,backend=stdio". */
static bool names_stdio(const char *spec)
{
	const char *backend = strstr(spec, "backend=");

	spec = backend ? backend + 8 : config_monitor_spec(spec);
	if (!strncmp(spec, "mon:", 4))
		spec += 4;
	return !strncmp(spec, "stdio", 5) && (!spec[5] || spec[5] == ',');
}

/* Somebody asked for the terminal by name: it is no default's. */
static bool stdio_given(const struct vm_config *c)
{
	const struct config_item *const lists[] = {
		c->serials, c->monitors, c->chardevs
	};

	for (unsigned n = 0; n < ARRAY_LEN(lists); n++)
		for (const struct config_item *i = lists[n]; i; i = i->next)
			if (names_stdio(i->text))
				return true;
	return c->gdb && names_stdio(c->gdb);
}

int config_defaults(struct option_run *r, struct err *e)
{
	struct vm_config *c = r->c;
	const bool terminal = c->nographic ||
			      !(r->display_none || c->daemonize ||
				stdio_given(c));
	const bool serial = !c->nodefaults && !c->serials &&
			    !serial_device_given(c);
	const bool monitor = !c->nodefaults && !r->monitor_given;

	if (c->daemonize && c->nographic)
		return err_set(e, -EINVAL, "-nographic cannot be used with "
			       "-daemonize: a daemon has no terminal");
	if (terminal && serial)
		config_append(&c->serials, monitor ? "mon:stdio" : "stdio");
	else if (terminal && monitor)
		config_append(&c->monitors, "stdio");
	else if (serial)
		config_append(&c->serials, "null");
	list_monitors(c);
	return option_machine_done(c, e);
}
