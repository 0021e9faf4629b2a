/* SPDX-License-Identifier: MIT */
/*
 * Hot plug of PCI slots by ACPI ("acpi-pci-hotplug"): registers that the
 * DSDT's methods read and write.
 *
 *   +0  slots a device came to; reading clears    +4  slots asked for; so too
 *   +8  write: eject these slots                  +12 write: how asking went
 *   +16 write: the guest's ACPI is up             each 32 bits, a bit a slot
 *
 * Asked slots:  idle -> asked (pci_hotplug_ask) -> ejected (+8, and gone from
 * configuration space at once) -> idle (the machine removed it, on its loop);
 * asked -> idle when the guest refuses (+12) or after ASK_AGAIN_NS.
 *
 * Talks to: the guest's ACPI, by env.acpi_event; the machine, by
 *           env.unplugged, on the main loop.
 * Never:    removes a device itself.
 */
#include <errno.h>

#include "vmm/core/loop.h"
#include "vmm/pci/pci_bus.h"

enum {
	UP = 0, DOWN = 4, EJECT = 8, STATUS = 12, READY = 16, REGS_LEN = 20,
	OST_EJECT = 3,                 /* ACPI 6.4, table 6.63: source event */
	OST_LAST_FAILURE = 0x83,
};
#define ASK_AGAIN_NS 5000000000ll

struct pci_hotplug {
	struct device dev;
	u32 base;                      /* property                         */
	u32 up, down;
	bool ready;                    /* the guest's ACPI runs            */
	u32 asked;                     /* waiting for the guest            */
	u32 eject, refused;            /* for the main loop                */
	s64 asked_at[PCI_SLOTS];       /* host time                        */
};

static struct pci_hotplug *to_hotplug(struct device *d)
{
	return container_of(d, struct pci_hotplug, dev);
}

static struct pci_dev *function_0(struct pci_hotplug *h, unsigned slot)
{
	return pci_bus_dev(h->dev.env->pci, PCI_DEVFN(slot, 0));
}

static void tell_guest(struct pci_hotplug *h)
{
	const struct device_env *env = h->dev.env;

	if (env->acpi_event)
		env->acpi_event(env->opaque, ACPI_EV_PCI_HOTPLUG);
}

/* --- on the main loop -------------------------------------------------------- */

/* Every function of a slot, the last first. */
static void remove_slot(struct pci_hotplug *h, unsigned slot)
{
	const struct device_env *env = h->dev.env;

	for (unsigned fn = 8; fn-- > 0;) {
		struct pci_dev *p = pci_bus_dev(env->pci, PCI_DEVFN(slot, fn));

		if (p && p->dev.class->hotplug && env->unplugged)
			env->unplugged(env->opaque, &p->dev, false);
	}
	atomic_fetch_and(&env->pci->ejected, ~BIT(slot));
}

static void refuse_slot(struct pci_hotplug *h, unsigned slot)
{
	const struct device_env *env = h->dev.env;
	struct pci_dev *p = function_0(h, slot);

	if (p && env->unplugged)
		env->unplugged(env->opaque, &p->dev, true);
}

static void work(void *opaque)
{
	struct pci_hotplug *h = opaque;
	u32 eject, refused;

	lock_take(&h->dev.lock);
	eject = h->eject;
	refused = h->refused & ~eject;
	h->eject = h->refused = 0;
	lock_drop(&h->dev.lock);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		if (eject & BIT(slot))
			remove_slot(h, slot);
		else if (refused & BIT(slot))
			refuse_slot(h, slot);
	}
}

void pci_hotplug_added(struct pci_dev *p)
{
	struct pci_hotplug *h = p->bus->hotplug;

	if (!h || p->devfn & 7)
		return;                /* function 0 comes last            */
	SCOPED_LOCK(&h->dev.lock);
	h->asked &= ~BIT(p->devfn >> 3);
	h->down &= ~BIT(p->devfn >> 3);
	if (!h->ready)
		return;                /* the guest will look for itself   */
	h->up |= BIT(p->devfn >> 3);
	tell_guest(h);
}

int pci_hotplug_ask(struct pci_dev *p, struct err *e)
{
	struct pci_hotplug *h = p->bus->hotplug;
	const unsigned slot = p->devfn >> 3;
	const s64 now = clock_host_ns();
	const char *name = p->dev.id ? p->dev.id : p->dev.class->name;

	if (p->devfn & 7)
		return err_set(e, -EINVAL, "device '%s' is function %d of its "
			       "slot, and goes with function 0", name,
			       p->devfn & 7);
	if (!h)
		return 0;
	SCOPED_LOCK(&h->dev.lock);
	if (!h->ready)
		return 0;
	if (h->asked & BIT(slot) && now - h->asked_at[slot] < ASK_AGAIN_NS)
		return err_set(e, -EBUSY, "Device %s is already in the process "
			       "of unplug", name);
	h->asked |= BIT(slot);
	h->asked_at[slot] = now;
	h->down |= BIT(slot);
	tell_guest(h);
	return 1;
}

