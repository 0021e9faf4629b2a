/* SPDX-License-Identifier: MIT */
/*
 * For tests of helping and switching: a VM of two CPUs that is not built yet,
 * and the plugin under the kernel's name, with an ioctl that may differ.
 */
#ifndef MOTE_TESTS_SWITCH_FIXTURE_H
#define MOTE_TESTS_SWITCH_FIXTURE_H

#include <string.h>

#include "arch/x86/machine.h"
#include "vmm/arch.h"
#include "vmm/vm.h"

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static struct vm vm;
static struct vm_config config;
static struct x86_machine machine;
static struct kvm_provider kvm_like;

static inline void vm_fresh(const struct arch *arch,
			    int (*ioctl)(int fd, unsigned long req, void *arg))
{
	memset(&vm, 0, sizeof(vm));
	memset(&machine, 0, sizeof(machine));
	kvm_like = mote_kvm_provider;
	kvm_like.name = "kvm";
	kvm_like.ioctl = ioctl;
	config_init(&config);
	config.cpus = 2;
	vm.config = &config;
	vm.arch = arch;
	vm.arch_state = &machine;
	vm.provider = &kvm_like;
	list_init(&vm.devices);
	list_init(&vm.listeners);
	list_init(&vm.roms);
}

#endif
