/* SPDX-License-Identifier: MIT */
/*
 * -M: which machine, and which parts its board has.
 *
 * Room:     one row a machine, one row a property.
 * Talks to: vm_config.board, which arch/ builds to.
 * Never:    accepts a property that would have no effect.
 *
 * -M may come more than once: what was switched is kept beside the machine's
 * name, and put together when all options are read.
 *
 * Without ACPI a kernel may know neither its APICs nor that there are no
 * legacy chips, so the PICs and the PIT are there unless switched off.
 */
#include <errno.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/options_priv.h"

static const struct machine_row {
	const char *name, *help;
	u32 has, may;                  /* parts at first; that can be switched */
} machines[] = {
	{ "pc", "PC with PCI (default)", BOARD_PC, BOARD_ACPI | BOARD_PIT |
	  BOARD_PIC | BOARD_RTC | BOARD_I8042 | BOARD_FW_CFG },
	{ "q35", "PC with PCI Express", BOARD_PC, BOARD_ACPI | BOARD_PIT |
	  BOARD_PIC | BOARD_RTC | BOARD_I8042 | BOARD_FW_CFG },
	{ "microvm", "virtio-mmio and little else, the fastest to boot",
	  BOARD_ACPI | BOARD_REDUCED | BOARD_SERIAL | BOARD_CMDLINE,
	  BOARD_PCI | BOARD_ACPI | BOARD_PIT | BOARD_PIC | BOARD_RTC |
	  BOARD_SERIAL | BOARD_I8042 | BOARD_FW_CFG | BOARD_CMDLINE },
};

/* Names are QEMU's; `part` 0: what is the case anyway, `is`. */
static const struct part_row {
	const char *name;
	u32 part;
	bool is;
	const char *help;
} parts[] = {
	{ "acpi", BOARD_ACPI, false, "ACPI tables; off: an MP table" },
	{ "auto-kernel-cmdline", BOARD_CMDLINE, false,
	  "with acpi=off, tell the kernel of virtio-mmio devices by its "
	  "command line" },
	{ "fw_cfg", BOARD_FW_CFG, false, "the firmware configuration device" },
	{ "i8042", BOARD_I8042, false, "the keyboard controller" },
	{ "isa-serial", BOARD_SERIAL, false, "the serial ports of -serial" },
	{ "pcie", BOARD_PCI, false, "a PCI Express host" },
	{ "pic", BOARD_PIC, false, "the two 8259 interrupt controllers" },
	{ "pit", BOARD_PIT, false, "the 8254 interval timer" },
	{ "rtc", BOARD_RTC, false, "the real-time clock and CMOS" },
	{ "graphics", 0, false, NULL }, { "usb", 0, false, NULL },
	{ "vmport", 0, false, NULL }, { "smm", 0, false, NULL },
	{ "nvdimm", 0, false, NULL }, { "hpet", 0, false, NULL },
	{ "ioapic2", 0, false, NULL }, { "option-roms", 0, false, NULL },
	{ "x-option-roms", 0, false, NULL },
	{ "dump-guest-core", 0, true, NULL },
};

static const struct machine_row *find_machine(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(machines); i++)
		if (!strcmp(machines[i].name, name))
			return &machines[i];
	return NULL;
}

/* "on", "off" or "auto", which is how the machine is. */
static int switch_part(struct vm_config *c, const struct part_row *p,
		       const char *text, struct err *e)
{
	bool on;

	if (!strcmp(text, "auto")) {
		c->board_on &= ~p->part;
		c->board_off &= ~p->part;
		return 0;
	}
	if (opts_bool(text, &on) < 0)
		return err_set(e, -EINVAL, "Parameter '%s' expects 'on' or "
			       "'off'", p->name);
	if (!p->part && on != p->is)
		return err_set(e, -ENOTSUP, "not supported yet: %s=%s",
			       p->name, text);
	c->board_on = on ? c->board_on | p->part : c->board_on & ~p->part;
	c->board_off = on ? c->board_off & ~p->part : c->board_off | p->part;
	return 0;
}

static int set_props(struct vm_config *c, struct opts *o, struct err *e)
{
	const char *accel = opts_take(o, "accel");

	if (accel)
		config_set_str(&c->accel, accel);
	for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
		const char *text = opts_take(o, parts[i].name);
		int rc = text ? switch_part(c, &parts[i], text, e) : 0;

		if (rc < 0)
			return rc;
	}
	return opts_check_taken(o, e);
}

static int set_type(struct vm_config *c, const char *type, struct err *e)
{
	if (!find_machine(type))
		return err_set(e, -EINVAL, "unsupported machine type '%s' "
			       "(-machine help lists them)", type);
	config_set_str(&c->machine, type);
	return 0;
}

static void list_machines(struct strbuf *out)
{
	strbuf_addstr(out, "Supported machines are:\n");
	for (unsigned i = 0; i < ARRAY_LEN(machines); i++)
		strbuf_addf(out, "%-20s %s\n", machines[i].name,
			    machines[i].help);
}

static void list_props(const struct machine_row *m, struct strbuf *out)
{
	strbuf_addf(out, "%s options:\n", m->name);
	for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].part & m->may)
			strbuf_addf(out, "  %s=<bool>%*s - %s (default: %s)\n",
				    parts[i].name,
				    20 - (int)strlen(parts[i].name), "",
				    parts[i].help,
				    parts[i].part & m->has ? "on" : "off");
}

const char *config_machine(unsigned i)
{
	return i < ARRAY_LEN(machines) ? machines[i].name : NULL;
}

const char *config_machine_prop(unsigned i, const char **help)
{
	if (i >= ARRAY_LEN(parts))
		return NULL;
	*help = parts[i].help;
	return parts[i].name;
}

/* "help", "TYPE,help". */
static bool helped(struct option_run *r, const char *arg)
{
	const size_t n = strcspn(arg, ",");
	char name[32];

	if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
		list_machines(r->out);
		return true;
	}
	if (strcmp(arg + n, ",help") || n >= sizeof(name))
		return false;
	memcpy(name, arg, n);
	name[n] = '\0';
	if (!find_machine(name))
		return false;
	list_props(find_machine(name), r->out);
	return true;
}

int option_machine(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	const char *type;
	int rc;

	if (helped(r, arg)) {
		r->c->wants_exit = true;
		return 0;
	}
	rc = opts_parse(&o, arg, "type", e);
	if (rc < 0)
		return rc;
	type = opts_take(&o, "type");
	rc = type ? set_type(r->c, type, e) : 0;
	if (!rc)
		rc = set_props(r->c, &o, e);
	opts_fini(&o);
	return rc;
}

int option_machine_done(struct vm_config *c, struct err *e)
{
	const struct machine_row *m = find_machine(c->machine);
	const u32 bad = (c->board_on | c->board_off) & ~m->may;

	for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].part & bad)
			return err_set(e, -EINVAL, "-M: machine %s has no "
				       "property '%s'", m->name,
				       parts[i].name);
	c->board = (m->has | c->board_on) & ~c->board_off;
	/* Kernels that hear of nothing look for these: rtc_cmos for seconds. */
	if (!(c->board & BOARD_ACPI))
		c->board |= (BOARD_PIC | BOARD_PIT | BOARD_RTC) & ~c->board_off;
	return 0;
}
