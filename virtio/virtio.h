/* SPDX-License-Identifier: MIT */
/*
 * A virtio device: feature negotiation, status, configuration space, queues
 * (virtio 1.2, 2 and 3).  Transports drive it, device files give it a class.
 *
 * A device embeds struct virtio first, gives a static struct virtio_class and
 * ends with one VIRTIO_DEVICE(...), which makes the two device classes:
 * "NAME-pci" (virtio_pci.c) and "NAME-device" (virtio_mmio.c), and has two
 * lines in devices.def.
 *
 * Lock: the device's lock (v->pci.dev.lock) covers all of struct virtio and
 * of the device; every slot of virtio_class is called with it held (but
 * realize, unrealize, quiesce and resume: those come on the main loop, where
 * the device takes it itself).  Back-end callbacks take it.
 *
 * Kicks arrive on v->loop (an I/O thread's, else the main loop): as eventfds
 * straight from the provider, or from the register write.  vCPUs do not run
 * device code.
 *
 * Reset: the class's reset drops what can be dropped.  The device stays in
 * reset (its status reads non-zero) until every chain came back by push or
 * drop: no DMA after the status says 0.
 *
 * A guest's mistake: virtio_break() sets NEEDS_RESET, counts, and the queues
 * stay silent until the driver resets the device.
 */
#ifndef MOTE_VIRTIO_VIRTIO_H
#define MOTE_VIRTIO_VIRTIO_H

#include "virtio/virtq.h"
#include "vmm/core/device.h"
#include "vmm/pci/pci.h"

struct iothread;
struct virtio;
struct virtio_held;
struct virtio_held_buffer;
struct vhost;

enum {                                 /* device types: virtio 1.2, 5      */
	VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4, VIRTIO_ID_BALLOON = 5, VIRTIO_ID_VSOCK = 19,
};

enum {                                 /* status: virtio 1.2, 2.1          */
	VIRTIO_S_ACKNOWLEDGE = 1, VIRTIO_S_DRIVER = 2,
	VIRTIO_S_DRIVER_OK = 4, VIRTIO_S_FEATURES_OK = 8,
	VIRTIO_S_NEEDS_RESET = 64, VIRTIO_S_FAILED = 128,
};

enum { VIRTIO_QUEUES_MAX = 129, VIRTIO_CONFIG_MAX = 256,
       VIRTIO_NO_VECTOR = 0xffff };

struct virtio_class {
	const char *name;              /* "virtio-blk"                     */
	u16 id;                        /* VIRTIO_ID_*                      */
	u16 queues;                    /* realize may change v->nqueues    */
	u16 queues_max;                /* 0: `queues`                      */
	u16 queue_size;                /* realize may change v->queue_size */
	u16 config_size;               /* bytes of v->config               */
	u64 features;                  /* realize may change v->offered    */
	const char *const *feature_names;      /* by bit, NULL gaps; 64; or NULL */

	/* Check properties, set v->nqueues, v->config, v->loop. [loop] */
	int  (*realize)(struct virtio *v, struct err *e);
	void (*unrealize)(struct virtio *v);   /* [loop] NULL ok            */
	/* Let go of what is in flight; features are gone. [vcpu, loop] */
	void (*reset)(struct virtio *v);       /* NULL ok                   */
	/* DRIVER_OK: v->features is final, queues are enabled.  Also once
	 * state of a running device was loaded. [vcpu, loop] */
	void (*start)(struct virtio *v);       /* NULL ok                   */
	/* Queue `q` has work (or may have). [v->loop] */
	void (*kick)(struct virtio *v, unsigned q);
	/* The same at once, by the vCPU that kicks, where that is sooner done
	 * than another thread is awake; false: let kick do (the rest of) it.
	 * Kicks then are no eventfds where exits are cheap. [vcpu] NULL ok */
	bool (*kick_here)(struct virtio *v, unsigned q);
	/* Bring v->config up to date before it is read. [vcpu] NULL ok */
	void (*config_read)(struct virtio *v);
	/* The driver wants `val` in v->config[off, off+size), which is inside.
	 * NULL: it may not. [vcpu] */
	void (*config_write)(struct virtio *v, unsigned off, u64 val,
			     unsigned size);
	/* The VM pauses: no DMA when this returns; continues. [loop] NULL ok */
	void (*quiesce)(struct virtio *v);
	void (*resume)(struct virtio *v);
	/* The state is saved: virtio_hold every chain that is out and waits for
	 * the VM to go on.  It was loaded: take this one back by
	 * virtio_restore, false if not.  Lock held. [loop] NULL ok */
	void (*hold)(struct virtio *v);
	bool (*take_back)(struct virtio *v, const struct virtio_held *h);
	/* A runtime property was set.  Lock held. [loop] NULL ok */
	void (*changed)(struct virtio *v);
	void (*describe)(struct virtio *v, struct strbuf *out); /* NULL ok  */
};

