/* SPDX-License-Identifier: MIT */
/*
 * The vCPU descriptor: open, its shared kvm_run page, run, kick.
 *
 * Room:     the vCPU object of whichever provider was chosen.
 * Thread:   the vCPU's own, but for kick.
 * Never:    looks at an exit; that is vmm/vcpu.c.
 */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/kvm/kvm.h"

int kvm_vcpu_open(struct kvm_vcpu *v, struct kvm_vm *vm, unsigned id,
		  struct err *e)
{
	int rc;

	*v = (struct kvm_vcpu){ .vm = vm, .fd = -1, .id = id };
	lock_init(&v->ring_lock, "dirty ring");
	rc = kvm_vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)id);
	if (rc < 0)
		return err_set(e, rc, "%s cannot create vCPU %u: %m",
			       vm->ops->name, id);
	v->fd = rc;
	v->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      v->fd, 0);
	if (v->run == MAP_FAILED) {
		rc = err_set(e, -errno, "map the shared page of vCPU %u: %m",
			     id);
		v->run = NULL;
		kvm_vcpu_close(v);
		return rc;
	}
	rc = kvm_vcpu_ring_open(v, e);
	if (rc < 0)
		kvm_vcpu_close(v);
	return rc;
}

void kvm_vcpu_close(struct kvm_vcpu *v)
{
	kvm_vcpu_ring_close(v);
	if (v->run)
		munmap(v->run, v->vm->run_size);
	if (v->fd >= 0)
		v->vm->ops->close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

int kvm_vcpu_ioctl(struct kvm_vcpu *v, unsigned long req, void *arg)
{
	return v->vm->ops->ioctl(v->fd, req, arg);
}

int kvm_vcpu_run(struct kvm_vcpu *v)
{
	int rc = v->vm->ops->ioctl(v->fd, KVM_RUN, NULL);

	return rc > 0 ? 0 : rc;
}

void kvm_vcpu_kick(struct kvm_vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->vm->ops->kick)
		v->vm->ops->kick(v->fd);
}
