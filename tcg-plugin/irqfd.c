// SPDX-License-Identifier: MIT
/*
 * KVM_IRQFD: an eventfd that is an interrupt line.
 *
 * Room:     one thread per VM that waits for all of its irqfds; the resample
 *           protocol for level-triggered lines.
 * Talks to: irqchip_line.
 * Never:    takes set->lock on an EOI: the chip may hold its own lock there,
 *           so an EOI only leaves a bit and wakes the thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tcg-plugin/provider_priv.h"
#include "vmm/base/list.h"
#include "vmm/base/thread.h"

enum { GSI_MAX = 4096, ID_WAKE = 0 };

struct irqfd {
	struct list link;
	u64 id;
	int fd, resample;              /* ours; resample -1: edge         */
	int given;
	u32 gsi;
};

struct irqfd_set {
	struct lock lock;
	struct list fds;
	struct tcg_vm *vm;
	pthread_t thread;
	int epoll, wake;
	int probe;                     /* a number, see known_as_one      */
	u64 next_id;
	_Atomic bool quit;
	_Atomic u32 resampled;         /* how many want to hear of EOIs   */
	_Atomic u64 eoi[GSI_MAX / 64];
};

static void signal_fd(int fd)
{
	const u64 one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;                /* EAGAIN: it is signalled already */
}

/* --- the thread ----------------------------------------------------------- */

static void fired(struct irqfd_set *s, u64 id)
{
	struct list *p;

	list_for_each(p, &s->fds) {
		struct irqfd *f = list_entry(p, struct irqfd, link);
		u64 n;

		if (f->id != id)
			continue;
		if (read(f->fd, &n, sizeof(n)) != sizeof(n))
			return;
		code_outside(&s->vm->code);
		irqchip_line(tcg_irqchip(s->vm), f->gsi, 1);
		if (f->resample < 0)
			irqchip_line(tcg_irqchip(s->vm), f->gsi, 0);
		return;
	}
}

static void resample(struct irqfd_set *s)
{
	struct list *p;
	u64 n;

	if (read(s->wake, &n, sizeof(n)) < 0)
		return;
	for (unsigned w = 0; w < ARRAY_LEN(s->eoi); w++) {
		u64 bits = atomic_load(&s->eoi[w])
			 ? atomic_exchange(&s->eoi[w], 0) : 0;

		if (!bits)
			continue;
		list_for_each(p, &s->fds) {
			struct irqfd *f = list_entry(p, struct irqfd, link);

			if (f->resample < 0 || f->gsi / 64 != w ||
			    !(bits >> f->gsi % 64 & 1))
				continue;
			irqchip_line(tcg_irqchip(s->vm), f->gsi, 0);
			signal_fd(f->resample);
		}
	}
}

static void *irqfd_thread(void *opaque)
{
	struct irqfd_set *s = opaque;
	struct epoll_event ev[16];

	while (!atomic_load(&s->quit)) {
		int n = epoll_wait(s->epoll, ev, ARRAY_LEN(ev), -1);

		if (n < 0 && errno != EINTR)
			break;
		SCOPED_LOCK(&s->lock);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == ID_WAKE)
				resample(s);
			else
				fired(s, ev[i].data.u64);
		}
	}
	return NULL;
}

/* --- life cycle ----------------------------------------------------------- */

/* epoll knows what it watches by file and number.  Under one number for all, it
 * takes a file once, whatever its numbers are elsewhere. */
static int known_as_one(struct irqfd_set *s, int op, int fd, u64 id)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = id };
	int rc = dup3(fd, s->probe, O_CLOEXEC);

	if (rc >= 0)
		rc = epoll_ctl(s->epoll, op, s->probe, &ev);
	rc = rc < 0 ? -errno : 0;
	dup3(s->wake, s->probe, O_CLOEXEC);    /* the number stays ours   */
	return rc;
}

static int watch(struct irqfd_set *s, int fd, u64 id)
{
	return known_as_one(s, EPOLL_CTL_ADD, fd, id);
}

static void unwatch(struct irqfd_set *s, int fd)
{
	known_as_one(s, EPOLL_CTL_DEL, fd, 0);
}

static void set_close(struct irqfd_set *s)
{
	const int fds[] = { s->epoll, s->wake, s->probe };

	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	lock_fini(&s->lock);
	free(s);
}

