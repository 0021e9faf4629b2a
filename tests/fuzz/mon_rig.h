/* SPDX-License-Identifier: MIT */
/*
 * What the monitor's fuzzers share: a fake machine, and no way out of it.
 * The linker sends every opening of a file, socket or process here
 * (rules.mk: --wrap), so that no input can reach the host.
 */
#ifndef MOTE_FUZZ_MON_RIG_H
#define MOTE_FUZZ_MON_RIG_H

#include "tests/unit/qmp_fake.h"

#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/core/chardev.h"
#include "vmm/core/loop.h"
#include "vmm/net/netdev.h"
#include "vmm/objects.h"

#define REFUSE(ret, name, ...) \
	ret __wrap_##name(__VA_ARGS__); \
	ret __wrap_##name(__VA_ARGS__) { errno = EACCES; return (ret)-1; }

REFUSE(int, open, const char *path, int flags, ...)
REFUSE(int, open64, const char *path, int flags, ...)
REFUSE(int, openat, int fd, const char *path, int flags, ...)
REFUSE(int, socket, int domain, int type, int protocol)
REFUSE(int, socketpair, int domain, int type, int protocol, int *fds)
REFUSE(int, connect, int fd, const void *a, unsigned n)
REFUSE(int, bind, int fd, const void *a, unsigned n)
REFUSE(int, unlink, const char *path)
REFUSE(int, rename, const char *from, const char *to)
REFUSE(int, mkstemp, char *path)
REFUSE(int, posix_openpt, int flags)
REFUSE(int, fork, void)
REFUSE(int, vfork, void)
REFUSE(int, execve, const char *path, char *const *argv, char *const *envp)
REFUSE(int, posix_spawn, int *pid, const char *path, const void *a,
       const void *b, char *const *argv, char *const *envp)
REFUSE(int, tcsetattr, int fd, int actions, const void *t)

/* libFuzzer itself keeps inputs, between two of ours. */
static bool rig_closed;
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (!rig_closed)
		return __real_fopen(path, mode);
	errno = EACCES;
	return NULL;
}

/* The fake CPUs have no threads to stop. */
void __wrap_vcpu_park(struct vcpu *v);
void __wrap_vcpu_park(struct vcpu *v) { (void)v; }
void __wrap_vcpu_park_ask(struct vcpu *v);
void __wrap_vcpu_park_ask(struct vcpu *v) { (void)v; }
void __wrap_vcpu_resume(struct vcpu *v);
void __wrap_vcpu_resume(struct vcpu *v) { (void)v; }

static inline void rig_init(struct qmp_fake *q)
{
	rig_closed = true;
	lock_profile_set(false);       /* the last input's sync-profile */
	lock_profile_reset();
	qmp_fake_init(q, false);
	q->f.vm.loop = loop_create("main", NULL);
	q->f.vm.env.loop = q->f.vm.loop;
	q->f.vm.env.clock = &q->f.vm.clock;
	clock_init(&q->f.vm.clock, 0);
	q->f.vm.chardevs = chardev_set_create(q->f.vm.loop);
	q->f.vm.disks = disk_set_create(q->f.vm.loop);
	q->f.vm.nets = netdev_set_create(q->f.vm.loop);
	chardev_open(q->f.vm.chardevs, "rb0", "ringbuf,size=64", NULL);
	fake_long_mode();
	fake_regs.s.cr3 = 0x1000;
}

/* The input over and over, where the page tables are; at once, since a door
 * passed ten thousand times is all a fuzzer would do. */
static inline void rig_memory(struct qmp_fake *q, const u8 *p, size_t n)
{
	u8 image[0x8000] = { 0 };

	for (size_t at = 0; at < sizeof(image) && n; at += n)
		memcpy(image + at, p, MIN(n, sizeof(image) - at));
	gmem_write(q->f.vm.gmem, 0, image, sizeof(image));
}

static inline void rig_fini(struct qmp_fake *q)
{
	struct loop *loop = q->f.vm.loop;

	qmp_unlisten(&q->mons);        /* before what it listens to goes */
	objects_forget(&q->f.vm);
	disk_set_destroy(q->f.vm.disks);
	q->f.vm.disks = NULL;
	netdev_set_destroy(q->f.vm.nets);
	chardev_set_destroy(q->f.vm.chardevs);
	iothreads_destroy(&q->f.vm.iothreads);
	qmp_fake_fini(q);
	loop_destroy(loop);            /* the monitors had timers in it */
	rig_closed = false;
}

int LLVMFuzzerTestOneInput(const u8 *p, size_t n);

#endif
