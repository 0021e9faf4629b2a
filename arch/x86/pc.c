/* SPDX-License-Identifier: MIT */
/*
 * The devices of the board, in realize order, and what ACPI says of them.
 *
 * Room:     one row per device and the part of -M it belongs to; classes by name, properties as text.
 * Talks to: device_create, public headers of vmm/dev and vmm/pci.
 * Never:    touches a device's registers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/machine.h"
#include "vmm/dev/acpi_ged.h"
#include "vmm/dev/acpi_pm.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/mc146818rtc.h"
#include "vmm/dev/vmgenid.h"
#include "vmm/pci/pci.h"

enum { VIRTIO_MMIO_REGS = 0x200, COM_PORTS = 4, RESET_PORT = 0xcf9, RESET_VALUE = 0xf };

/* What -M may take away; -nodefaults does not. */
static const struct {
	const char *class;
	u32 with, without;             /* enum board_part: all of, none of */
} board[] = {
	{ "pci-host",    BOARD_PCI,                  0 },
	{ "mch",         BOARD_PCI,                  0 },
	{ "ICH9-LPC",    BOARD_PCI,                  0 },
	{ "acpi-pm",     BOARD_ACPI,                 BOARD_REDUCED },
	{ "acpi-ged",    BOARD_REDUCED,              0 },
	{ "acpi-pci-hotplug", BOARD_PCI | BOARD_ACPI, 0 },
	{ "mc146818rtc", BOARD_RTC,                  0 },
	{ "i8042",       BOARD_I8042,                0 },
	{ "fw_cfg_io",   BOARD_FW_CFG,               0 },
};

static bool has(const struct x86_machine *m, u32 parts)
{
	return (m->vm->config->board & parts) == parts;
}

static struct device *find_device(struct vm *vm, const char *class)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (!strcmp(d->class->name, class))
			return d;
	}
	return NULL;
}

static struct device *new_device(struct vm *vm, const char *class,
				 struct err *e)
{
	const struct device_class *c = device_class_find(class);
	struct device *d;

	if (!c) {
		err_set(e, -ENODEV, "this build has no device '%s'", class);
		return NULL;
	}
	d = device_create(c, NULL, &vm->env);
	if (device_apply_defaults(d, e) < 0) {
		device_destroy(d);
		return NULL;
	}
	return d;
}

static int finish_device(struct vm *vm, struct device *d, struct err *e)
{
	int rc = device_realize(d, e);

	if (rc < 0) {
		device_destroy(d);
		return rc;
	}
	list_append(&vm->devices, &d->node);
	return 0;
}

static int add_board(struct x86_machine *m, struct err *e)
{
	struct vm *vm = m->vm;

	for (unsigned i = 0; i < ARRAY_LEN(board); i++) {
		struct device *d;
		int rc;

		if (!has(m, board[i].with) ||
		    vm->config->board & board[i].without)
			continue;
		d = new_device(vm, board[i].class, e);
		rc = d ? finish_device(vm, d, e) : -ENODEV;
		if (rc < 0)
			return rc;
		if (i == 0)
			vm->env.pci = pci_host_bus(d);
	}
	return 0;
}

static int set_number(struct device *d, const char *prop, unsigned v,
		      struct err *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", v);
	return device_set_prop(d, prop, text, e);
}

static int add_com(struct vm *vm, unsigned n, const char *chardev,
		   struct err *e)
{
	struct device *d = new_device(vm, "isa-serial", e);
	int rc;

	if (!d)
		return -ENODEV;
	rc = set_number(d, "index", n, e);     /* which gives port and IRQ */
	if (rc == 0)
		rc = device_set_prop(d, "chardev", chardev, e);
	if (rc < 0) {
		device_destroy(d);
		return rc;
	}
	return finish_device(vm, d, e);
}

static int add_coms(struct x86_machine *m, struct err *e)
{
	struct vm *vm = m->vm;
	unsigned n = has(m, BOARD_SERIAL) ? config_serial_count(vm->config) : 0;
	int rc = 0;

	if (n > COM_PORTS)
		return err_set(e, -EINVAL, "-serial: a PC has %d serial ports, "
			       "not %u", COM_PORTS, n);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		char buf[16];
		const char *chardev = config_serial(vm->config, i, buf);

		if (chardev)
			rc = add_com(vm, i, chardev, e);
	}
	return rc;
}