static struct irqfd_set *set_create(struct tcg_vm *vm)
{
	struct irqfd_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->vm = vm;
	s->next_id = ID_WAKE + 1;
	list_init(&s->fds);
	lock_init(&s->lock, "tcg irqfd");
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->probe = fcntl(s->wake, F_DUPFD_CLOEXEC, 0);
	if (s->epoll >= 0 && s->probe >= 0 && !watch(s, s->wake, ID_WAKE) &&
	    !thread_start(&s->thread, ROLE_PLUGIN, "tcg-irqfd", irqfd_thread,
			  s))
		return s;
	set_close(s);
	return NULL;
}

static void irqfd_free(struct irqfd_set *s, struct irqfd *f)
{
	list_remove(&f->link);
	unwatch(s, f->fd);
	close(f->fd);
	if (f->resample >= 0) {
		close(f->resample);
		atomic_fetch_sub(&s->resampled, 1);
	}
	free(f);
}

void tcg_irqfd_fini(struct tcg_vm *vm)
{
	struct irqfd_set *s = atomic_load(&vm->irqfds);

	if (!s)
		return;
	atomic_store(&s->quit, true);
	signal_fd(s->wake);
	pthread_join(s->thread, NULL);
	while (!list_empty(&s->fds))
		irqfd_free(s, list_entry(s->fds.next, struct irqfd, link));
	set_close(s);
	atomic_store(&vm->irqfds, NULL);
}

void tcg_irqfd_eoi(struct tcg_vm *vm, unsigned gsi)
{
	struct irqfd_set *s = atomic_load(&vm->irqfds);

	if (!s || gsi >= GSI_MAX || !atomic_load(&s->resampled))
		return;
	atomic_fetch_or(&s->eoi[gsi / 64], 1ull << gsi % 64);
	signal_fd(s->wake);
}

/* --- assign, deassign ----------------------------------------------------- */

static int assign(struct irqfd_set *s, const struct kvm_irqfd *a)
{
	struct irqfd *f = calloc(1, sizeof(*f));
	bool level = a->flags & KVM_IRQFD_FLAG_RESAMPLE;
	int rc;

	if (!f)
		return -ENOMEM;
	f->gsi = a->gsi;
	f->given = a->fd;
	f->fd = dup(a->fd);
	f->resample = level ? dup(a->resamplefd) : -1;
	f->id = s->next_id++;
	rc = -EBADF;
	if (f->fd < 0 || (level && f->resample < 0))
		goto fail;
	rc = watch(s, f->fd, f->id);
	rc = rc == -EEXIST ? -EBUSY : rc;      /* a line already, as KVM has it */
	if (rc < 0)
		goto fail;
	list_append(&s->fds, &f->link);
	if (level)
		atomic_fetch_add(&s->resampled, 1);
	return 0;
fail:
	if (f->fd >= 0)
		close(f->fd);
	if (f->resample >= 0)
		close(f->resample);
	free(f);
	return rc;
}

static int deassign(struct irqfd_set *s, const struct kvm_irqfd *a)
{
	struct list *p, *tmp;

	list_for_each_safe(p, tmp, &s->fds) {
		struct irqfd *f = list_entry(p, struct irqfd, link);

		if (f->given == (int)a->fd && f->gsi == a->gsi)
			irqfd_free(s, f);
	}
	return 0;                      /* KVM does not mind an unknown one */
}

int tcg_irqfd(struct tcg_vm *vm, const struct kvm_irqfd *a)
{
	struct irqfd_set *s;

	if (a->flags & ~(u32)(KVM_IRQFD_FLAG_DEASSIGN |
			      KVM_IRQFD_FLAG_RESAMPLE) || a->gsi >= GSI_MAX)
		return -EINVAL;
	if (!tcg_irqchip(vm))
		return -EINVAL;
	SCOPED_LOCK(&vm->lock);
	s = atomic_load(&vm->irqfds);
	if (!s) {
		s = set_create(vm);
		if (!s)
			return -ENOMEM;
		atomic_store(&vm->irqfds, s);
	}
	SCOPED_LOCK(&s->lock);
	return a->flags & KVM_IRQFD_FLAG_DEASSIGN ? deassign(s, a)
						  : assign(s, a);
}
