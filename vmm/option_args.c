/* SPDX-License-Identifier: MIT */
/*
 * Arguments of options that are more than a string to keep.
 *
 * Room:     one function an option; each checks all it keeps.
 * Talks to: vmm/base/opts.c for "a=b,c=d".
 * Never:    accepts a key or value that would have no effect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/arch.h"
#include "vmm/base/lock.h"
#include "vmm/base/log.h"
#include "vmm/base/opts.h"
#include "vmm/base/trace.h"
#include "vmm/block/blk.h"
#include "vmm/core/chardev.h"
#include "vmm/core/device.h"
#include "vmm/machine.h"
#include "vmm/objects.h"
#include "vmm/options_priv.h"

enum { MAX_CPUS = 255 };

struct choice {
	const char *name;
	int value;
};

static int choose(const struct choice *all, const char *text, int *value,
		  struct err *e)
{
	struct strbuf names = STRBUF_INIT;

	for (const struct choice *c = all; c->name; c++) {
		if (!strcmp(c->name, text)) {
			*value = c->value;
			strbuf_fini(&names);
			return 0;
		}
		strbuf_addf(&names, "%s%s", c == all ? "" : ", ", c->name);
	}
	err_set(e, -EINVAL, "invalid value '%s': %s", text, names.buf);
	strbuf_fini(&names);
	return -EINVAL;
}

static bool asks_help(const char *arg)
{
	return !strcmp(arg, "help") || !strcmp(arg, "?");
}

static int helped(struct option_run *r)
{
	r->c->wants_exit = true;
	return 0;
}

/* --- the accelerator --- */

static int accel_add(struct vm_config *c, const char *name, struct err *e)
{
	struct strbuf s = STRBUF_INIT;

	if (strcmp(name, "kvm") && strcmp(name, "tcg"))
		return err_set(e, -EINVAL, "invalid accelerator %s (there are "
			       "kvm and tcg)", name);
	if (c->accel)
		strbuf_addf(&s, "%s:", c->accel);
	strbuf_addstr(&s, name);
	config_set_str(&c->accel, s.buf);
	strbuf_fini(&s);
	return 0;
}

static int accel_props(struct vm_config *c, struct opts *o, struct err *e)
{
	const char *thread = opts_take(o, "thread");
	const char *irqchip = opts_take(o, "kernel-irqchip");
	bool helper = !c->no_helper;
	u64 ring = c->dirty_ring;
	int rc = opts_take_bool(o, "helper", &helper, e);

	if (!rc)
		rc = opts_take_u64(o, "dirty-ring-size", &ring, e);
	if (rc < 0)
		return rc;
	c->no_helper = !helper;
	c->dirty_ring = (unsigned)MIN(ring, (u64)UINT32_MAX);
	if (thread && strcmp(thread, "multi"))
		return err_set(e, -ENOTSUP, "not supported yet: thread=%s",
			       thread);
	if (irqchip && strcmp(irqchip, "on"))
		return err_set(e, -ENOTSUP, "not supported yet: "
			       "kernel-irqchip=%s", irqchip);
	if (opts_take_bool(o, "perfmap", &c->perfmap, e) < 0 ||
	    opts_take_bool(o, "jitdump", &c->jitdump, e) < 0 ||
	    opts_take_bool(o, "one-insn-per-tb", &c->one_insn, e) < 0 ||
	    opts_take_bool(o, "eager", &c->eager, e) < 0 ||
	    opts_take_bool(o, "switch", &c->can_switch, e) < 0)
		return -EINVAL;
	return opts_check_taken(o, e);
}

int option_accel(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	const char *name;
	int rc;

	if (asks_help(arg)) {
		strbuf_addstr(r->out, "Accelerators supported:\nkvm\ntcg\n");
		return helped(r);
	}
	rc = opts_parse(&o, arg, "accel", e);
	if (rc < 0)
		return rc;
	name = opts_take(&o, "accel");
	rc = name ? accel_add(r->c, name, e) :
	     err_set(e, -EINVAL, "no accelerator named");
	if (!rc)
		rc = accel_props(r->c, &o, e);
	opts_fini(&o);
	return rc;
}