/* --- fw_cfg ---------------------------------------------------------------- */

static int fill_fw_cfg(struct x86_machine *m, struct err *e)
{
	struct device *d = find_device(m->vm, "fw_cfg_io");
	const struct vm_config *c = m->vm->config;
	const struct config_item *i;
	int rc = 0;

	for (i = c->fw_cfgs; i && rc == 0; i = i->next)
		rc = fw_cfg_add_option(d, i->text, e);
	if (!d || rc < 0)
		return rc;
	fw_cfg_add_u16(d, FW_CFG_NB_CPUS, c->cpus);
	fw_cfg_add_u16(d, FW_CFG_MAX_CPUS, MAX(c->max_cpus, c->cpus));
	fw_cfg_add_u64(d, FW_CFG_RAM_SIZE, c->ram_bytes);
	fw_cfg_add_u16(d, FW_CFG_NOGRAPHIC, c->nographic);
	fw_cfg_add_u16(d, FW_CFG_BOOT_MENU, 0);
	if (c->append)
		fw_cfg_add_string(d, FW_CFG_CMDLINE_DATA, c->append);
	return fw_cfg_add_file(d, "bootorder", "", 1, e);
}

/* --- the power button, and waking up --------------------------------------- */

/* The guest's clock stands still in S3, but the RTC has a battery. */
static void set_alarm(struct x86_machine *m)
{
	s64 in = m->rtc && m->vm->config->rtc_clock != RTC_CLOCK_VM &&
		 acpi_pm_rtc_wakes(m->pm) ? mc146818rtc_alarm_in(m->rtc) : -1;

	if (in >= 0)
		timer_set(&m->alarm, clock_host_ns() + in);
}

static void on_alarm(void *opaque)
{
	struct x86_machine *m = opaque;

	m->alarm_rang = true;
	vm_wakeup(m->vm, NULL);        /* does nothing when it is awake */
	m->alarm_rang = false;
}

static void press_power(struct x86_machine *m)
{
	if (m->pm)
		acpi_pm_power_button(m->pm);
	else if (m->ged)
		acpi_ged_event(m->ged, ACPI_GED_POWER);
}

static void on_vm_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct x86_machine *m = container_of(l, struct x86_machine, listener);

	if (ev == VM_EV_POWERDOWN) {
		press_power(m);
	} else if (ev == VM_EV_WAKEUP) {
		acpi_pm_wake(m->pm, m->alarm_rang);
	} else if (ev == VM_EV_STATE && m->pm) {
		timer_cancel(&m->alarm);
		if (arg == RUN_SUSPENDED)
			set_alarm(m);
	}
}

/* Which general-purpose event says so, of those of vmm/dev/acpi_pm.c. */
static const u8 gpe_of[ACPI_EV_COUNT] = {
	[ACPI_EV_PCI_HOTPLUG] = ACPI_GPE_PCI_HOTPLUG,
	[ACPI_EV_VMGENID]     = ACPI_GPE_VMGENID,
};

static void acpi_event(void *opaque, enum acpi_event ev)
{
	const struct x86_machine *m = x86_machine(opaque);

	if (m->pm)
		acpi_pm_gpe(m->pm, gpe_of[ev]);
	else if (m->ged)
		acpi_ged_event(m->ged, ACPI_GED_EVENTS + ev);
}

int x86_devices_create(struct x86_machine *m, struct err *e)
{
	int rc = add_board(m, e);

	if (rc == 0)
		rc = add_coms(m, e);
	if (rc == 0)
		rc = fill_fw_cfg(m, e);
	if (rc < 0)
		return rc;
	m->pm = find_device(m->vm, "acpi-pm");
	m->ged = find_device(m->vm, "acpi-ged");
	m->rtc = find_device(m->vm, "mc146818rtc");
	timer_init(&m->alarm, m->vm->loop, NULL, on_alarm, m);
	if (has(m, BOARD_ACPI))
		m->vm->env.acpi_event = acpi_event;
	m->vm->can_suspend = m->pm != NULL;
	m->listener.fn = on_vm_event;
	vm_listen(m->vm, &m->listener);
	return 0;
}

