/* SPDX-License-Identifier: MIT */
/*
 * Hardware-reduced ACPI: events, sleep, reset.  See acpi_ged.h.
 *
 * Room:     one word of events and three bytes of control.
 * Talks to: one GSI (a level); the VM, by requests.
 * Never:    decides what a request does.
 *
 * Invariant (under dev.lock): the wire is high exactly while an event waits.
 */
#include "vmm/dev/acpi_ged.h"

enum { SLP_EN = BIT(5), EVENTS_LEN = 4 };
#define SLP_TYP(v) (((v) >> 2) & 7)

struct acpi_ged {
	struct device dev;
	u32 base;                      /* properties */
	u8  gsi;
	u32 events;
	u8  control;
};

static struct acpi_ged *to_ged(struct device *d)
{
	return container_of(d, struct acpi_ged, dev);
}

void acpi_ged_event(struct device *d, unsigned bit)
{
	struct acpi_ged *g = to_ged(d);

	assert(bit < 32);
	SCOPED_LOCK(&d->lock);
	g->events |= BIT(bit);
	irq_drive(&d->irq, 1);
}

/* Events are read whole: a narrow read would lose the rest. */
static u64 ged_read(struct device *d, u64 off, unsigned size)
{
	struct acpi_ged *g = to_ged(d);
	u32 events = g->events;

	if (off == ACPI_GED_SLEEP)
		return g->control;
	if (off || size != EVENTS_LEN)
		return 0;
	g->events = 0;
	irq_drive(&d->irq, 0);
	return events;
}

static void ged_write(struct device *d, u64 off, u64 val, unsigned size)
{
	const struct device_env *env = d->env;

	if (size != 1)
		return;
	if (off == ACPI_GED_SLEEP) {
		to_ged(d)->control = val & ~SLP_EN;
		if (val & SLP_EN && SLP_TYP(val) == ACPI_GED_S5_TYPE)
			env->request(env->opaque, VM_REQ_POWEROFF, 0);
	} else if (off == ACPI_GED_RESET && val == ACPI_GED_RESET_VALUE) {
		env->request(env->opaque, VM_REQ_RESET, 0);
	}
}

static void ged_reset(struct device *d)
{
	struct acpi_ged *g = to_ged(d);

	SCOPED_LOCK(&d->lock);
	g->events = 0;
	g->control = 0;
	irq_drive(&d->irq, 0);
}

static int ged_realize(struct device *d, struct err *e)
{
	(void)e;
	d->irq = d->env->gsi(d->env->opaque, to_ged(d)->gsi);
	return 0;
}

static const struct state_field ged_fields[] = {
	STATE_FIELD(STATE_U32, struct acpi_ged, events,  1),
	STATE_FIELD(STATE_U8,  struct acpi_ged, control, 1),
	STATE_END
};

static int ged_post_load(struct device *d, unsigned version, struct err *e)
{
	(void)version;
	(void)e;
	irq_drive(&d->irq, to_ged(d)->events != 0);
	return 0;
}

static const struct state_desc ged_state = {
	.version = 1, .oldest = 1, .fields = ged_fields,
	.post_load = ged_post_load,
};

static const struct region_ops ged_ops = {
	.read = ged_read, .write = ged_write, .min_size = 1, .max_size = 4,
};

static const struct device_prop ged_props[] = {
	PROP("base", PROP_U32, struct acpi_ged, base, "0x600",
	     "events; sleep control at +4, status at +5, reset at +6"),
	PROP("gsi", PROP_U8, struct acpi_ged, gsi, "9", "interrupt"),
	PROP_END
};

static const struct device_region ged_regions[] = {
	{ .name = "acpi-ged", .space = SPACE_PIO, .len = ACPI_GED_LEN,
	  .ops = &ged_ops, .base_off = offsetof(struct acpi_ged, base),
	  .base_size = 4 },
	{ .len = 0 }
};

const struct device_class acpi_ged_class = {
	.name     = "acpi-ged",
	.summary  = "ACPI events and sleep without legacy hardware",
	.bus      = "System",
	.category = "Misc",
	.size     = sizeof(struct acpi_ged),
	.props    = ged_props,
	.regions  = ged_regions,
	.state    = &ged_state,
	.realize  = ged_realize,
	.reset    = ged_reset,
};
