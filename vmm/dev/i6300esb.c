// SPDX-License-Identifier: MIT
/*
 * i6300ESB watchdog timer (Intel 6300ESB datasheet, chapter 16): two stages,
 * the first may interrupt, the second resets.
 *
 * Room:     one timer of two stages, three configuration registers, one BAR.
 * Talks to: pci.h, a guest-clock timer, the VM by VM_REQ_WATCHDOG.
 * Never:    takes a write to its timers that was not unlocked first.
 */
#include "vmm/core/clock.h"
#include "vmm/pci/pci.h"

enum {                                 /* configuration space              */
	ESB_CONFIG = 0x60, ESB_LOCK = 0x68,
	CONFIG_INT_MASK = 3, CONFIG_INT_NONE = 3, CONFIG_FAST = BIT(2),
	CONFIG_NO_RESET = BIT(5),
	LOCK_LOCKED = BIT(0), LOCK_ENABLE = BIT(1), LOCK_FREE_RUN = BIT(2),
};

enum {                                 /* memory                           */
	TIMER1 = 0x00, TIMER2 = 0x04, GINTSR = 0x08, RELOAD = 0x0c,
	BAR_LEN = 0x10, TIMER_MASK = 0xfffff,
	RELOAD_NOW = BIT(8), RELOAD_TIMEOUT = BIT(9),
	UNLOCK1 = 0x80, UNLOCK2 = 0x86,
	STAGE_MIN_NS = 100000,
};

struct i6300esb {
	struct pci_dev pci;
	u32 timer1, timer2;
	u8  unlock, stage;             /* steps done; 0 idle, 1, 2         */
	bool fired, interrupt;
	s64 deadline;                  /* guest ns, -1: not running        */
	struct timer timer;
};

static struct i6300esb *to_esb(struct device *d)
{
	return container_of(d, struct i6300esb, pci.dev);
}

/* The clock is 33 MHz, divided by 2^15 or, fast, by 2^5.  Shorter than we can
 * be relied on it does not get: a guest would keep the loop busy for ever. */
static s64 stage_ns(const struct i6300esb *w)
{
	u64 n = w->stage == 1 ? w->timer1 : w->timer2;
	bool fast = pci_get(&w->pci, ESB_CONFIG, 2) & CONFIG_FAST;

	return MAX((s64)((n << (fast ? 5 : 15)) * 30), STAGE_MIN_NS);
}

static void arm(struct i6300esb *w, unsigned stage)
{
	w->stage = stage;
	w->deadline = stage ? device_now(&w->pci.dev) + stage_ns(w) : -1;
	if (stage)
		timer_set(&w->timer, w->deadline);
	else
		timer_cancel(&w->timer);
}

static bool enabled(const struct i6300esb *w)
{
	return pci_get(&w->pci, ESB_LOCK, 1) & LOCK_ENABLE;
}

static void second_stage_over(struct i6300esb *w)
{
	const struct device_env *env = w->pci.dev.env;
	u16 config = pci_get(&w->pci, ESB_CONFIG, 2);

	if (!(config & CONFIG_NO_RESET)) {
		w->fired = true;       /* survives the reset it causes     */
		arm(w, 0);
		env->request(env->opaque, VM_REQ_WATCHDOG, 0);
		return;
	}
	arm(w, pci_get(&w->pci, ESB_LOCK, 1) & LOCK_FREE_RUN ? 1 : 0);
}

static void on_timer(void *opaque)
{
	struct i6300esb *w = opaque;

	SCOPED_LOCK(&w->pci.dev.lock);
	if (!w->stage)
		return;
	if (w->stage == 2) {
		second_stage_over(w);
		return;
	}
	if (!(pci_get(&w->pci, ESB_CONFIG, 2) & CONFIG_INT_MASK)) {
		w->interrupt = true;
		pci_irq_set(&w->pci, 1);
	}
	arm(w, 2);
}

/* --- memory ---------------------------------------------------------------- */

static u64 esb_read(struct device *d, u64 off, unsigned size)
{
	struct i6300esb *w = to_esb(d);

	(void)size;
	switch (off) {
	case TIMER1: return w->timer1;
	case TIMER2: return w->timer2;
	case GINTSR: return w->interrupt;
	case RELOAD: return w->fired ? RELOAD_TIMEOUT : 0;
	default:     return 0;
	}
}

static void unlocked_write(struct i6300esb *w, u64 off, u32 val)
{
	if (off == TIMER1)
		w->timer1 = val & TIMER_MASK;
	else if (off == TIMER2)
		w->timer2 = val & TIMER_MASK;
	else if (off == RELOAD) {
		if (val & RELOAD_TIMEOUT)
			w->fired = false;
		if (val & RELOAD_NOW && enabled(w))
			arm(w, 1);
	}
}

