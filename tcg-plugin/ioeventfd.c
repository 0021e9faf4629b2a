// SPDX-License-Identifier: MIT
/*
 * KVM_IOEVENTFD: a guest's write that becomes an eventfd signal, no exit.
 *
 * Room:     an immutable table, replaced whole; vCPUs read it inside guest code.
 * Talks to: sync.c before a retired table is freed.
 * Never:    blocks a vCPU: an eventfd at its limit loses nothing that matters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcg-plugin/provider_priv.h"

enum { IOEVENTFDS_MAX = 1000 };        /* as KVM's NR_IOBUS_DEVS          */

struct ioeventfd {
	u64 addr, data;
	u32 len;                       /* 0: any                          */
	int fd, given;                 /* ours; the number the VMM gave   */
	bool pio, match;
};

struct ioeventfd_set {
	unsigned count;
	struct ioeventfd e[];
};

static struct ioeventfd_set *set_alloc(unsigned n)
{
	return calloc(1, sizeof(struct ioeventfd_set) +
			 n * sizeof(struct ioeventfd));
}

static bool matches(const struct ioeventfd *e, bool pio, u64 addr,
		    unsigned len, u64 val)
{
	if (e->addr != addr || e->pio != pio || (e->len && e->len != len))
		return false;
	if (!e->match)
		return true;
	return len < 8 ? !((e->data ^ val) << (64 - 8 * len)) : e->data == val;
}

bool tcg_ioeventfd_write(struct tcg_vm *vm, bool pio, u64 addr, unsigned len,
			 u64 val)
{
	const struct ioeventfd_set *s =
		atomic_load_explicit(&vm->ioeventfds, memory_order_acquire);
	const u64 one = 1;

	for (unsigned i = 0; s && i < s->count; i++) {
		if (!matches(&s->e[i], pio, addr, len, val))
			continue;
		if (write(s->e[i].fd, &one, sizeof(one)) < 0)
			return true;   /* EAGAIN: already signalled        */
		return true;
	}
	return false;
}

static int check(const struct kvm_ioeventfd *a)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH |
			  KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	u64 end;

	if (a->flags & ~known)
		return -EINVAL;
	if (a->len > 8 || (a->len & (a->len - 1)))
		return -EINVAL;
	if (!a->len && (a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH))
		return -EINVAL;
	if (__builtin_add_overflow(a->addr, a->len, &end))
		return -EINVAL;
	return 0;
}

static bool same(const struct ioeventfd *x, const struct ioeventfd *y)
{
	return x->addr == y->addr && x->pio == y->pio &&
	       (!x->len || !y->len || x->len == y->len) &&
	       (!x->match || !y->match || x->data == y->data);
}

/* Publish `next`, wait until nobody reads the old one, free it. */
static void replace(struct tcg_vm *vm, struct ioeventfd_set *next)
{
	struct ioeventfd_set *old = atomic_load(&vm->ioeventfds);

	atomic_store_explicit(&vm->ioeventfds, next, memory_order_release);
	if (old)
		tcg_shootdown(vm, NULL, ~0ull);
	free(old);
}

static int add(struct tcg_vm *vm, struct ioeventfd e)
{
	struct ioeventfd_set *old = atomic_load(&vm->ioeventfds), *next;
	unsigned n = old ? old->count : 0;

	for (unsigned i = 0; i < n; i++)
		if (same(&old->e[i], &e))
			return -EEXIST;
	if (n >= IOEVENTFDS_MAX)
		return -ENOSPC;
	next = set_alloc(n + 1);
	if (!next)
		return -ENOMEM;
	e.fd = dup(e.given);
	if (e.fd < 0) {
		free(next);
		return -EBADF;
	}
	if (n)
		memcpy(next->e, old->e, n * sizeof(e));
	next->e[n] = e;
	next->count = n + 1;
	replace(vm, next);
	return 0;
}

static int drop(struct tcg_vm *vm, const struct ioeventfd *e)
{
	struct ioeventfd_set *old = atomic_load(&vm->ioeventfds), *next;
	unsigned n = old ? old->count : 0, k = 0;
	int fd = -1;

	next = set_alloc(n);
	if (!next)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const struct ioeventfd *o = &old->e[i];

		if (fd < 0 && o->given == e->given && o->addr == e->addr &&
		    o->len == e->len && o->pio == e->pio &&
		    o->match == e->match && (!e->match || o->data == e->data))
			fd = o->fd;
		else
			next->e[k++] = *o;
	}
	next->count = k;
	if (fd < 0) {
		free(next);
		return -ENOENT;
	}
	replace(vm, next);
	close(fd);
	return 0;
}

int tcg_ioeventfd(struct tcg_vm *vm, const struct kvm_ioeventfd *a)
{
	const struct ioeventfd e = {
		.addr = a->addr, .data = a->datamatch, .len = a->len,
		.given = a->fd, .fd = -1,
		.pio = a->flags & KVM_IOEVENTFD_FLAG_PIO,
		.match = a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	int rc = check(a);

	if (rc < 0)
		return rc;
	SCOPED_LOCK(&vm->lock);
	return a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? drop(vm, &e)
						      : add(vm, e);
}

void tcg_ioeventfd_fini(struct tcg_vm *vm)
{
	struct ioeventfd_set *s = atomic_load(&vm->ioeventfds);

	for (unsigned i = 0; s && i < s->count; i++)
		close(s->e[i].fd);
	free(s);
	atomic_store(&vm->ioeventfds, NULL);
}