/* What a transport gives the core; [any], device lock held. */
struct virtio_transport {
	const char *name;              /* "virtio-pci", "virtio-mmio"      */
	void (*notify_queue)(struct virtio *v, unsigned q);
	void (*notify_config)(struct virtio *v);
	void (*isr_clear)(struct virtio *v);   /* v->isr is 0 now          */
};

struct virtio_queue {
	struct virtq vq;
	u16 vector;                    /* PCI                              */
	int kick_fd;                   /* eventfd                          */
	bool watched;
	bool muted;                    /* watched, but for nothing         */
	bool resetting;
	struct virtio *v;
	struct vhost *vhost;           /* who works it now; NULL: we do    */
};

/* A chain that is out while the state is saved: virtio_state.c. */
struct virtio_held {
	u16 q, head, ndesc, seq, nout, nin;
	u32 done;                      /* the device's: how far it got     */
	u32 first;                     /* of its buffers                   */
};

struct virtio_held_buffer {
	u64 gpa;
	u32 len;
};

/* Embedded first in every virtio device. */
struct virtio {
	struct pci_dev pci;            /* pci.dev is the device; the rest is
					  unused by virtio-mmio            */
	const struct virtio_class *class;
	const struct virtio_transport *transport;
	struct loop *loop;             /* where kicks arrive; NULL at first:
					  core fills in the main loop      */
	u64 offered;                   /* features                         */
	u64 withheld;                  /* never offered: realize sets it   */
	u64 features;                  /* negotiated                       */
	u32 feature_sel, driver_sel;   /* transport registers              */
	u64 driver_features;           /* written so far                   */
	u16 queue_sel;
	u16 nqueues, queue_size;
	u8  status;
	bool resetting;                /* reset asked, chains still out    */
	bool started;                  /* DRIVER_OK and not broken         */
	bool quiesced;
	bool gone;                     /* being removed: registers are dead */
	bool kicks_exit;               /* an ioeventfd failed: said so     */
	u8  isr;
	u8  config_gen;
	u16 config_vector;
	u32 errors;                    /* the guest's mistakes             */
	const char *why;               /* the last one; static             */
	u8  config[VIRTIO_CONFIG_MAX];
	struct virtio_queue *q;        /* nqueues                          */
	struct virtio_held *held;      /* as of the last save or load      */
	struct virtio_held_buffer *held_buffers;
	u32 nheld, nheld_buffers;

	/* Properties every virtio device has. */
	bool p_indirect, p_event_idx, p_packed, p_in_order, p_ioeventfd;
	bool p_iommu_platform;
	u32  p_vectors;                /* PCI; ~0: one per queue + 1       */
	u32  p_disable_legacy;         /* PCI: virtio_legacy_names         */
	bool p_disable_modern;
	/* Transports' own. */
	u64  mmio_base;                /* property; 0: machine chooses     */
	u32  mmio_irq;
	u64  notify_at;                /* where kicks go to; 0: nowhere    */
	unsigned notify_stride;
	bool notify_on;                /* they are ioeventfds              */
	u8   pci_cfg_cap;              /* PCI: offset of the window        */
};

