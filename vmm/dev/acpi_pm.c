/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware (ACPI 6.4, 4.8): PM1a blocks, PM timer, GPE0, the SMI
 * command port, an optional reset port.
 *
 * Room:     sleep, power button, SCI.
 * Talks to: GSI 9 (a level); the VM, by requests.
 * Never:    decides what a request does.
 *
 * Invariants (under dev.lock): the SCI is high exactly while SCI_EN is set
 * and an enabled status bit is, in PM1 or GPE0.
 */
#include "vmm/dev/acpi_pm.h"

#include <string.h>

enum { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8 };
enum { STS_TMR = BIT(0), STS_BM = BIT(4), STS_GBL = BIT(5),
       STS_PWRBTN = BIT(8), STS_SLPBTN = BIT(9), STS_RTC = BIT(10),
       STS_WAK = BIT(15) };
enum { EN_MASK = STS_TMR | STS_GBL | STS_PWRBTN | STS_SLPBTN | STS_RTC };
enum { CNT_SCI_EN = BIT(0), CNT_BM_RLD = BIT(1), CNT_SLP_EN = BIT(13) };
#define CNT_SLP_TYP(v) (((v) >> 10) & 7)
enum { GPE_BYTES = ACPI_GPE0_LEN / 2 };

#define PM_HZ 3579545ull
#define NS    1000000000ull

struct acpi_pm {
	struct device dev;
	u32 base, gpe_base, smi_cmd, reset_port;   /* properties */
	u8  sci;
	bool sci_en;                   /* property: no firmware to enable it */
	u16 sts, en, cnt;
	u8  gpe_sts[GPE_BYTES], gpe_en[GPE_BYTES];
	u8  smi, smi_data;             /* last values written    */
	u64 tmr_seen;                  /* PM timer count STS_TMR is up to */
	struct timer overflow;
};

static struct acpi_pm *to_pm(struct device *d)
{
	return container_of(d, struct acpi_pm, dev);
}

/* --- the PM timer -------------------------------------------------------- */

static u64 pm_ticks(const struct acpi_pm *p)
{
	return (u64)((unsigned __int128)(u64)device_now(&p->dev) * PM_HZ / NS);
}

/* TMR_STS follows bit 31 of the 32-bit counter. */
static void update_tmr_sts(struct acpi_pm *p)
{
	u64 now = pm_ticks(p);

	if (now >> 31 != p->tmr_seen >> 31)
		p->sts |= STS_TMR;
	p->tmr_seen = now;
}

static void arm_overflow(struct acpi_pm *p)
{
	u64 next;

	if (!(p->en & STS_TMR) || (p->sts & STS_TMR)) {
		timer_cancel(&p->overflow);
		return;
	}
	next = ((pm_ticks(p) >> 31) + 1) << 31;
	timer_set(&p->overflow,
		  (s64)((unsigned __int128)next * NS / PM_HZ) + 1);
}

/* --- the SCI ------------------------------------------------------------- */

static void update_sci(struct acpi_pm *p)
{
	bool level = p->sts & p->en & EN_MASK;

	for (unsigned i = 0; i < GPE_BYTES; i++)
		level |= (p->gpe_sts[i] & p->gpe_en[i]) != 0;
	irq_drive(&p->dev.irq, level && (p->cnt & CNT_SCI_EN));
	arm_overflow(p);
}

static void on_overflow(void *opaque)
{
	struct acpi_pm *p = opaque;

	SCOPED_LOCK(&p->dev.lock);
	update_tmr_sts(p);
	update_sci(p);
}

void acpi_pm_power_button(struct device *d)
{
	struct acpi_pm *p = to_pm(d);

	SCOPED_LOCK(&d->lock);
	p->sts |= STS_PWRBTN;
	update_sci(p);
}

void acpi_pm_wake(struct device *d, bool by_rtc)
{
	struct acpi_pm *p = to_pm(d);

	SCOPED_LOCK(&d->lock);
	p->sts |= STS_WAK | (by_rtc ? STS_RTC : STS_PWRBTN);
	update_sci(p);
}

bool acpi_pm_rtc_wakes(struct device *d)
{
	SCOPED_LOCK(&d->lock);
	return to_pm(d)->en & STS_RTC;
}

