// SPDX-License-Identifier: MIT
/*
 * virtio over PCI (virtio 1.2, 4.1), modern only: one memory BAR with the
 * common, ISR, device and notification areas, MSI-X in another, and the
 * configuration-space window.
 *
 * Talks to: pci.h below, virtio.c above.
 * Never:    knows which device it carries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/virtio.h"

enum {                                 /* areas of the BAR                 */
	COMMON = 0x0000, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000,
	AREA_LEN = 0x1000, NOTIFY_STRIDE = 4,
};

enum {                                 /* common area: 4.1.4.3             */
	DEVICE_FEATURE_SELECT = 0x00, DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08, DRIVER_FEATURE = 0x0c,
	CONFIG_MSIX_VECTOR = 0x10, NUM_QUEUES = 0x12, DEVICE_STATUS = 0x14,
	CONFIG_GENERATION = 0x15, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18,
	QUEUE_MSIX_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e, QUEUE_DESC = 0x20, QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30, QUEUE_NOTIF_CONFIG_DATA = 0x38,
	QUEUE_RESET = 0x3a, COMMON_LEN = 0x3c,
};

enum {                                 /* capability types: 4.1.4          */
	CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4,
	CAP_PCI_CFG = 5, CAP_LEN = 16, CAP_LONG = 20,
	CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_DATA = 16,
};

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

static struct virtio *of_pci(struct pci_dev *p)
{
	return container_of(p, struct virtio, pci);
}

/* --- interrupts ------------------------------------------------------------ */

static void interrupt(struct virtio *v, u16 vector, u8 isr)
{
	if (pci_msix_enabled(&v->pci)) {
		if (vector != VIRTIO_NO_VECTOR)
			pci_msix_notify(&v->pci, vector);
		return;
	}
	v->isr |= isr;
	pci_irq_set(&v->pci, 1);
}

static void notify_queue(struct virtio *v, unsigned q)
{
	interrupt(v, v->q[q].vector, ISR_QUEUE);
}

static void notify_config(struct virtio *v)
{
	interrupt(v, v->config_vector, ISR_CONFIG);
}

static void isr_clear(struct virtio *v)
{
	if (v->pci.bus)
		pci_irq_set(&v->pci, 0);
}

static const struct virtio_transport pci_transport = {
	.name         = "virtio-pci",
	.notify_queue = notify_queue, .notify_config = notify_config,
	.isr_clear    = isr_clear,
};

/* --- the common area ------------------------------------------------------- */

static u64 queue_read(struct virtio *v, unsigned off)
{
	const struct virtio_queue *q = virtio_selected(v);

	if (!q)
		return off == QUEUE_MSIX_VECTOR ? VIRTIO_NO_VECTOR : 0;
	switch (off) {
	case QUEUE_SIZE:         return q->vq.size;
	case QUEUE_MSIX_VECTOR:  return q->vector;
	case QUEUE_ENABLE:       return q->vq.enabled;
	case QUEUE_NOTIFY_OFF:   return q->vq.index;
	case QUEUE_DESC:         return (u32)q->vq.desc;
	case QUEUE_DESC + 4:     return q->vq.desc >> 32;
	case QUEUE_DRIVER:       return (u32)q->vq.driver;
	case QUEUE_DRIVER + 4:   return q->vq.driver >> 32;
	case QUEUE_DEVICE:       return (u32)q->vq.device;
	case QUEUE_DEVICE + 4:   return q->vq.device >> 32;
	case QUEUE_NOTIF_CONFIG_DATA: return q->vq.index;
	case QUEUE_RESET:        return virtio_queue_resetting(v);
	default:                 return 0;
	}
}