int option_sync_profile(struct option_run *r, const char *arg, struct err *e)
{
	(void)r, (void)arg, (void)e;
	lock_profile_set(true);
	return 0;
}

static int trace_opts(struct opts *o, struct err *e)
{
	const char *pattern = opts_take(o, "enable");
	const char *file = opts_take(o, "file");
	int rc = opts_check_taken(o, e);

	if (!rc && pattern && !trace_set(pattern, true))
		rc = err_set(e, -EINVAL, "there is no trace point '%s'",
			     pattern);
	if (!rc && file) {
		trace_file_name(file);
		rc = trace_file_on(e);
	}
	return rc;
}

int option_trace(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	int rc;

	if (asks_help(arg)) {
		for (unsigned i = 0; i < TRACE_COUNT; i++)
			strbuf_addf(r->out, "%s\n", trace_events[i].name);
		return helped(r);
	}
	rc = opts_parse(&o, arg, "enable", e);
	if (rc < 0)
		return rc;
	rc = trace_opts(&o, e);
	opts_fini(&o);
	return rc;
}

/* There is none to leave out. */
int option_no_hpet(struct option_run *r, const char *arg, struct err *e)
{
	(void)r, (void)arg, (void)e;
	return 0;
}

int option_enable_kvm(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	return accel_add(r->c, "kvm", e);
}

int option_cpu(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	if (asks_help(arg)) {
		if (arch_x86_64.list_cpus)
			arch_x86_64.list_cpus(r->out);
		return helped(r);
	}
	config_set_str(&r->c->cpu, arg);
	return 0;
}

/* --- -smp --- */

struct smp {
	u64 cpus, maxcpus, sockets, dies, clusters, cores, threads;
};

static int smp_read(struct opts *o, struct smp *s, struct err *e)
{
	const struct {
		const char *key;
		u64 *value;
	} keys[] = {
		{ "cpus", &s->cpus }, { "maxcpus", &s->maxcpus },
		{ "sockets", &s->sockets }, { "dies", &s->dies },
		{ "clusters", &s->clusters }, { "cores", &s->cores },
		{ "threads", &s->threads },
	};

	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		int rc = opts_take_u64(o, keys[i].key, keys[i].value, e);

		if (rc < 0)
			return rc;
		if (opts_find(o, keys[i].key) &&
		    (!*keys[i].value || *keys[i].value > 0xffff))
			return err_set(e, -EINVAL, "%s=%s is out of range",
				       keys[i].key, opts_find(o, keys[i].key));
	}
	if (s->dies > 1 || s->clusters > 1)
		return err_set(e, -ENOTSUP, "not supported yet: dies and "
			       "clusters");
	return opts_check_taken(o, e);
}

/* What is left out follows from the rest; cores grow before sockets do. */
static void smp_complete(struct smp *s)
{
	u64 n = s->maxcpus ? s->maxcpus : s->cpus;

	if (!n) {
		s->sockets = s->sockets ? s->sockets : 1;
		s->cores = s->cores ? s->cores : 1;
		s->threads = s->threads ? s->threads : 1;
		n = s->sockets * s->cores * s->threads;
	}
	if (!s->cores) {
		s->sockets = s->sockets ? s->sockets : 1;
		s->threads = s->threads ? s->threads : 1;
		s->cores = n / (s->sockets * s->threads);
	} else if (!s->sockets) {
		s->threads = s->threads ? s->threads : 1;
		s->sockets = n / (s->cores * s->threads);
	}
	if (!s->threads)
		s->threads = n / (s->sockets * s->cores);
	s->maxcpus = n;
	if (!s->cpus)
		s->cpus = n;
}

