// SPDX-License-Identifier: MIT
/*
 * mote-tcg.so: a software /dev/kvm.  The door.
 *
 * Room:     the one exported symbol; descriptor -> object -> ioctl.
 * Talks to: fdtable.c, system.c, vm.c, vcpu.c.
 * Never:    is asked anything the kernel's /dev/kvm would not be.
 */
#include "vmm/kvm/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tcg-plugin/code/perf.h"
#include "tcg-plugin/fdtable.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"
#include "vmm/base/log.h"
#include "vmm/base/thread.h"

/* one-insn-per-tb for VMs yet to come. */
static _Atomic u32 default_one_insn;

static _Atomic u32 default_eager;

u32 tcg_default_eager(void)
{
	return atomic_load(&default_eager);
}

u32 tcg_default_one_insn(void)
{
	return atomic_load(&default_one_insn);
}

static int provider_open(void)
{
	int fd = eventfd(0, EFD_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	x86_tsc_first_look();
	rc = fdtable_add(fd, FD_SYSTEM, NULL);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int provider_ioctl(int fd, unsigned long req, void *arg)
{
	void *object = NULL;
	long rc;

	switch (fdtable_get(fd, &object)) {
	case FD_SYSTEM: rc = tcg_system_ioctl(req, arg); break;
	case FD_VM:     rc = tcg_vm_ioctl(object, req, arg); break;
	case FD_VCPU:   rc = tcg_vcpu_ioctl(object, req, arg); break;
	default:        return -EBADF;
	}
	fdtable_put(fd);
	return (int)rc;
}

void fdtable_release(enum fd_kind kind, void *object)
{
	switch (kind) {
	case FD_VM:
		tcg_vm_drop(object);
		break;
	case FD_VCPU:          /* the vCPU itself goes with its VM        */
		tcg_vm_drop(((struct tcg_vcpu *)object)->vm);
		break;
	default:
		break;
	}
}

static int provider_close(int fd)
{
	int rc = fdtable_remove(fd);

	if (rc < 0)
		return rc;
	return close(fd) < 0 ? -errno : 0;
}

static void provider_kick(int fd)
{
	void *object = NULL;
	enum fd_kind kind = fdtable_get(fd, &object);

	if (kind == FD_VCPU)
		tcg_request(object, REQ_EXIT);
	if (kind != FD_NONE)
		fdtable_put(fd);
}

static int provider_report(int fd, enum kvm_report what, char *buf, size_t n)
{
	void *object = NULL;
	enum fd_kind kind = fdtable_get(fd, &object);
	int rc = kind == FD_VM ? tcg_report(object, what, buf, n) : -EBADF;

	if (kind != FD_NONE)
		fdtable_put(fd);
	return rc;
}

/* The clocks are chosen before anything reads them. */
static int control_icount(struct tcg_vm *vm, u64 how)
{
	SCOPED_LOCK(&vm->lock);
	int rc;

	if (atomic_load(&vm->nvcpu) || tcg_irqchip(vm))
		return -EBUSY;
	rc = icount_set(&vm->icount, how);
	if (rc < 0)
		return rc;
	vm->tsc_khz = ICOUNT_TSC_KHZ;
	vm->tsc_base = tcg_vm_tsc(vm);
	return 0;
}

static int control_vm(struct tcg_vm *vm, const char *name, u64 value)
{
	if (!strcmp(name, "icount"))
		return control_icount(vm, value);
	if (!strcmp(name, "icount-wall")) {
		vm->icount.wall_ns = (s64)value;
		return 0;
	}
	if (!strcmp(name, "one-insn-per-tb")) {
		atomic_store(&vm->one_insn, value != 0);
		for (unsigned i = 0; i < atomic_load(&vm->nvcpu); i++) {
			struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

			if (v)
				tcg_request(v, REQ_EVENT);
		}
		return 0;
	}
	if (!strcmp(name, "eager")) {
		atomic_store(&vm->eager, value != 0);
		return 0;
	}
	if (!strcmp(name, "slices")) {
		if (atomic_load(&vm->nvcpu))
			return -EBUSY;
		vm->slices = value != 0;
		return 0;
	}
	return -ENOENT;
}

static int control_vcpu(struct tcg_vcpu *v, const char *name, u64 value)
{
	if (strcmp(name, "slice") || !v->vm->slices)
		return -ENOENT;
	if (!value)
		return -EINVAL;
	SCOPED_LOCK(&v->lock);
	v->slice = value;
	v->slice_from = v->cpu.n_insn;
	return 0;
}

/* The process's, not a VM's: the plugin has its own copies of the log's and the
 * lock profile's state. */
static int control_process(const char *name, u64 value)
{
	if (!strcmp(name, "log"))
		log_set_mask((u32)value);
	else if (!strcmp(name, "log-fd"))
		log_set_fd((s32)value < 0 || value == STDERR_FILENO ? -1 :
			   fcntl((int)value, F_DUPFD_CLOEXEC, 3));
	else if (!strcmp(name, "lock-profile") && value == LOCK_PROFILE_RESET)
		lock_profile_reset();
	else if (!strcmp(name, "lock-profile"))
		lock_profile_set(value == LOCK_PROFILE_ON);
	else if (!strcmp(name, "thread-rules"))
		thread_rules_set((const void *)(uintptr_t)value);
	else if (!strcmp(name, "perfmap"))
		return value ? perf_open(PERF_MAP) : 0;
	else if (!strcmp(name, "jitdump"))
		return value ? perf_open(PERF_JITDUMP) : 0;
	else
		return -ENOENT;
	return 0;
}

/* `to` has become a copy of `fd` (dup), whatever of ours it was before. */
static int control_copy(int fd, int to)
{
	void *object = NULL;
	enum fd_kind kind = fdtable_get(fd, &object);
	int rc = -EBADF;

	switch (kind) {
	case FD_NONE:
		fdtable_remove(to);
		return -EBADF;
	case FD_VM:
		tcg_vm_take(object);
		break;
	case FD_VCPU:
		tcg_vm_take(((struct tcg_vcpu *)object)->vm);
		break;
	case FD_SYSTEM:
		break;
	}
	rc = fdtable_add(to, kind, object);
	if (rc < 0)
		fdtable_release(kind, object);
	fdtable_put(fd);
	return rc;
}

static int provider_control(int fd, const char *name, u64 value)
{
	void *object = NULL;
	int rc = control_process(name, value);

	if (!strcmp(name, "copy"))
		return control_copy(fd, (int)value);

	if (rc != -ENOENT)
		return rc;
	rc = -EBADF;
	if (fd < 0) {
		if (!strcmp(name, "one-insn-per-tb"))
			atomic_store(&default_one_insn, value != 0);
		else if (!strcmp(name, "eager"))
			atomic_store(&default_eager, value != 0);
		else
			return -ENOENT;
		return 0;
	}
	switch (fdtable_get(fd, &object)) {
	case FD_NONE: return -EBADF;
	case FD_VM:   rc = control_vm(object, name, value); break;
	case FD_VCPU: rc = control_vcpu(object, name, value); break;
	default:      break;
	}
	fdtable_put(fd);
	return rc;
}

EXPORT extern const struct kvm_provider mote_kvm_provider;
const struct kvm_provider mote_kvm_provider = {
	.abi     = KVM_PROVIDER_ABI,
	.size    = sizeof(struct kvm_provider),
	.name    = "tcg",
	.open    = provider_open,
	.ioctl   = provider_ioctl,
	.close   = provider_close,
	.kick    = provider_kick,
	.report  = provider_report,
	.control = provider_control,
	.cheap_exits = true,
};