static u64 common_read(struct virtio *v, unsigned off)
{
	switch (off) {
	case DEVICE_FEATURE_SELECT: return v->feature_sel;
	case DEVICE_FEATURE:        return virtio_offered(v, v->feature_sel);
	case DRIVER_FEATURE_SELECT: return v->driver_sel;
	case DRIVER_FEATURE:
		return v->driver_sel < 2
			? (u32)(v->driver_features >> 32 * v->driver_sel) : 0;
	case CONFIG_MSIX_VECTOR:    return v->config_vector;
	case NUM_QUEUES:            return v->nqueues;
	case DEVICE_STATUS:         return virtio_get_status(v);
	case CONFIG_GENERATION:     return v->config_gen;
	case QUEUE_SELECT:          return v->queue_sel;
	default:                    return queue_read(v, off);
	}
}

static u16 valid_vector(const struct virtio *v, u64 val)
{
	return val < v->pci.msix.n ? val : VIRTIO_NO_VECTOR;
}

static void queue_write(struct virtio *v, unsigned off, u32 val)
{
	struct virtio_queue *q = virtio_selected(v);

	if (!q)
		return;
	switch (off) {
	case QUEUE_SIZE:        virtio_queue_size(v, val); break;
	case QUEUE_MSIX_VECTOR: q->vector = valid_vector(v, val); break;
	case QUEUE_ENABLE:
		if (val == 1)
			virtio_queue_enable(v);
		break;
	case QUEUE_RESET:
		if (val == 1)
			virtio_queue_reset(v);
		break;
	case QUEUE_DESC: case QUEUE_DESC + 4:
		virtio_queue_addr(v, &q->vq.desc, off & 4, val);
		break;
	case QUEUE_DRIVER: case QUEUE_DRIVER + 4:
		virtio_queue_addr(v, &q->vq.driver, off & 4, val);
		break;
	case QUEUE_DEVICE: case QUEUE_DEVICE + 4:
		virtio_queue_addr(v, &q->vq.device, off & 4, val);
		break;
	default:                       /* read-only or reserved: ignored   */
		break;
	}
}

static void common_write(struct virtio *v, unsigned off, u32 val)
{
	switch (off) {
	case DEVICE_FEATURE_SELECT: v->feature_sel = val; break;
	case DRIVER_FEATURE_SELECT: v->driver_sel = val; break;
	case DRIVER_FEATURE:     virtio_accept(v, v->driver_sel, val); break;
	case CONFIG_MSIX_VECTOR: v->config_vector = valid_vector(v, val); break;
	case DEVICE_STATUS:      virtio_set_status(v, val); break;
	case QUEUE_SELECT:       v->queue_sel = val; break;
	default:                 queue_write(v, off, val); break;
	}
}

/* A field is read and written at its own width: 4.1.3.1. */
static bool common_width_ok(unsigned off, unsigned size)
{
	if (off < CONFIG_MSIX_VECTOR ||
	    (off >= QUEUE_DESC && off < QUEUE_NOTIF_CONFIG_DATA))
		return size == 4;
	if (off == DEVICE_STATUS || off == CONFIG_GENERATION)
		return size == 1;
	return size == 2;
}

/* --- the BAR --------------------------------------------------------------- */

static u64 isr_read(struct virtio *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	isr_clear(v);
	return isr;
}

static u64 bar_read(struct virtio *v, u64 off, unsigned size)
{
	switch (off & ~(AREA_LEN - 1ull)) {
	case COMMON:
		return off < COMMON_LEN && common_width_ok(off, size)
			? common_read(v, off) : 0;
	case ISR:    return off == ISR ? isr_read(v) : 0;
	case DEVICE: return virtio_config_access_read(v, off - DEVICE, size);
	default:     return 0;
	}
}

static void bar_write(struct virtio *v, u64 off, u64 val, unsigned size)
{
	switch (off & ~(AREA_LEN - 1ull)) {
	case COMMON:
		if (off < COMMON_LEN && common_width_ok(off, size))
			common_write(v, off, val);
		break;
	case DEVICE:
		virtio_config_access_write(v, off - DEVICE, val, size);
		break;
	default:
		break;
	}
}

static u64 locked_read(struct virtio *v, u64 off, unsigned size)
{
	SCOPED_LOCK(&v->pci.dev.lock);
	return bar_read(v, off, size);
}