/* --- registers --------------------------------------------------------------- */

/* Out of configuration space at once: a guest that looks again right after
 * must not find what the main loop has yet to take down. */
static void eject(struct pci_hotplug *h, u32 slots)
{
	const u32 was = h->eject;      /* then the loop knows already */

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		struct pci_dev *p = function_0(h, slot);

		if (!(slots & BIT(slot)) || !p || !p->dev.class->hotplug)
			continue;
		atomic_fetch_or(&h->dev.env->pci->ejected, BIT(slot));
		h->eject |= BIT(slot);
		h->asked &= ~BIT(slot);
	}
	if (h->eject && !was)
		loop_post(h->dev.env->loop, work, h);
}

/* _OST: slot << 16 | source event << 8 | status. */
static void status(struct pci_hotplug *h, u32 val)
{
	const u32 bit = BIT((val >> 16) & (PCI_SLOTS - 1));
	const u8 code = val;

	if ((u8)(val >> 8) != OST_EJECT || !code || code > OST_LAST_FAILURE ||
	    !(h->asked & bit))
		return;
	h->asked &= ~bit;
	h->refused |= bit;
	loop_post(h->dev.env->loop, work, h);
}

static u32 take(u32 *bits)
{
	u32 v = *bits;

	*bits = 0;
	return v;
}

static u64 hotplug_read(struct device *d, u64 off, unsigned size)
{
	struct pci_hotplug *h = to_hotplug(d);

	(void)size;                    /* 4, by region_ops */
	return off == UP ? take(&h->up) : off == DOWN ? take(&h->down) : 0;
}

static void hotplug_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct pci_hotplug *h = to_hotplug(d);

	(void)size;
	if (off == EJECT)
		eject(h, val);
	else if (off == STATUS)
		status(h, val);
	else if (off == READY)
		h->ready = val & 1;
}

/* --- life -------------------------------------------------------------------- */

/* What the guest was asked for goes with the reset. */
static void hotplug_reset(struct device *d)
{
	struct pci_hotplug *h = to_hotplug(d);

	SCOPED_LOCK(&d->lock);
	h->up = h->down = 0;
	h->ready = false;
	eject(h, h->asked);
}

static int hotplug_realize(struct device *d, struct err *e)
{
	if (!d->env->pci)
		return err_set(e, -ENODEV, "%s needs a PCI bus, this machine "
			       "has none", d->class->name);
	d->env->pci->hotplug = to_hotplug(d);
	return 0;
}

static void drop_post(void *opaque)
{
	(void)opaque;                  /* there is one such device */
}

static void hotplug_unrealize(struct device *d)
{
	loop_unpost(d->env->loop, work, drop_post);
	d->env->pci->hotplug = NULL;
}

static const struct state_field hotplug_fields[] = {
	STATE_FIELD(STATE_U32,  struct pci_hotplug, up,    1),
	STATE_FIELD(STATE_U32,  struct pci_hotplug, down,  1),
	STATE_FIELD(STATE_BOOL, struct pci_hotplug, ready, 1),
	STATE_FIELD(STATE_U32,  struct pci_hotplug, asked, 1),
	STATE_END
};

static const struct state_desc hotplug_state = {
	.version = 1, .oldest = 1, .fields = hotplug_fields,
};

static const struct region_ops hotplug_ops = {
	.read = hotplug_read, .write = hotplug_write,
	.min_size = 4, .max_size = 4,
};

static const struct device_prop hotplug_props[] = {
	PROP("base", PROP_U32, struct pci_hotplug, base, "0xae00",
	     "the registers, 20 bytes"),
	PROP_END
};

static const struct device_region hotplug_regions[] = {
	{ .name = "acpi-pci-hotplug", .space = SPACE_PIO, .len = REGS_LEN,
	  .ops = &hotplug_ops, .base_off = offsetof(struct pci_hotplug, base),
	  .base_size = 4 },
	{ .len = 0 }
};

const struct device_class pci_hotplug_class = {
	.name      = "acpi-pci-hotplug",
	.summary   = "PCI slots' hot plug by ACPI",
	.bus       = "System",
	.category  = "Misc",
	.size      = sizeof(struct pci_hotplug),
	.props     = hotplug_props,
	.regions   = hotplug_regions,
	.state     = &hotplug_state,
	.realize   = hotplug_realize,
	.reset     = hotplug_reset,
	.unrealize = hotplug_unrealize,
};
