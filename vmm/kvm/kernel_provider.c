/* SPDX-License-Identifier: MIT */
/*
 * The provider that is the kernel: /dev/kvm and plain system calls.
 *
 * Room:     one row of functions; Documentation/virt/kvm/api.rst is its spec.
 * Talks to: the kernel.
 * Never:    interprets a request, keeps state.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm/kvm.h"

static int kernel_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int kernel_ioctl(int fd, unsigned long request, void *arg)
{
	int rc = ioctl(fd, request, arg);

	return rc < 0 ? -errno : rc;
}

static int kernel_close(int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

const struct kvm_provider kvm_kernel_provider = {
	.abi   = KVM_PROVIDER_ABI,
	.size  = sizeof(struct kvm_provider),
	.name  = "kvm",
	.open  = kernel_open,
	.ioctl = kernel_ioctl,
	.close = kernel_close,
};