static void locked_write(struct virtio *v, u64 off, u64 val, unsigned size)
{
	if (off >= NOTIFY && off < NOTIFY + AREA_LEN) {
		virtio_queue_kick(v, (off - NOTIFY) / NOTIFY_STRIDE);
		return;
	}
	SCOPED_LOCK(&v->pci.dev.lock);
	bar_write(v, off, val, size);
}

static u64 region_read(struct device *d, u64 off, unsigned size)
{
	return locked_read(to_virtio(d), off, size);
}

static void region_write(struct device *d, u64 off, u64 val, unsigned size)
{
	locked_write(to_virtio(d), off, val, size);
}

const struct region_ops virtio_pci_ops = {
	.read = region_read, .write = region_write,
	.min_size = 1, .max_size = 4, .unlocked = true,
};

/* Where the guest puts the BAR, its kicks become eventfds. */
void virtio_pci_bar_moved(struct pci_dev *p, unsigned bar, u64 addr,
			  bool mapped)
{
	struct virtio *v = of_pci(p);

	if (bar != VIRTIO_PCI_BAR || !v->q)
		return;
	virtio_ioeventfds(v, addr + NOTIFY, NOTIFY_STRIDE, mapped);
}

/* --- the window in configuration space: 4.1.4.9 ---------------------------- */

static bool window(struct virtio *v, unsigned off, unsigned n, u32 *at,
		   u32 *len)
{
	const unsigned cap = v->pci_cfg_cap;

	if (!cap || off + n <= cap + CAP_DATA || off >= cap + CAP_DATA + 4)
		return false;
	*at = pci_get(&v->pci, cap + CAP_OFFSET, 4);
	*len = pci_get(&v->pci, cap + CAP_LENGTH, 4);
	if (pci_get(&v->pci, cap + CAP_BAR, 1) != VIRTIO_PCI_BAR)
		return false;
	return (*len == 1 || *len == 2 || *len == 4) && *at % *len == 0 &&
	       *at <= VIRTIO_PCI_BAR_LEN - *len;
}

void virtio_pci_config_written(struct pci_dev *p, unsigned off, unsigned n)
{
	struct virtio *v = of_pci(p);
	u32 at, len;

	if (!window(v, off, n, &at, &len))
		return;
	locked_write(v, at, pci_get(p, v->pci_cfg_cap + CAP_DATA, len), len);
}

void virtio_pci_config_reading(struct pci_dev *p, unsigned off, unsigned n)
{
	struct virtio *v = of_pci(p);
	u32 at, len;
	u64 val;

	if (!window(v, off, n, &at, &len))
		return;
	val = locked_read(v, at, len);
	pci_put(p, v->pci_cfg_cap + CAP_DATA, val, len);
}

/* --- life ------------------------------------------------------------------ */

static unsigned add_cap(struct virtio *v, u8 type, unsigned len, u32 off,
			u32 area)
{
	unsigned at = pci_add_cap(&v->pci, PCI_CAP_VENDOR, len);

	pci_put(&v->pci, at + 2, len, 1);
	pci_put(&v->pci, at + 3, type, 1);
	pci_put(&v->pci, at + CAP_BAR, VIRTIO_PCI_BAR, 1);
	pci_put(&v->pci, at + CAP_OFFSET, off, 4);
	pci_put(&v->pci, at + CAP_LENGTH, area, 4);
	return at;
}