static int smp_check(const struct smp *s, struct err *e)
{
	if (s->sockets * s->cores * s->threads != s->maxcpus)
		return err_set(e, -EINVAL, "Invalid CPU topology: sockets (%u)"
			       " * cores (%u) * threads (%u) != maxcpus (%u)",
			       (unsigned)s->sockets, (unsigned)s->cores,
			       (unsigned)s->threads, (unsigned)s->maxcpus);
	if (s->maxcpus < s->cpus)
		return err_set(e, -EINVAL, "Invalid CPU topology: maxcpus (%u)"
			       " is less than cpus (%u)", (unsigned)s->maxcpus,
			       (unsigned)s->cpus);
	if (s->maxcpus > MAX_CPUS)
		return err_set(e, -EINVAL, "Invalid SMP CPUs %u: this machine "
			       "has at most %u", (unsigned)s->maxcpus,
			       MAX_CPUS);
	if (s->maxcpus > s->cpus)
		return err_set(e, -ENOTSUP, "not supported yet: CPU hot-plug "
			       "(maxcpus greater than cpus)");
	return 0;
}

int option_smp(struct option_run *r, const char *arg, struct err *e)
{
	struct smp s = { 0 };
	struct opts o;
	int rc = opts_parse(&o, arg, "cpus", e);

	if (rc < 0)
		return rc;
	rc = smp_read(&o, &s, e);
	opts_fini(&o);
	if (rc < 0)
		return rc;
	smp_complete(&s);
	rc = smp_check(&s, e);
	if (rc < 0)
		return rc;
	r->c->cpus = (unsigned)s.cpus;
	r->c->max_cpus = (unsigned)s.maxcpus;
	r->c->sockets = (unsigned)s.sockets;
	r->c->cores = (unsigned)s.cores;
	r->c->threads = (unsigned)s.threads;
	return 0;
}

int option_m(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	const char *size;
	u64 bytes = 0;
	int rc = opts_parse(&o, arg, "size", e);

	if (rc < 0)
		return rc;
	size = opts_take(&o, "size");
	if (opts_find(&o, "slots") || opts_find(&o, "maxmem"))
		rc = err_set(e, -ENOTSUP, "not supported yet: memory "
			     "hot-plug");
	else if (size && (rc = opts_size(size, 'M', &bytes)) < 0)
		err_set(e, rc, "'%s' is no amount of memory", size);
	else if (bytes >= 1ull << 46)
		rc = err_set(e, -EINVAL, "ram size too large");
	else
		rc = opts_check_taken(&o, e);
	opts_fini(&o);
	if (!rc && bytes)
		r->c->ram_bytes = ALIGN_UP(bytes, 8 * KiB);
	return rc;
}

/* --- front and back ends --- */

int option_display(struct option_run *r, const char *arg, struct err *e)
{
	if (!strcmp(arg, "nographic")) {
		r->c->nographic = true;
		return 0;
	}
	if (strcmp(arg, "none"))
		return err_set(e, -ENOTSUP, "not supported yet: displays");
	r->display_none = true;
	return 0;
}

int option_monitor(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	r->monitor_given = true;
	config_append(&r->c->monitors, arg);
	return 0;
}

static int add_qmp(struct option_run *r, const char *prefix, const char *arg)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_addf(&s, "%s:%s", prefix, arg);
	config_append(&r->c->monitors, s.buf);
	strbuf_fini(&s);
	return 0;
}

int option_qmp(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	return add_qmp(r, "qmp", arg);
}

int option_qmp_pretty(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	return add_qmp(r, "qmp-pretty", arg);
}

static int mon_check(struct opts *o, struct strbuf *spec, bool *control,
		     struct err *e)
{
	const char *mode = opts_take(o, "mode");
	const char *id = opts_take(o, "chardev");
	bool pretty = false;
	int rc = opts_take_bool(o, "pretty", &pretty, e);

	opts_take(o, "id");
	if (rc < 0)
		return rc;
	if (!id)
		return err_set(e, -EINVAL, "chardev=ID is missing");
	*control = mode && !strcmp(mode, "control");
	if (mode && !*control && strcmp(mode, "readline"))
		return err_set(e, -EINVAL, "unknown monitor mode '%s'", mode);
	strbuf_addf(spec, "chardev=%s,mode=%s%s", id,
		    *control ? "control" : "readline",
		    pretty ? ",pretty=on" : "");
	return opts_check_taken(o, e);
}