void acpi_pm_gpe(struct device *d, unsigned bit)
{
	struct acpi_pm *p = to_pm(d);

	assert(bit < GPE_BYTES * 8);
	SCOPED_LOCK(&d->lock);
	p->gpe_sts[bit / 8] |= BIT(bit % 8);
	update_sci(p);
}

/* --- PM1 ----------------------------------------------------------------- */

static void request(struct acpi_pm *p, enum vm_request r)
{
	const struct device_env *env = p->dev.env;

	env->request(env->opaque, r, 0);
}

static void cnt_write(struct acpi_pm *p, u16 val)
{
	/* SCI_EN is the firmware's; SLP_EN reads as 0. */
	p->cnt = (val & ~(CNT_SLP_EN | CNT_SCI_EN)) | (p->cnt & CNT_SCI_EN);
	if (!(val & CNT_SLP_EN))
		return;
	if (CNT_SLP_TYP(val) == ACPI_S5_TYPE)
		request(p, VM_REQ_POWEROFF);
	else if (CNT_SLP_TYP(val) == ACPI_S3_TYPE)
		request(p, VM_REQ_SUSPEND);
}

static u64 pm_read(struct device *d, u64 off, unsigned size)
{
	struct acpi_pm *p = to_pm(d);
	u64 v = 0;
	u8 b[ACPI_PM_LEN + 4] = { 0 };
	u32 t;

	update_tmr_sts(p);
	t = p->tmr_seen;
	memcpy(b + PM1_STS, &p->sts, 2);
	memcpy(b + PM1_EN, &p->en, 2);
	memcpy(b + PM1_CNT, &p->cnt, 2);
	memcpy(b + PM_TMR, &t, 4);
	memcpy(&v, b + off, MIN(size, 4u));
	return v;
}

/* `val` within the 16-bit register at `reg`, the rest of it `old`. */
static u16 merge(u16 old, unsigned lane, u64 val, unsigned size)
{
	if (size >= 2)
		return val;
	return lane ? (old & 0xff) | val << 8 : (old & 0xff00) | (val & 0xff);
}

static void pm_write16(struct acpi_pm *p, unsigned off, u64 val, unsigned size)
{
	unsigned lane = off & 1;

	switch (off & ~1u) {
	case PM1_STS:
		update_tmr_sts(p);
		p->sts &= ~merge(0, lane, val, size);
		break;
	case PM1_EN:
		p->en = merge(p->en, lane, val, size) & EN_MASK;
		break;
	case PM1_CNT:
		/* The low byte alone must not repeat a sleep: SLP_EN is 0. */
		cnt_write(p, merge(p->cnt, lane, val, size));
		break;
	}
	update_sci(p);
}

static void pm_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct acpi_pm *p = to_pm(d);

	pm_write16(p, off, val, size);
	if (size == 4)
		pm_write16(p, off + 2, val >> 16, 2);
}

/* --- GPE0: status bytes, then enable bytes -------------------------------- */

static u64 gpe_read(struct device *d, u64 off, unsigned size)
{
	struct acpi_pm *p = to_pm(d);

	(void)size;                    /* 1, by region_ops */
	return off < GPE_BYTES ? p->gpe_sts[off] : p->gpe_en[off - GPE_BYTES];
}

static void gpe_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct acpi_pm *p = to_pm(d);

	(void)size;
	if (off < GPE_BYTES)
		p->gpe_sts[off] &= ~(u8)val;
	else
		p->gpe_en[off - GPE_BYTES] = val;
	update_sci(p);
}

/* --- SMI command, reset --------------------------------------------------- */

static u64 smi_read(struct device *d, u64 off, unsigned size)
{
	struct acpi_pm *p = to_pm(d);

	(void)size;
	return off ? p->smi_data : p->smi;
}

static void smi_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct acpi_pm *p = to_pm(d);

	(void)size;
	if (off) {
		p->smi_data = val;
		return;
	}
	p->smi = val;
	if (val == ACPI_ENABLE)
		p->cnt |= CNT_SCI_EN;
	else if (val == ACPI_DISABLE)
		p->cnt &= ~CNT_SCI_EN;
	update_sci(p);
}

static void reset_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	if (val & 4)
		request(to_pm(d), VM_REQ_RESET);
}

/* --- life ---------------------------------------------------------------- */

