// SPDX-License-Identifier: MIT
/*
 * virtio over MMIO (virtio 1.2, 4.2), version 2 registers only.
 *
 * Talks to: the memory bus and one GSI below, virtio.c above.
 * Never:    knows which device it carries.
 */
#include <errno.h>
#include <string.h>

#include "virtio/virtio.h"

enum {                                 /* registers: 4.2.2                 */
	MagicValue = 0x000, Version = 0x004, DeviceID = 0x008,
	VendorID = 0x00c, DeviceFeatures = 0x010, DeviceFeaturesSel = 0x014,
	DriverFeatures = 0x020, DriverFeaturesSel = 0x024, QueueSel = 0x030,
	QueueNumMax = 0x034, QueueNum = 0x038, QueueReady = 0x044,
	QueueNotify = 0x050, InterruptStatus = 0x060, InterruptACK = 0x064,
	Status = 0x070, QueueDescLow = 0x080, QueueDescHigh = 0x084,
	QueueDriverLow = 0x090, QueueDriverHigh = 0x094,
	QueueDeviceLow = 0x0a0, QueueDeviceHigh = 0x0a4, SHMSel = 0x0ac,
	SHMLenLow = 0x0b0, SHMLenHigh = 0x0b4, SHMBaseLow = 0x0b8,
	SHMBaseHigh = 0x0bc, QueueReset = 0x0c0, ConfigGeneration = 0x0fc,
	Config = 0x100,
	MAGIC = 0x74726976, VENDOR = 0x65746f6d,       /* "virt", "mote" */
};

enum { INT_QUEUE = 1, INT_CONFIG = 2 };

/* Where machines put them: 512 bytes each, below the local APIC. */
#define MMIO_BASE  0xfec80000ull
enum { MMIO_SLOTS = 32 };

/* --- interrupts ------------------------------------------------------------ */

static void raise_isr(struct virtio *v, u8 bit)
{
	v->isr |= bit;
	irq_drive(&v->pci.dev.irq, 1);
}

static void notify_queue(struct virtio *v, unsigned q)
{
	(void)q;
	raise_isr(v, INT_QUEUE);
}

static void notify_config(struct virtio *v)
{
	raise_isr(v, INT_CONFIG);
}

static void isr_clear(struct virtio *v)
{
	irq_drive(&v->pci.dev.irq, 0);
}

static const struct virtio_transport mmio_transport = {
	.name         = "virtio-mmio",
	.notify_queue = notify_queue, .notify_config = notify_config,
	.isr_clear    = isr_clear,
};

/* --- registers ------------------------------------------------------------- */

static u32 reg_read(struct virtio *v, u64 off)
{
	const struct virtio_queue *q = virtio_selected(v);

	switch (off) {
	case MagicValue:       return MAGIC;
	case Version:          return 2;
	case DeviceID:         return v->class->id;
	case VendorID:         return VENDOR;
	case DeviceFeatures:   return virtio_offered(v, v->feature_sel);
	case QueueNumMax:      return q ? q->vq.size_max : 0;
	case QueueReady:       return q && q->vq.enabled;
	case InterruptStatus:  return v->isr;
	case Status:           return virtio_get_status(v);
	case SHMLenLow: case SHMLenHigh: case SHMBaseLow: case SHMBaseHigh:
		return ~0u;            /* there is no shared memory        */
	case QueueReset:       return virtio_queue_resetting(v);
	case ConfigGeneration: return v->config_gen;
	default:               return 0;
	}
}

static void ack(struct virtio *v, u32 bits)
{
	v->isr &= ~bits;
	if (!v->isr)
		isr_clear(v);
}

static void queue_write(struct virtio *v, u64 off, u32 val)
{
	struct virtio_queue *q = virtio_selected(v);

	if (!q)
		return;
	switch (off) {
	case QueueNum:         virtio_queue_size(v, MIN(val, 0xffffu)); break;
	case QueueReady:
		if (val & 1)
			virtio_queue_enable(v);
		else
			virtio_queue_disable(v);
		break;
	case QueueReset:
		if (val == 1)
			virtio_queue_reset(v);
		break;
	case QueueDescLow: case QueueDescHigh:
		virtio_queue_addr(v, &q->vq.desc, off & 4, val);
		break;
	case QueueDriverLow: case QueueDriverHigh:
		virtio_queue_addr(v, &q->vq.driver, off & 4, val);
		break;
	case QueueDeviceLow: case QueueDeviceHigh:
		virtio_queue_addr(v, &q->vq.device, off & 4, val);
		break;
	default:                       /* read-only or reserved: ignored   */
		break;
	}
}