/* Two magic writes allow one write more. */
static void esb_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct i6300esb *w = to_esb(d);

	(void)size;
	if (off == GINTSR) {
		if (val & 1) {
			w->interrupt = false;
			pci_irq_set(&w->pci, 0);
		}
		return;
	}
	if (w->unlock == 2) {
		w->unlock = 0;
		unlocked_write(w, off, val);
	} else if (off == RELOAD && val == UNLOCK1) {
		w->unlock = 1;
	} else {
		w->unlock = w->unlock == 1 && off == RELOAD && val == UNLOCK2
			  ? 2 : 0;
	}
}

static const struct region_ops esb_ops = {
	.read = esb_read, .write = esb_write, .min_size = 1, .max_size = 4,
};

/* --- configuration --------------------------------------------------------- */

static void config_written(struct pci_dev *p, unsigned off, unsigned n)
{
	struct i6300esb *w = to_esb(&p->dev);

	if (off > ESB_LOCK || off + n <= ESB_LOCK)
		return;
	SCOPED_LOCK(&p->dev.lock);
	if (pci_get(p, ESB_LOCK, 1) & LOCK_LOCKED)
		pci_put_wmask(p, ESB_LOCK, 0, 1);      /* until the reset  */
	if (!enabled(w))
		arm(w, 0);
	else if (!w->stage)
		arm(w, 1);
}

static const struct pci_class esb_pci = {
	.vendor = 0x8086, .device = 0x25ab, .class_code = 0x088000,
	.revision = 1, .int_pin = 1,
	.bars = { { "i6300esb", PCI_BAR_MEM32, false, BAR_LEN, &esb_ops } },
	.config_written = config_written,
};

/* --- life ------------------------------------------------------------------ */

static void esb_reset(struct device *d)
{
	struct i6300esb *w = to_esb(d);

	pci_dev_reset(&w->pci);
	pci_put(&w->pci, ESB_CONFIG, 0, 2);
	pci_put(&w->pci, ESB_LOCK, 0, 1);
	pci_put_wmask(&w->pci, ESB_LOCK,
		      LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN, 1);
	w->timer1 = w->timer2 = TIMER_MASK;
	w->unlock = 0;
	w->interrupt = false;
	arm(w, 0);
}

static int esb_realize(struct device *d, struct err *e)
{
	struct i6300esb *w = to_esb(d);
	int rc;

	timer_init(&w->timer, d->env->loop, d->env->clock, on_timer, w);
	w->deadline = -1;
	rc = pci_dev_realize(&w->pci, e);
	if (rc == 0)
		pci_put_wmask(&w->pci, ESB_CONFIG,
			      CONFIG_INT_MASK | CONFIG_FAST | CONFIG_NO_RESET,
			      2);
	return rc;
}

static void esb_unrealize(struct device *d)
{
	pci_dev_unrealize(to_pci(d));
	timer_fini(&to_esb(d)->timer);
}

static int esb_post_load(struct device *d, unsigned version, struct err *e)
{
	struct i6300esb *w = to_esb(d);
	int rc = pci_dev_post_load(&w->pci, e);

	(void)version;
	if (rc == 0 && w->stage)
		timer_set(&w->timer, w->deadline);
	return rc;
}

static const struct device_prop esb_props[] = {
	PCI_PROPS(struct i6300esb, pci),
	PROP_END
};

static const struct state_field esb_fields[] = {
	STATE_ONE(struct i6300esb, pci, pci_dev_state, 1),
	STATE_FIELD(STATE_U32,  struct i6300esb, timer1,    1),
	STATE_FIELD(STATE_U32,  struct i6300esb, timer2,    1),
	STATE_FIELD(STATE_U8,   struct i6300esb, unlock,    1),
	STATE_FIELD(STATE_U8,   struct i6300esb, stage,     1),
	STATE_FIELD(STATE_BOOL, struct i6300esb, fired,     1),
	STATE_FIELD(STATE_BOOL, struct i6300esb, interrupt, 1),
	STATE_FIELD(STATE_U64,  struct i6300esb, deadline,  1),
	STATE_END
};

static const struct state_desc esb_state = {
	.version = 1, .oldest = 1, .fields = esb_fields,
	.post_load = esb_post_load,
};

const struct device_class i6300esb_class = {
	.name      = "i6300esb",
	.summary   = "Intel 6300ESB watchdog",
	.bus       = "PCI",
	.category  = "Watchdog",
	.size      = sizeof(struct i6300esb),
	.props     = esb_props,
	.state     = &esb_state,
	.pci       = &esb_pci,
	.realize   = esb_realize,
	.reset     = esb_reset,
	.unrealize = esb_unrealize,
	.user_creatable = true,
	.hotplug   = true,
};
