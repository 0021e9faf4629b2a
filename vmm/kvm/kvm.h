/* SPDX-License-Identifier: MIT */
/*
 * The doors to the KVM contract: every ioctl the VMM issues is issued here.
 *
 * Thread: VM calls from the loop unless tagged; vCPU calls from that vCPU's
 * thread (use vcpu_call).  All return >= 0 or -errno.
 */
#ifndef MOTE_KVM_KVM_H
#define MOTE_KVM_KVM_H

#include <linux/kvm.h>

#include "vmm/base/err.h"
#include "vmm/base/lock.h"
#include "vmm/base/types.h"
#include "vmm/core/gmem.h"
#include "vmm/kvm/provider.h"

/* --- choosing (kvm/kernel_provider.c, kvm/provider.c, kvm/calibrate.c) --- */
extern const struct kvm_provider kvm_kernel_provider;
/* dlopen mote-tcg.so beside the binary or in LIBDIR/mote; NULL + sentence. */
const struct kvm_provider *kvm_plugin_load(struct err *e);
/*
 * `accel` is "kvm", "tcg", or NULL for the default.  `why` receives the one
 * line that says which and why (empty when asked for by name).
 */
const struct kvm_provider *kvm_provider_choose(const char *accel, char *why,
					       size_t why_len, struct err *e);
/* Ring 0 instructions per second through this provider, ~1 ms; -errno. */
s64  kvm_calibrate(const struct kvm_provider *p);
/* The same beside a VM that is open already. [any] */
struct kvm_vm;
s64  kvm_calibrate_beside(const struct kvm_vm *vm);
/* Below this, kernel code is emulated. */
#define KVM_NATIVE_RATE 100000000ll

/* --- VM --- */
struct kvm_eventfds;                   /* kvm/exchange.c                 */

struct kvm_vm {
	const struct kvm_provider *ops;
	int sys_fd, fd;                /* -1 when closed                 */
	size_t run_size;               /* of the kvm_run mapping         */
	struct gmem *gmem;
	bool has_irqchip, dirty_logging;
	struct gmem_listener slots;    /* kvm/memory.c                   */
	const struct gmem_block *const *followed;      /* kvm_vm_follow   */
	u64 followed_slots;            /* BIT64(slot)                    */
	void *scratch;                 /* kvm_vm_forget_translations     */
	bool scratch_moved;
	struct kvm_vm *twin;           /* its dirty pages are ours, too  */
	struct kvm_eventfds *eventfds; /* NULL: not kept                 */
	u64 **carried;                 /* by slot: dirty under who ran it
					  before; kvm_vm_exchange        */
	u32 ring_entries;              /* of each vCPU's dirty ring, 0: none */
	unsigned ring_users;           /* of kvm_vm_ring_track           */
};

int  kvm_vm_open(struct kvm_vm *vm, const struct kvm_provider *p,
		 struct err *e);
/* Slots go with it: a gmem attached to it may be destroyed after. */
void kvm_vm_close(struct kvm_vm *vm);
/* Another VM of the same system descriptor, which must outlive it. [any] */
int  kvm_vm_open_beside(struct kvm_vm *vm, const struct kvm_vm *other,
			struct err *e);
int  kvm_vm_ioctl(struct kvm_vm *vm, unsigned long req, void *arg); /* [any] */
int  kvm_sys_ioctl(struct kvm_vm *vm, unsigned long req, void *arg); /* [any] */
int  kvm_vm_check(struct kvm_vm *vm, int capability);  /* 0: absent [any] */
/* Register slots for all present and future blocks of `g`. */
int  kvm_vm_attach_gmem(struct kvm_vm *vm, struct gmem *g, struct err *e);
/* Give `vm` the slots and the dirty logging that `other` has now; cheap when
 * nothing changed. [one thread at a time] */
int  kvm_vm_follow(struct kvm_vm *vm, const struct kvm_vm *other,
		   struct err *e);
/* No slots any more. */
void kvm_vm_unfollow(struct kvm_vm *vm);
/* Page tables in guest memory changed behind its back: where KVM keeps shadows
 * of them, it drops them all. [any] */
int  kvm_vm_forget_translations(struct kvm_vm *vm);
/* The provider's dirty log of every RAM block (KVM API 4.8).  A fetch takes and
 * clears: `bitmap` has (len / PAGE_SIZE + 63) / 64 words, set anew. */
int  kvm_vm_dirty_log(struct kvm_vm *vm, bool on, struct err *e);
int  kvm_vm_dirty_fetch(struct kvm_vm *vm, const struct gmem_block *b,
			u64 *bitmap);