/* --- what ACPI says -------------------------------------------------------- */

static void pci_facts(struct x86_machine *m, struct acpi_facts *f)
{
	u64 high = ALIGN_UP(MAX(m->high_end, 4 * GiB), GiB);

	f->ecam = PC_ECAM;
	f->pci_low = PC_PCI_LOW;
	f->pci_low_end = PC_PCI_LOW_END;
	f->pci_high = high;
	f->pci_high_end = high + PC_PCI_HIGH_LEN;
	f->pci_gsi = pci_intx_gsi;
	f->pci_hotplug = has(m, BOARD_ACPI) ? PCI_HOTPLUG_BASE : 0;
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		struct pci_dev *p = pci_bus_dev(m->vm->env.pci,
						PCI_DEVFN(slot, 0));

		if (!p || p->dev.class->user_creatable)
			f->pci_slots |= BIT(slot);
	}
}

/* A number among a device's properties; `def` when it has none such. */
static unsigned number_of(struct device *d, const char *prop, unsigned def)
{
	struct strbuf s = STRBUF_INIT;

	if (device_get_prop(d, prop, &s) == 0)
		def = strtoul(s.buf, NULL, 0);
	strbuf_fini(&s);
	return def;
}

/* Serial ports of -serial and of -device, at whatever port. */
static void com_facts(struct vm *vm, struct acpi_facts *f)
{
	unsigned n = 0;
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (strcmp(d->class->name, "isa-serial") != 0 || n == COM_PORTS)
			continue;
		f->com[n] = number_of(d, "iobase", 0);
		f->com_irq[n++] = number_of(d, "irq", 4) & 15;
	}
}

/* virtio devices on no bus a kernel could search. */
static void mmio_facts(struct vm *vm, struct acpi_facts *f)
{
	unsigned n = 0;
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (strcmp(d->class->bus, "virtio-bus") != 0 ||
		    n == ACPI_MMIO_MAX)
			continue;
		f->mmio[n].base = number_of(d, "base", 0);
		f->mmio[n].gsi = number_of(d, "gsi", 0);
		f->mmio[n++].len = VIRTIO_MMIO_REGS;
	}
}

static void power_facts(const struct x86_machine *m, struct acpi_facts *f)
{
	if (has(m, BOARD_REDUCED)) {
		f->ged = ACPI_GED_BASE;
		f->ged_gsi = ACPI_GED_GSI;
		f->s5_type = ACPI_GED_S5_TYPE;
		f->reset_port = ACPI_GED_BASE + ACPI_GED_RESET;
		f->reset_value = ACPI_GED_RESET_VALUE;
		return;
	}
	f->pm_base = ACPI_PM_BASE;
	f->gpe_base = ACPI_GPE0_BASE;
	f->sci = ACPI_SCI;
	f->smi_cmd = ACPI_SMI_CMD;
	f->acpi_enable = ACPI_ENABLE;
	f->acpi_disable = ACPI_DISABLE;
	f->s3_type = ACPI_S3_TYPE;
	f->s5_type = ACPI_S5_TYPE;
	f->reset_port = RESET_PORT;
	f->reset_value = RESET_VALUE;
}

void x86_devices_facts(struct x86_machine *m, struct acpi_facts *f)
{
	struct device *panic = find_device(m->vm, "pvpanic");
	struct device *genid = find_device(m->vm, "vmgenid");

	if (has(m, BOARD_PCI))
		pci_facts(m, f);
	mmio_facts(m->vm, f);
	com_facts(m->vm, f);
	power_facts(m, f);
	f->fw_cfg = has(m, BOARD_FW_CFG) ? FW_CFG_PORT : 0;
	f->pvpanic = panic ? number_of(panic, "ioport", 0x505) : 0;
	if (genid) {
		vmgenid_place(genid, BOOT_VMGENID);
		f->vmgenid = BOOT_VMGENID;
	}
	f->rtc = has(m, BOARD_RTC);
	f->i8042 = has(m, BOARD_I8042);
	f->pic = has(m, BOARD_PIC);
	f->pit = has(m, BOARD_PIT);
}