int option_mon(struct option_run *r, const char *arg, struct err *e)
{
	struct strbuf s = STRBUF_INIT;
	bool control = false;
	struct opts o;
	int rc = opts_parse(&o, arg, "chardev", e);

	if (rc < 0)
		return rc;
	rc = mon_check(&o, &s, &control, e);
	if (!rc) {
		config_append(&r->c->mons, s.buf);
		r->monitor_given |= !control;
	}
	strbuf_fini(&s);
	opts_fini(&o);
	return rc;
}

int option_chardev(struct option_run *r, const char *arg, struct err *e)
{
	(void)e;
	if (asks_help(arg)) {
		strbuf_addstr(r->out, "Available chardev backend types:\n");
		for (unsigned i = 0; chardev_kinds[i]; i++)
			strbuf_addf(r->out, "  %s\n",
				    chardev_kind_name(chardev_kinds[i]));
		return helped(r);
	}
	config_append(&r->c->chardevs, arg);
	return 0;
}

int option_object(struct option_run *r, const char *arg, struct err *e)
{
	if (asks_help(arg)) {
		object_help(r->out);
		return helped(r);
	}
	return config_append_spec(&r->c->objects, arg, e);
}

int option_blockdev(struct option_run *r, const char *arg, struct err *e)
{
	if (asks_help(arg)) {
		strbuf_addstr(r->out, "Available block drivers:\n");
		for (unsigned i = 0; blk_drivers[i]; i++)
			strbuf_addf(r->out, "  %-12s %s\n",
				    blk_drivers[i]->name,
				    blk_drivers[i]->summary);
		return helped(r);
	}
	return config_append_spec(&r->c->blockdevs, arg, e);
}

static void help_devices(struct strbuf *out)
{
	for (unsigned i = 0; device_classes[i]; i++) {
		const struct device_class *c = device_classes[i];

		if (c->user_creatable)
			strbuf_addf(out, "name \"%s\", bus %s%s%s\n", c->name,
				    c->bus ? c->bus : "System",
				    c->summary ? ", desc " : "",
				    c->summary ? c->summary : "");
	}
}

static void help_props(const struct device_class *c, struct strbuf *out)
{
	strbuf_addf(out, "%s options:\n", c->name);
	for (const struct device_prop *p = c->props; p && p->name; p++)
		strbuf_addf(out, "  %-16s %s%s%s%s\n", p->name,
			    p->help ? p->help : "",
			    p->def ? " (default: " : "", p->def ? p->def : "",
			    p->def ? ")" : "");
}

int option_device(struct option_run *r, const char *arg, struct err *e)
{
	const size_t n = strcspn(arg, ",");
	char name[64];

	if (asks_help(arg)) {
		help_devices(r->out);
		return helped(r);
	}
	if (n < sizeof(name) && (!strcmp(arg + n, ",help") ||
				 !strcmp(arg + n, ",?"))) {
		const struct device_class *c;

		snprintf(name, sizeof(name), "%.*s", (int)n, arg);
		c = device_class_named(name, true);
		if (!c)
			return err_set(e, -ENODEV, "'%s' is not a valid "
				       "device model name", name);
		help_props(c, r->out);
		return helped(r);
	}
	return config_append_spec(&r->c->devices, arg, e);
}

/* --- what it is called --- */

int option_name(struct option_run *r, const char *arg, struct err *e)
{
	bool threads;
	struct opts o;
	int rc = opts_parse(&o, arg, "guest", e);

	if (rc < 0)
		return rc;
	if (opts_find(&o, "process"))
		rc = err_set(e, -ENOTSUP, "not supported yet: process=");
	else    /* threads are always named */
		rc = opts_take_bool(&o, "debug-threads", &threads, e);
	if (!rc && opts_take(&o, "guest"))
		config_set_str(&r->c->name, opts_find(&o, "guest"));
	if (!rc)
		rc = opts_check_taken(&o, e);
	opts_fini(&o);
	return rc;
}