static void reg_write(struct virtio *v, u64 off, u32 val)
{
	switch (off) {
	case DeviceFeaturesSel: v->feature_sel = val; break;
	case DriverFeatures:    virtio_accept(v, v->driver_sel, val); break;
	case DriverFeaturesSel: v->driver_sel = val; break;
	case QueueSel:          v->queue_sel = MIN(val, 0xffffu); break;
	case InterruptACK:      ack(v, val); break;
	case Status:            virtio_set_status(v, val); break;
	default:                queue_write(v, off, val); break;
	}
}

static u64 region_read(struct device *d, u64 off, unsigned size)
{
	struct virtio *v = to_virtio(d);

	SCOPED_LOCK(&d->lock);
	if (off >= Config)
		return virtio_config_access_read(v, off - Config, size);
	return size == 4 ? reg_read(v, off) : 0;
}

static void region_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct virtio *v = to_virtio(d);

	if (off == QueueNotify && size == 4) {
		virtio_queue_kick(v, val & 0xffff);
		return;
	}
	SCOPED_LOCK(&d->lock);
	if (off >= Config)
		virtio_config_access_write(v, off - Config, val, size);
	else if (size == 4)
		reg_write(v, off, val);
}

static const struct region_ops mmio_ops = {
	.read = region_read, .write = region_write,
	.min_size = 1, .max_size = 4, .unlocked = true,
};

/* --- where ----------------------------------------------------------------- */

/* Interrupts no PC device has; with no PCI its pins are free too. */
static const u8 gsis[] = { 16, 17, 18, 19, 20, 21, 22, 23, 5, 10, 11, 7, 6, 14,
			   15 };
enum { PCI_PINS = 8 };

/* `v` itself is not on the bus yet. */
static bool has_gsi(const struct region *r, void *gsi)
{
	return r->ops == &mmio_ops && to_virtio(r->dev)->mmio_irq == *(u32 *)gsi;
}

static bool gsi_taken(const struct virtio *v, u32 gsi)
{
	return bus_any(v->pci.dev.env->mmio, has_gsi, &gsi);
}

static bool base_taken(const struct virtio *v, u64 base)
{
	return bus_overlaps(v->pci.dev.env->mmio, base,
			    base + VIRTIO_MMIO_LEN - 1);
}

static int choose_place(struct virtio *v, struct err *e)
{
	unsigned i = v->pci.dev.env->pci ? PCI_PINS : 0, slot = 0;

	while (!v->mmio_irq && i < ARRAY_LEN(gsis)) {
		if (!gsi_taken(v, gsis[i]))
			v->mmio_irq = gsis[i];
		i++;
	}
	while (!v->mmio_base && slot < MMIO_SLOTS) {
		if (!base_taken(v, MMIO_BASE + slot * VIRTIO_MMIO_LEN))
			v->mmio_base = MMIO_BASE + slot * VIRTIO_MMIO_LEN;
		slot++;
	}
	if (!v->mmio_irq || !v->mmio_base)
		return err_set(e, -ENOSPC, "%s: no room for another virtio-mmio "
			       "device", v->pci.dev.class->name);
	if (v->mmio_base % 4)
		return err_set(e, -EINVAL, "%s: base 0x%llx is not aligned",
			       v->pci.dev.class->name,
			       (unsigned long long)v->mmio_base);
	return 0;
}

/* --- life ------------------------------------------------------------------ */

int virtio_mmio_realize(struct device *d, struct err *e)
{
	struct virtio *v = to_virtio(d);
	int rc = choose_place(v, e);
	struct region r = { .name = "virtio-mmio", .base = v->mmio_base,
			    .len = VIRTIO_MMIO_LEN, .ops = &mmio_ops,
			    .dev = d };

	if (rc < 0)
		return rc;
	d->irq = d->env->gsi(d->env->opaque, v->mmio_irq);
	rc = virtio_init(v, &mmio_transport, e);
	if (rc < 0)
		return rc;
	rc = bus_map(d->env->mmio, &r, e);
	if (rc < 0) {
		virtio_stop(v);
		virtio_fini(v);
		return rc;
	}
	virtio_ioeventfds(v, v->mmio_base + QueueNotify, 0, true);
	return 0;
}

void virtio_mmio_unrealize(struct device *d)
{
	struct virtio *v = to_virtio(d);

	virtio_ioeventfds(v, v->mmio_base + QueueNotify, 0, false);
	virtio_stop(v);
	virtio_fini(v);
}

void virtio_mmio_reset(struct device *d)
{
	virtio_hard_reset(to_virtio(d));
}

int virtio_mmio_post_load(struct device *d, unsigned version, struct err *e)
{
	struct virtio *v = to_virtio(d);

	(void)version;
	irq_drive(&d->irq, !!v->isr);
	return virtio_post_load(v, e);
}
