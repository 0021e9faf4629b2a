/* SPDX-License-Identifier: MIT */
/*
 * One guest, two VMs of different providers: what belongs to the guest goes from
 * one to the other, then their descriptors change places.
 *
 * Room:     eventfds, dirty pages not yet fetched, the exchange.
 * Talks to: memory.c for slots.
 * Never:    knows a register; arch/ moves those.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/lock.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

/* --- eventfds --- */

struct eventfd_row {
	bool is_irq;
	struct kvm_ioeventfd io;
	struct kvm_irqfd irq;
};

struct kvm_eventfds {
	struct lock lock;              /* devices come and go on vCPU threads */
	struct eventfd_row *row;
	unsigned n;
};

void kvm_vm_keep_eventfds(struct kvm_vm *vm)
{
	vm->eventfds = calloc(1, sizeof(*vm->eventfds));
	if (!vm->eventfds)
		abort();
	lock_init(&vm->eventfds->lock, "kvm eventfds");
}

void kvm_eventfds_free(struct kvm_vm *vm)
{
	if (!vm->eventfds)
		return;
	lock_fini(&vm->eventfds->lock);
	free(vm->eventfds->row);
	free(vm->eventfds);
	vm->eventfds = NULL;
}

static bool same_io(const struct kvm_ioeventfd *a, const struct kvm_ioeventfd *b)
{
	return a->fd == b->fd && a->addr == b->addr && a->len == b->len &&
	       a->datamatch == b->datamatch &&
	       !((a->flags ^ b->flags) & ~(u32)KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static bool same_irq(const struct kvm_irqfd *a, const struct kvm_irqfd *b)
{
	return a->fd == b->fd && a->gsi == b->gsi;
}

static bool same_row(const struct eventfd_row *a, const struct eventfd_row *b)
{
	return a->is_irq == b->is_irq && (a->is_irq ?
	       same_irq(&a->irq, &b->irq) : same_io(&a->io, &b->io));
}

static void drop_row(struct kvm_eventfds *s, const struct eventfd_row *r)
{
	for (unsigned i = 0; i < s->n; i++)
		if (same_row(&s->row[i], r)) {
			s->row[i] = s->row[--s->n];
			return;
		}
}

static void add_row(struct kvm_eventfds *s, const struct eventfd_row *r)
{
	s->row = realloc(s->row, (s->n + 1) * sizeof(*s->row));
	if (!s->row)
		abort();
	s->row[s->n++] = *r;
}

void kvm_eventfd_note(struct kvm_vm *vm, const struct kvm_ioeventfd *io,
		      const struct kvm_irqfd *irq)
{
	struct eventfd_row r = { .is_irq = !io };
	bool gone;

	if (!vm->eventfds)
		return;
	if (io)
		r.io = *io;
	else
		r.irq = *irq;
	gone = io ? io->flags & KVM_IOEVENTFD_FLAG_DEASSIGN :
		    irq->flags & KVM_IRQFD_FLAG_DEASSIGN;
	SCOPED_LOCK(&vm->eventfds->lock);
	if (gone)
		drop_row(vm->eventfds, &r);
	else
		add_row(vm->eventfds, &r);
}

static int assign(struct kvm_vm *vm, const struct eventfd_row *r, bool on)
{
	struct eventfd_row x = *r;

	if (!on && x.is_irq)
		x.irq.flags = KVM_IRQFD_FLAG_DEASSIGN;
	else if (!on)
		x.io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return x.is_irq ? kvm_vm_ioctl(vm, KVM_IRQFD, &x.irq) :
			  kvm_vm_ioctl(vm, KVM_IOEVENTFD, &x.io);
}

/* An irqfd has one reader at a time: out of `vm` before it is in `other`.  One
 * that was signalled between stays signalled. */
int kvm_vm_move_eventfds(struct kvm_vm *vm, struct kvm_vm *other,
			 struct err *e)
{
	struct kvm_eventfds *s = vm->eventfds;
	unsigned i;
	int rc = 0;

	if (!s)
		return 0;
	SCOPED_LOCK(&s->lock);
	for (i = 0; i < s->n && rc >= 0; i++) {
		assign(vm, &s->row[i], false);
		rc = assign(other, &s->row[i], true);
	}
	if (rc >= 0)
		return 0;
	assign(vm, &s->row[--i], true);
	while (i-- > 0) {
		assign(other, &s->row[i], false);
		assign(vm, &s->row[i], true);
	}
	return err_set(e, rc, "%s refuses an eventfd: %m", other->ops->name);
}

/* --- dirty pages --- */

void kvm_carried_drop(struct kvm_vm *vm, int slot)
{
	if (!vm->carried || slot < 0 || slot >= KVM_SLOTS_FOLLOWED)
		return;
	free(vm->carried[slot]);
	vm->carried[slot] = NULL;
}

void kvm_carried_free(struct kvm_vm *vm)
{
	for (int i = 0; vm->carried && i < KVM_SLOTS_FOLLOWED; i++)
		free(vm->carried[i]);
	free(vm->carried);
	vm->carried = NULL;
}

void kvm_carried_fetch(struct kvm_vm *vm, const struct gmem_block *b,
		       u64 *bitmap)
{
	const size_t words = kvm_bitmap_words(b);

	if (!vm->carried || b->slot >= KVM_SLOTS_FOLLOWED ||
	    !vm->carried[b->slot])
		return;
	for (size_t i = 0; i < words; i++)
		bitmap[i] |= vm->carried[b->slot][i];
	kvm_carried_drop(vm, b->slot);
}

static void carry_slot(struct kvm_vm *vm, const struct gmem_block *b)
{
	u64 *bitmap = calloc(kvm_bitmap_words(b), sizeof(*bitmap));

	if (!bitmap)
		abort();
	if (kvm_vm_dirty_fetch(vm, b, bitmap) < 0)
		memset(bitmap, 0xff, kvm_bitmap_words(b) * sizeof(*bitmap));
	vm->carried[b->slot] = bitmap;
}

/* What is dirty and not fetched goes with the guest; what cannot be told counts
 * as dirty. */
static void carry(struct kvm_vm *vm)
{
	const struct gmem_block *const *b;
	unsigned n;

	if (!vm->dirty_logging)
		return;
	if (!vm->carried)
		vm->carried = calloc(KVM_SLOTS_FOLLOWED, sizeof(*vm->carried));
	if (!vm->carried)
		abort();
	b = gmem_blocks(vm->gmem, &n);
	for (unsigned i = 0; i < n; i++)
		if (!(b[i]->flags & GMEM_ROM))
			carry_slot(vm, b[i]);
}

/* --- the exchange --- */

/* What makes a struct kvm_vm the handle of one VM and not another. */
static void become(struct kvm_vm *vm, const struct kvm_vm *from)
{
	vm->ops = from->ops;
	vm->sys_fd = from->sys_fd;
	vm->fd = from->fd;
	vm->run_size = from->run_size;
	vm->scratch = from->scratch;
	vm->scratch_moved = from->scratch_moved;
}

void kvm_vm_exchange(struct kvm_vm *vm, struct kvm_vm *other)
{
	const struct kvm_vm was = *vm;

	carry(vm);
	become(vm, other);
	become(other, &was);
	/* The slots it followed have the numbers and places of those it has now. */
	kvm_vm_unfollow(other);
}

void kvm_vcpu_exchange(struct kvm_vcpu *v, struct kvm_vcpu *other)
{
	const struct kvm_vcpu was = *v;

	v->fd = other->fd;
	v->run = other->run;
	other->fd = was.fd;
	other->run = was.run;
}