static void pm_reset(struct device *d)
{
	struct acpi_pm *p = to_pm(d);

	SCOPED_LOCK(&d->lock);
	p->sts = p->en = 0;
	p->cnt = p->sci_en ? CNT_SCI_EN : 0;
	p->smi = p->smi_data = 0;
	memset(p->gpe_sts, 0, sizeof(p->gpe_sts));
	memset(p->gpe_en, 0, sizeof(p->gpe_en));
	p->tmr_seen = pm_ticks(p);
	update_sci(p);
}

static int pm_realize(struct device *d, struct err *e)
{
	struct acpi_pm *p = to_pm(d);

	(void)e;
	d->irq = d->env->gsi(d->env->opaque, p->sci);
	timer_init(&p->overflow, d->env->loop, d->env->clock, on_overflow, p);
	return 0;
}

static void pm_unrealize(struct device *d)
{
	timer_fini(&to_pm(d)->overflow);
}

/* --- tables -------------------------------------------------------------- */

static const struct state_field pm_fields[] = {
	STATE_FIELD(STATE_U16, struct acpi_pm, sts,      1),
	STATE_FIELD(STATE_U16, struct acpi_pm, en,       1),
	STATE_FIELD(STATE_U16, struct acpi_pm, cnt,      1),
	STATE_BYTES(struct acpi_pm, gpe_sts, 1),
	STATE_BYTES(struct acpi_pm, gpe_en,  1),
	STATE_FIELD(STATE_U8,  struct acpi_pm, smi,      1),
	STATE_FIELD(STATE_U8,  struct acpi_pm, smi_data, 1),
	STATE_FIELD(STATE_U64, struct acpi_pm, tmr_seen, 1),
	STATE_END
};

static int pm_post_load(struct device *d, unsigned version, struct err *e)
{
	(void)version;
	(void)e;
	SCOPED_LOCK(&d->lock);
	update_sci(to_pm(d));
	return 0;
}

static const struct state_desc pm_state = {
	.version = 1, .oldest = 1, .fields = pm_fields,
	.post_load = pm_post_load,
};

static const struct region_ops pm_ops = {
	.read = pm_read, .write = pm_write, .min_size = 1, .max_size = 4,
};
static const struct region_ops gpe_ops = {
	.read = gpe_read, .write = gpe_write, .min_size = 1, .max_size = 1,
};
static const struct region_ops smi_ops = {
	.read = smi_read, .write = smi_write, .min_size = 1, .max_size = 1,
};
static const struct region_ops reset_ops = {
	.write = reset_write, .min_size = 1, .max_size = 1,
};

static const struct device_prop pm_props[] = {
	PROP("base", PROP_U32, struct acpi_pm, base, "0x600",
	     "PM1a event block; control at +4, timer at +8"),
	PROP("gpe-base", PROP_U32, struct acpi_pm, gpe_base, "0x620",
	     "GPE0 block, 16 bytes"),
	PROP("smi-cmd", PROP_U32, struct acpi_pm, smi_cmd, "0xb2",
	     "SMI command port; data is the next"),
	PROP("reset-port", PROP_U32, struct acpi_pm, reset_port, "0",
	     "reset register, for machines without PCI"),
	PROP("sci", PROP_U8, struct acpi_pm, sci, "9", "GSI of the SCI"),
	PROP("sci-en", PROP_BOOL, struct acpi_pm, sci_en, "on",
	     "in ACPI mode after reset"),
	PROP_END
};

#define PM_REGION(n, field, length, o) { .name = (n), .space = SPACE_PIO, \
	.len = (length), .ops = &(o), \
	.base_off = offsetof(struct acpi_pm, field), .base_size = 4 }

static const struct device_region pm_regions[] = {
	PM_REGION("acpi-pm",    base,       ACPI_PM_LEN,   pm_ops),
	PM_REGION("acpi-gpe0",  gpe_base,   ACPI_GPE0_LEN, gpe_ops),
	PM_REGION("apm-io",     smi_cmd,    2,             smi_ops),
	PM_REGION("acpi-reset", reset_port, 1,             reset_ops),
	{ .len = 0 }
};

const struct device_class acpi_pm_class = {
	.name      = "acpi-pm",
	.summary   = "ACPI power management",
	.bus       = "System",
	.category  = "Misc",
	.size      = sizeof(struct acpi_pm),
	.props     = pm_props,
	.regions   = pm_regions,
	.state     = &pm_state,
	.realize   = pm_realize,
	.reset     = pm_reset,
	.unrealize = pm_unrealize,
};