static inline struct virtio *to_virtio(struct device *d)
{
	return container_of(d, struct virtio, pci.dev);
}

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
	return v->features >> feature & 1;
}

static inline struct virtq *virtio_q(struct virtio *v, unsigned q)
{
	return &v->q[q].vq;
}

static inline void virtio_lock(struct virtio *v)
{
	lock_take(&v->pci.dev.lock);
}

static inline void virtio_unlock(struct virtio *v)
{
	lock_drop(&v->pci.dev.lock);
}

/* --- for devices; device lock held --- */
/* Interrupt the guest if it wants to hear of what was flushed. */
void virtio_notify(struct virtio *v, unsigned q);
/* push + notify, for one chain. */
void virtio_done(struct virtio *v, unsigned q, const struct virtq_chain *c,
		 u32 written);
/* Pop; when the queue is empty ask for kicks, and look once more.  A device
 * that only ever pops by this hears of all that is added later. */
int  virtio_pop(struct virtio *v, unsigned q, struct virtq_chain *c);
/* May this kick's work go on?  `left` begins as what one turn may do, however
 * long the guest keeps the queue full; when it is used up the queue is kicked
 * again, and the loop's others have their turn first. */
bool virtio_turn(struct virtio *v, unsigned q, unsigned *left);
/* v->config changed: new generation, configuration interrupt. */
void virtio_config_changed(struct virtio *v);
/* The guest broke a rule (`why`: static, names the spec section). */
void virtio_break(struct virtio *v, const char *why);
/* Let the provider turn kicks into eventfds, or not: register writes do then.
 * `stride` 0: all at one address, told apart by value.  For transports. */
void virtio_ioeventfds(struct virtio *v, u64 at, unsigned stride, bool on);
/* Work may be done: DRIVER_OK, not broken, not paused, not resetting. */
bool virtio_running(const struct virtio *v);
/* Call class->kick for queue q soon, on v->loop. [any] */
void virtio_kick_later(struct virtio *v, unsigned q);

/* Hear kicks of a queue vhost gave back. [v->loop] */
void virtio_queue_listen(struct virtio *v, unsigned q);

/* Little-endian fields of v->config. */
void virtio_config_put(struct virtio *v, unsigned off, u64 val, unsigned size);
u64  virtio_config_get(const struct virtio *v, unsigned off, unsigned size);

/* --- for transports and VIRTIO_DEVICE: virtio.c --- */
int  virtio_init(struct virtio *v, const struct virtio_transport *t,
		 struct err *e);
/* End in two steps: nothing runs any more; then the memory goes. */
void virtio_stop(struct virtio *v);
void virtio_fini(struct virtio *v);
void virtio_set_status(struct virtio *v, u8 status);
u8   virtio_get_status(struct virtio *v);      /* finishes a reset       */
u32  virtio_offered(const struct virtio *v, u32 sel);
void virtio_accept(struct virtio *v, u32 sel, u32 bits);
struct virtio_queue *virtio_selected(struct virtio *v);   /* or NULL */
void virtio_queue_size(struct virtio *v, u16 size);
void virtio_queue_addr(struct virtio *v, u64 *addr, bool high, u32 val);
void virtio_queue_enable(struct virtio *v);
void virtio_queue_reset(struct virtio *v);
void virtio_queue_disable(struct virtio *v);   /* MMIO: QueueReady = 0   */
bool virtio_queue_resetting(struct virtio *v);
/* By register, device lock not held: class->kick_here, or kick soon. [vcpu] */
void virtio_queue_kick(struct virtio *v, unsigned q);
u64  virtio_config_access_read(struct virtio *v, u64 off, unsigned size);
void virtio_config_access_write(struct virtio *v, u64 off, u64 val,
				unsigned size);