static void add_caps(struct virtio *v)
{
	unsigned at;

	add_cap(v, CAP_COMMON, CAP_LEN, COMMON, COMMON_LEN);
	add_cap(v, CAP_ISR, CAP_LEN, ISR, 1);
	if (v->class->config_size)
		add_cap(v, CAP_DEVICE, CAP_LEN, DEVICE, v->class->config_size);
	at = add_cap(v, CAP_NOTIFY, CAP_LONG, NOTIFY,
		     NOTIFY_STRIDE * v->nqueues);
	pci_put(&v->pci, at + CAP_DATA, NOTIFY_STRIDE, 4);
	at = add_cap(v, CAP_PCI_CFG, CAP_LONG, 0, 0);
	pci_put(&v->pci, at + CAP_BAR, 0, 1);
	pci_put_wmask(&v->pci, at + CAP_BAR, 0xff, 1);
	pci_put_wmask(&v->pci, at + CAP_OFFSET, ~0u, 4);
	pci_put_wmask(&v->pci, at + CAP_LENGTH, ~0u, 4);
	pci_put_wmask(&v->pci, at + CAP_DATA, ~0u, 4);
	v->pci_cfg_cap = at;
}

static unsigned vectors(const struct virtio *v)
{
	return v->p_vectors == UINT32_MAX ? v->nqueues + 1u : v->p_vectors;
}

/* The MSI-X BAR: the table in its lower half, the PBA in its upper. */
static u32 msix_half(const struct virtio *v)
{
	u32 half = 2048;

	while (half < 16 * vectors(v))
		half *= 2;
	return half;
}

static void choose_bars(struct virtio *v)
{
	const struct pci_class *c = pci_class_of(&v->pci);

	memcpy(v->pci.bars, c->bars, sizeof(v->pci.bars));
	v->pci.bars[VIRTIO_PCI_MSIX_BAR].len = 2 * msix_half(v);
	if (!vectors(v))
		v->pci.bars[VIRTIO_PCI_MSIX_BAR].kind = PCI_BAR_NONE;
	v->pci.bars_set = true;
}

enum { LEGACY_ON, LEGACY_AUTO, LEGACY_OFF };
const char *const virtio_legacy_names[] = { "on", "auto", "off", NULL };

/* Management tools name both; what they may say is that it is so. */
static int check_interface(const struct virtio *v, struct err *e)
{
	if (v->p_disable_legacy == LEGACY_OFF)
		return err_set(e, -ENOTSUP, "%s: disable-legacy=off: there is "
			       "no interface from before virtio 1",
			       v->pci.dev.class->name);
	if (v->p_disable_modern)
		return err_set(e, -ENOTSUP, "%s: disable-modern=on would leave "
			       "no interface", v->pci.dev.class->name);
	return 0;
}

int virtio_pci_realize(struct device *d, struct err *e)
{
	struct virtio *v = to_virtio(d);
	int rc = check_interface(v, e);

	if (rc < 0)
		return rc;
	rc = virtio_init(v, &pci_transport, e);
	if (rc < 0)
		return rc;
	if (vectors(v) > PCI_MSIX_MAX) {
		rc = err_set(e, -EINVAL, "%s: %u vectors are more than %d",
			     v->class->name, vectors(v), PCI_MSIX_MAX);
		goto fail_init;
	}
	choose_bars(v);
	rc = pci_dev_realize(&v->pci, e);
	if (rc < 0)
		goto fail_init;
	add_caps(v);
	if (vectors(v))
		rc = pci_msix_init(&v->pci, vectors(v), VIRTIO_PCI_MSIX_BAR, 0,
				   VIRTIO_PCI_MSIX_BAR, msix_half(v), e);
	if (rc < 0)
		goto fail_pci;
	return 0;

fail_pci:
	pci_dev_unrealize(&v->pci);
fail_init:
	virtio_stop(v);
	virtio_fini(v);
	return rc;
}

void virtio_pci_unrealize(struct device *d)
{
	struct virtio *v = to_virtio(d);

	virtio_stop(v);
	pci_dev_unrealize(&v->pci);
	virtio_fini(v);
}

void virtio_pci_reset(struct device *d)
{
	struct virtio *v = to_virtio(d);

	virtio_hard_reset(v);
	pci_dev_reset(&v->pci);
}

int virtio_pci_post_load(struct device *d, unsigned version, struct err *e)
{
	struct virtio *v = to_virtio(d);
	int rc = pci_dev_post_load(&v->pci, e);

	(void)version;
	return rc < 0 ? rc : virtio_post_load(v, e);
}