int option_uuid(struct option_run *r, const char *arg, struct err *e)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	char text[sizeof(shape)];

	for (size_t i = 0; i < sizeof(shape); i++) {
		const char a = arg[i];

		if (shape[i] == 'x' ? !a || !strchr("0123456789abcdefABCDEF",
						    a) : a != shape[i])
			return err_set(e, -EINVAL, "that is no UUID, which "
				       "reads like %s", shape);
		text[i] = (char)(a >= 'A' && a <= 'F' ? a + 32 : a);
	}
	config_set_str(&r->c->uuid, text);
	return 0;
}

/* --- what events lead to --- */

int option_s(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	(void)e;
	config_set_str(&r->c->gdb, "tcp::1234");
	return 0;
}

int option_no_reboot(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	(void)e;
	r->c->on_reboot = REBOOT_SHUTDOWN;
	return 0;
}

int option_no_shutdown(struct option_run *r, const char *arg, struct err *e)
{
	(void)arg;
	(void)e;
	r->c->on_shutdown = SHUTDOWN_PAUSE;
	return 0;
}

static const struct choice reboot_actions[] = {
	{ "reset", REBOOT_RESET }, { "shutdown", REBOOT_SHUTDOWN }, { 0 }
};
static const struct choice shutdown_actions[] = {
	{ "poweroff", SHUTDOWN_POWEROFF }, { "pause", SHUTDOWN_PAUSE }, { 0 }
};
static const struct choice panic_actions[] = {
	{ "shutdown", PANIC_SHUTDOWN }, { "pause", PANIC_PAUSE },
	{ "exit-failure", PANIC_EXIT_FAILURE }, { "none", PANIC_NONE }, { 0 }
};
static const struct choice watchdog_actions[] = {
	{ "reset", WATCHDOG_RESET }, { "shutdown", WATCHDOG_SHUTDOWN },
	{ "poweroff", WATCHDOG_POWEROFF }, { "pause", WATCHDOG_PAUSE },
	{ "inject-nmi", WATCHDOG_INJECT_NMI }, { "debug", WATCHDOG_DEBUG },
	{ "none", WATCHDOG_NONE }, { 0 }
};

static int action_one(struct opts *o, const char *key,
		      const struct choice *choices, int *value, struct err *e)
{
	const char *text = opts_take(o, key);
	int rc = text ? choose(choices, text, value, e) : 0;

	if (rc < 0)
		err_prefix(e, "%s", key);
	return rc;
}

int option_action(struct option_run *r, const char *arg, struct err *e)
{
	int reboot = (int)r->c->on_reboot, down = (int)r->c->on_shutdown;
	int panic = (int)r->c->on_panic, dog = (int)r->c->on_watchdog;
	struct opts o;
	int rc = opts_parse(&o, arg, NULL, e);

	if (rc < 0)
		return rc;
	rc = action_one(&o, "reboot", reboot_actions, &reboot, e);
	if (!rc)
		rc = action_one(&o, "shutdown", shutdown_actions, &down, e);
	if (!rc)
		rc = action_one(&o, "panic", panic_actions, &panic, e);
	if (!rc)
		rc = action_one(&o, "watchdog", watchdog_actions, &dog, e);
	if (!rc)
		rc = opts_check_taken(&o, e);
	opts_fini(&o);
	r->c->on_reboot = (enum action_reboot)reboot;
	r->c->on_shutdown = (enum action_shutdown)down;
	r->c->on_panic = (enum action_panic)panic;
	r->c->on_watchdog = (enum action_watchdog)dog;
	return rc;
}

int option_watchdog(struct option_run *r, const char *arg, struct err *e)
{
	int v = 0, rc = choose(watchdog_actions, arg, &v, e);

	if (!rc)
		r->c->on_watchdog = (enum action_watchdog)v;
	return rc;
}

/* --- logs, sandbox, clock --- */

int option_d(struct option_run *r, const char *arg, struct err *e)
{
	u32 mask;
	int rc;

	if (asks_help(arg)) {
		strbuf_addstr(r->out, "Log items (comma separated):\n");
		for (const struct log_item_row *l = log_items; l->name; l++)
			strbuf_addf(r->out, "%-15s %s\n", l->name, l->help);
		return helped(r);
	}
	rc = log_parse_mask(arg, &mask, e);
	if (!rc)
		config_set_str(&r->c->log_items, arg);
	return rc;
}