void virtio_hard_reset(struct virtio *v);      /* [loop] vCPUs parked    */
void virtio_quiesce(struct device *d);
void virtio_resume(struct device *d);
void virtio_describe(struct device *d, struct strbuf *out);
int  virtio_changed(struct device *d, struct err *e);

/* --- virtio_state.c --- */
extern const struct state_desc virtio_state;   /* of struct virtio       */
int  virtio_pre_save(struct device *d, struct err *e);
int  virtio_post_load(struct virtio *v, struct err *e);
void virtio_hold(struct virtio *v, unsigned q, const struct virtq_chain *c,
		 u32 done);
/* `c` has iov and max; false: the device is broken, the chain not out. */
bool virtio_restore(struct virtio *v, const struct virtio_held *h,
		    struct virtq_chain *c);
void virtio_forget_held(struct virtio *v);

/* --- virtio_pci.c, virtio_mmio.c --- */
int  virtio_pci_realize(struct device *d, struct err *e);
void virtio_pci_unrealize(struct device *d);
void virtio_pci_reset(struct device *d);
int  virtio_pci_post_load(struct device *d, unsigned version, struct err *e);
extern const struct region_ops virtio_pci_ops;
void virtio_pci_bar_moved(struct pci_dev *p, unsigned bar, u64 addr,
			  bool mapped);
void virtio_pci_config_written(struct pci_dev *p, unsigned off, unsigned n);
void virtio_pci_config_reading(struct pci_dev *p, unsigned off, unsigned n);
int  virtio_mmio_realize(struct device *d, struct err *e);
void virtio_mmio_unrealize(struct device *d);
void virtio_mmio_reset(struct device *d);
int  virtio_mmio_post_load(struct device *d, unsigned version, struct err *e);

extern const char *const virtio_legacy_names[];

enum {
	VIRTIO_PCI_BAR_LEN = 0x4000, VIRTIO_PCI_MSIX_BAR = 1,
	VIRTIO_PCI_BAR = 4, VIRTIO_MMIO_LEN = 0x200,
};

#define VIRTIO_PROPS(s) \
	PROP("indirect_desc", PROP_BOOL, s, v.p_indirect, "on", \
	     "offer indirect descriptors"), \
	PROP("event_idx", PROP_BOOL, s, v.p_event_idx, "on", \
	     "offer the event index"), \
	PROP("packed", PROP_BOOL, s, v.p_packed, "off", \
	     "offer packed rings"), \
	PROP("in_order", PROP_BOOL, s, v.p_in_order, "off", \
	     "offer in-order completion"), \
	PROP("iommu_platform", PROP_BOOL, s, v.p_iommu_platform, "off", \
	     "offer to reach memory as the platform says (there is no IOMMU)"), \
	PROP("ioeventfd", PROP_BOOL, s, v.p_ioeventfd, "on", \
	     "kicks as eventfds, without an exit")

#define VIRTIO_PCI_PROPS(s) \
	PCI_PROPS(s, v.pci), \
	PROP("vectors", PROP_U32, s, v.p_vectors, "0xffffffff", \
	     "MSI-X vectors (default: one a queue and one)"), \
	{ .name = "disable-legacy", .type = PROP_ENUM, .def = "on", \
	  .offset = offsetof(s, v.p_disable_legacy), \
	  .enum_names = virtio_legacy_names, \
	  .help = "no registers of before virtio 1: never there, not off" }, \
	PROP("disable-modern", PROP_BOOL, s, v.p_disable_modern, "off", \
	     "no registers of virtio 1: always there, not on"), \
	VIRTIO_PROPS(s)

#define VIRTIO_MMIO_PROPS(s) \
	PROP("base", PROP_U64, s, v.mmio_base, "0", \
	     "address of the registers (0: the machine chooses)"), \
	PROP("gsi", PROP_U32, s, v.mmio_irq, "0", \
	     "interrupt (0: the machine chooses)"), \
	VIRTIO_PROPS(s)

/*
 * The two device classes of one device: CNAME_pci_class, CNAME_device_class.
 * S is the device's struct (a struct virtio named v first), VC its class,
 * STATE its own state_desc, the rest its properties, each with its comma.
 */
