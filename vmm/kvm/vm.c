/* SPDX-License-Identifier: MIT */
/*
 * The VM descriptor: open, ask, close.
 *
 * Room:     the system and VM objects of whichever provider was chosen.
 * Talks to: the provider's table.
 * Never:    asks which provider it is.
 */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

int kvm_check_api(const struct kvm_provider *p, int sys_fd, struct err *e)
{
	int v = p->ioctl(sys_fd, KVM_GET_API_VERSION, NULL);

	if (v < 0)
		return err_set(e, v, "%s does not tell its KVM API version: "
			       "%m", p->name);
	if (v != KVM_API_VERSION)
		return err_set(e, -EPROTO, "%s speaks KVM API version %d, "
			       "this program speaks %d", p->name, v,
			       KVM_API_VERSION);
	return 0;
}

/* KVM_CREATE_VM may be interrupted while it waits for a grace period. */
static int create_vm(const struct kvm_provider *p, int sys_fd)
{
	int rc;

	do
		rc = p->ioctl(sys_fd, KVM_CREATE_VM, NULL);
	while (rc == -EINTR);
	return rc;
}

int kvm_vm_open(struct kvm_vm *vm, const struct kvm_provider *p,
		struct err *e)
{
	int rc;

	*vm = (struct kvm_vm){ .ops = p, .sys_fd = -1, .fd = -1 };
	vm->sys_fd = p->open();
	if (vm->sys_fd < 0)
		return kvm_open_sentence(p, vm->sys_fd, e);
	rc = kvm_check_api(p, vm->sys_fd, e);
	if (rc < 0)
		goto fail_sys;
	rc = p->ioctl(vm->sys_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (rc < (int)sizeof(struct kvm_run)) {
		rc = err_set(e, rc < 0 ? rc : -EPROTO, "%s: its vCPU area is "
			     "too small", p->name);
		goto fail_sys;
	}
	vm->run_size = (size_t)rc;
	rc = create_vm(p, vm->sys_fd);
	if (rc < 0) {
		err_set(e, rc, "%s cannot create a VM: %m", p->name);
		goto fail_sys;
	}
	vm->fd = rc;
	return 0;

fail_sys:
	p->close(vm->sys_fd);
	vm->sys_fd = -1;
	return rc;
}

int kvm_vm_open_beside(struct kvm_vm *vm, const struct kvm_vm *other,
		       struct err *e)
{
	int rc = create_vm(other->ops, other->sys_fd);

	*vm = (struct kvm_vm){ .ops = other->ops, .sys_fd = -1, .fd = rc,
			       .run_size = other->run_size };
	return rc < 0 ? err_set(e, rc, "%s cannot create a VM: %m",
				other->ops->name) : 0;
}

void kvm_vm_close(struct kvm_vm *vm)
{
	if (vm->fd >= 0)
		vm->ops->close(vm->fd);
	if (vm->sys_fd >= 0)
		vm->ops->close(vm->sys_fd);
	vm->fd = vm->sys_fd = -1;
	if (vm->scratch)
		munmap(vm->scratch, PAGE_SIZE);
	vm->scratch = NULL;
	kvm_eventfds_free(vm);
	kvm_carried_free(vm);
}

int kvm_vm_ioctl(struct kvm_vm *vm, unsigned long req, void *arg)
{
	return vm->ops->ioctl(vm->fd, req, arg);
}

int kvm_sys_ioctl(struct kvm_vm *vm, unsigned long req, void *arg)
{
	return vm->ops->ioctl(vm->sys_fd, req, arg);
}

int kvm_vm_check(struct kvm_vm *vm, int capability)
{
	int rc = kvm_vm_ioctl(vm, KVM_CHECK_EXTENSION,
			      (void *)(long)capability);

	return rc < 0 ? 0 : rc;
}