/* QEMU's finer switches: mote has no use for what they would allow. */
static int sandbox_deny(struct opts *o, const char *key, struct err *e)
{
	const char *text = opts_take(o, key);

	if (!text || !strcmp(text, "deny"))
		return 0;
	if (!strcmp(text, "allow") ||
	    (!strcmp(text, "children") && !strcmp(key, "elevateprivileges")))
		return err_set(e, -ENOTSUP, "%s=%s: the sandbox always denies "
			       "that", key, text);
	return err_set(e, -EINVAL, "%s=%s: expected 'deny'", key, text);
}

static int sandbox_read(struct vm_config *c, struct opts *o, struct err *e)
{
	static const char *const keys[] = { "obsolete", "elevateprivileges",
					    "resourcecontrol" };
	const char *mode = opts_take(o, "enable");
	const char *spawn = opts_take(o, "spawn");
	const char *paths = opts_take(o, "paths");
	int rc = mode ? sandbox_parse(mode, &c->sandbox, e) : 0;

	for (unsigned i = 0; i < ARRAY_LEN(keys) && !rc; i++)
		rc = sandbox_deny(o, keys[i], e);
	if (!rc)
		rc = opts_check_taken(o, e);
	if (!rc && spawn && strcmp(spawn, "allow") && strcmp(spawn, "deny"))
		rc = err_set(e, -EINVAL, "spawn=%s: expected 'allow' or "
			     "'deny'", spawn);
	c->spawn = spawn && !strcmp(spawn, "allow");
	if (!rc && paths && c->sandbox == SANDBOX_OFF)
		rc = err_set(e, -EINVAL, "paths= needs the sandbox: on or log");
	if (!rc && paths)
		config_set_str(&c->sandbox_paths, paths);
	return rc;
}

int option_sandbox(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, arg, "enable", e);

	if (rc < 0)
		return rc;
	rc = sandbox_read(r->c, &o, e);
	opts_fini(&o);
	return rc;
}

static int rtc_base(struct vm_config *c, const char *text, struct err *e)
{
	static const char *const shapes[] = { "%Y-%m-%dT%H:%M:%S",
					      "%Y-%m-%d" };

	if (!strcmp(text, "utc")) {
		c->rtc_base = RTC_UTC;
		return 0;
	}
	if (!strcmp(text, "localtime")) {
		c->rtc_base = RTC_LOCALTIME;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, shapes[i], &tm);

		if (end && !*end) {
			c->rtc_base = RTC_DATE;
			c->rtc_date = timegm(&tm);
			return 0;
		}
	}
	return err_set(e, -EINVAL, "base=%s: neither utc, localtime nor a "
		       "date like 2006-06-17T16:01:21", text);
}

static const struct choice rtc_clocks[] = {
	{ "host", RTC_CLOCK_HOST }, { "rt", RTC_CLOCK_RT },
	{ "vm", RTC_CLOCK_VM }, { 0 }
};

static int rtc_read(struct vm_config *c, struct opts *o, struct err *e)
{
	const char *base = opts_take(o, "base");
	const char *driven = opts_take(o, "clock");
	const char *driftfix = opts_take(o, "driftfix");
	int v = (int)c->rtc_clock;
	int rc = base ? rtc_base(c, base, e) : 0;

	if (!rc && driven)
		rc = choose(rtc_clocks, driven, &v, e);
	c->rtc_clock = v;
	if (!rc && driftfix && strcmp(driftfix, "none"))
		rc = err_set(e, -ENOTSUP, "not supported yet: driftfix=%s",
			     driftfix);
	return rc ? rc : opts_check_taken(o, e);
}

int option_rtc(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, arg, NULL, e);

	if (rc < 0)
		return rc;
	rc = rtc_read(r->c, &o, e);
	opts_fini(&o);
	return rc;
}