#define VIRTIO_DEVICE(...) VIRTIO_BUS_DEVICE(NULL, __VA_ARGS__)

/* The same with a bus of that kind behind it. */
#define VIRTIO_BUS_DEVICE(hosts_, cname, name_, s, vc, id_, pclass, state_, \
			  cat, sum, ...) \
static const struct device_prop cname##_pci_props[] = { \
	VIRTIO_PCI_PROPS(s), __VA_ARGS__ PROP_END }; \
static const struct device_prop cname##_mmio_props[] = { \
	VIRTIO_MMIO_PROPS(s), __VA_ARGS__ PROP_END }; \
static const struct pci_class cname##_pci = { \
	.vendor = 0x1af4, .device = 0x1040 + (id_), .revision = 1, \
	.class_code = (pclass), .int_pin = 1, \
	.bars = { \
		[VIRTIO_PCI_MSIX_BAR] = { name_ "-msix", PCI_BAR_MEM32, false, \
					  4096, NULL }, \
		[VIRTIO_PCI_BAR] = { name_ "-pci", PCI_BAR_MEM64, true, \
				     VIRTIO_PCI_BAR_LEN, &virtio_pci_ops }, \
	}, \
	.bar_moved = virtio_pci_bar_moved, \
	.config_written = virtio_pci_config_written, \
	.config_reading = virtio_pci_config_reading, \
}; \
static const struct state_field cname##_pci_fields[] = { \
	STATE_ONE(s, v.pci, pci_dev_state, 1), \
	STATE_ONE(s, v, virtio_state, 1), \
	{ .name = name_, .type = STATE_T_STRUCT, .len = sizeof(s), \
	  .count = 1, .since = 1, .sub = &(state_) }, \
	STATE_END }; \
static const struct state_field cname##_mmio_fields[] = { \
	STATE_ONE(s, v, virtio_state, 1), \
	{ .name = name_, .type = STATE_T_STRUCT, .len = sizeof(s), \
	  .count = 1, .since = 1, .sub = &(state_) }, \
	STATE_END }; \
static const struct state_desc cname##_pci_state = { \
	.version = 1, .oldest = 1, .fields = cname##_pci_fields, \
	.pre_save = virtio_pre_save, \
	.post_load = virtio_pci_post_load }; \
static const struct state_desc cname##_mmio_state = { \
	.version = 1, .oldest = 1, .fields = cname##_mmio_fields, \
	.pre_save = virtio_pre_save, \
	.post_load = virtio_mmio_post_load }; \
const struct device_class cname##_pci_class = { \
	.name = name_ "-pci", .summary = sum, .bus = "PCI", .hosts = (hosts_), \
	.category = cat, \
	.size = sizeof(s), .props = cname##_pci_props, \
	.state = &cname##_pci_state, .user_creatable = true, \
	.hotplug = true, .pci = &cname##_pci, .virtio = &(vc), \
	.realize = virtio_pci_realize, .reset = virtio_pci_reset, \
	.quiesce = virtio_quiesce, .resume = virtio_resume, \
	.unrealize = virtio_pci_unrealize, .describe = virtio_describe, \
	.changed = virtio_changed }; \
const struct device_class cname##_device_class = { \
	.name = name_ "-device", .summary = sum, .bus = "virtio-bus", \
	.hosts = (hosts_), .category = cat, .size = sizeof(s), .props = cname##_mmio_props, \
	.state = &cname##_mmio_state, .user_creatable = true, \
	.virtio = &(vc), \
	.realize = virtio_mmio_realize, .reset = virtio_mmio_reset, \
	.quiesce = virtio_quiesce, .resume = virtio_resume, \
	.unrealize = virtio_mmio_unrealize, .describe = virtio_describe, \
	.changed = virtio_changed }

/* For a device with nothing of its own to remember. */
extern const struct state_desc virtio_no_state;

#endif