/* x86 irqchip + PIT, before the first vCPU; GSI routing for IOAPIC/PIC/MSI. */
int  kvm_vm_create_irqchip(struct kvm_vm *vm, bool pic, bool pit,
			   struct err *e);
void kvm_vm_irq_line(struct kvm_vm *vm, unsigned gsi, int level);   /* [any] */
void kvm_vm_msi(struct kvm_vm *vm, u64 addr, u32 data);             /* [any] */
/* A guest's write of `len` bytes (0: any) to `addr`, with `match` of the value
 * `data` only, signals `efd` and ends no KVM_RUN; `assign` false takes it back.
 * `efd` is borrowed until then. */
int  kvm_vm_ioeventfd(struct kvm_vm *vm, int efd, bool pio, u64 addr,
		      unsigned len, bool match, u64 data, bool assign);
/* A signal of `efd` is an edge on `gsi`, without us; likewise borrowed. */
int  kvm_vm_irqfd(struct kvm_vm *vm, int efd, unsigned gsi, bool assign);

/*
 * --- one guest, two VMs (kvm/exchange.c) ---
 *
 * `vm` runs the guest; `other`, of another provider, takes it over.  First
 * kvm_vm_follow gives `other` the memory, then its vCPUs get their state, then
 * kvm_vm_move_eventfds and kvm_vm_exchange.  No vCPU of either runs meanwhile.
 * Other threads may look at `vm` during an exchange: one request of theirs can
 * fail then.
 */
/* From now on ioeventfds and irqfds are noted, to be moved. [loop] */
void kvm_vm_keep_eventfds(struct kvm_vm *vm);
/* All of `vm` also reach `other`, and no longer `vm`; on failure they are back
 * where they were. [loop] */
int  kvm_vm_move_eventfds(struct kvm_vm *vm, struct kvm_vm *other,
			  struct err *e);
/* The descriptors change places; `other` has no memory any more.  What was dirty
 * stays so for kvm_vm_dirty_fetch.  `other` follows `vm`. [loop] */
void kvm_vm_exchange(struct kvm_vm *vm, struct kvm_vm *other);

/* --- vCPU --- */
struct kvm_vcpu {
	struct kvm_vm *vm;
	int fd;
	unsigned id;
	struct kvm_run *run;           /* mapped, run_size bytes         */
	struct lock ring_lock;         /* guards the next four           */
	struct kvm_dirty_gfn *ring;    /* mapped, or NULL                */
	u32 ring_next;
	u64 ring_pages;                /* taken so far                   */
	u64 ring_full_at;              /* ring_pages when it was full    */
};

/* `id` is the APIC id.  On the thread that will run it, or before it starts. */
int  kvm_vcpu_open(struct kvm_vcpu *v, struct kvm_vm *vm, unsigned id,
		   struct err *e);
void kvm_vcpu_close(struct kvm_vcpu *v);
int  kvm_vcpu_ioctl(struct kvm_vcpu *v, unsigned long req, void *arg);
/* Before or after the VMs' exchange; neither is in KVM_RUN. */
void kvm_vcpu_exchange(struct kvm_vcpu *v, struct kvm_vcpu *other);
/* KVM_RUN: 0 with run->exit_reason, -EINTR after a kick, or -errno. */
int  kvm_vcpu_run(struct kvm_vcpu *v);
/*
 * Dirty rings (kvm/dirty_ring.c), in place of the dirty log: KVM notes each page in
 * the ring of the vCPU that writes it, once until it is taken; a full ring ends
 * KVM_RUN with KVM_EXIT_DIRTY_RING_FULL.  kvm_vm_dirty_fetch is -ENXIO then.
 */
/* `entries` a power of two; before the first vCPU. */
int  kvm_vm_use_rings(struct kvm_vm *vm, u32 entries, struct err *e);
/* Note pages from now on; users are counted. */
int  kvm_vm_ring_track(struct kvm_vm *vm, bool on, struct err *e);
/* Map a new vCPU's ring; unmap it. */
int  kvm_vcpu_ring_open(struct kvm_vcpu *v, struct err *e);
void kvm_vcpu_ring_close(struct kvm_vcpu *v);
/* Take what is noted; how many pages so far. [any] */
u64  kvm_vcpu_ring_take(struct kvm_vcpu *v);
/* The same after KVM_EXIT_DIRTY_RING_FULL; false: KVM overran the ring, counts
 * are estimates from then on. [vcpu] */
bool kvm_vcpu_ring_full(struct kvm_vcpu *v);
/* Ask it to return; the caller also signals the thread when kick is NULL.
 * [any] */
void kvm_vcpu_kick(struct kvm_vcpu *v);

#endif
