/* SPDX-License-Identifier: MIT */
/*
 * A PC's RAM: one backing file, shown below the hole, and above 4 GiB.
 *
 * Room:     sizes in, gmem blocks and the E820 map out.
 * Talks to: gmem.
 * Never:    maps the VGA hole (0xa0000), the PCI hole or ECAM.
 */
#include <errno.h>
#include <unistd.h>

#include "arch/x86/machine.h"

enum { RAM_MIN = 2 * MiB };

/* q35's rule: below the ECAM if it all fits, else 2 GiB and the rest high. */
static u64 low_size(u64 ram)
{
	return ram <= PC_ECAM ? ram : 2 * GiB;
}

static void e820_add(struct boot_env *env, u64 from, u64 to, u32 type)
{
	if (from >= to)
		return;
	assert(env->ne820 < ARRAY_LEN(env->e820));
	env->e820[env->ne820++] = (struct boot_e820){
		.addr = from, .len = to - from, .type = type,
	};
}

static void e820_fill(struct x86_machine *m)
{
	struct boot_env *env = &m->env;

	e820_add(env, 0, BOOT_LOW_END, E820_RAM);
	e820_add(env, BOOT_LOW_END, PC_VGA_HOLE, E820_RESERVED);
	e820_add(env, BOOT_FIRMWARE, BOOT_FIRMWARE_END, E820_RESERVED);
	e820_add(env, BOOT_FIRMWARE_END, env->low_end, E820_RAM);
	e820_add(env, PC_ECAM, PC_ECAM + PC_ECAM_LEN, E820_RESERVED);
	e820_add(env, PC_KVM_PAGES, PC_KVM_PAGES + 4 * PAGE_SIZE,
		 E820_RESERVED);
	e820_add(env, 4 * GiB, m->high_end, E820_RAM);
}

static int add_block(struct x86_machine *m, gpa_t from, gpa_t to, int fd,
		     u64 off, struct err *e)
{
	if (from >= to)
		return 0;
	return gmem_add(m->vm->gmem, "pc.ram", from, to - from, fd, off,
			GMEM_RAM, e);
}

int x86_memory_create(struct x86_machine *m, struct err *e)
{
	u64 ram = ALIGN_DOWN(m->vm->config->ram_bytes, (u64)PAGE_SIZE);
	u64 low = low_size(ram);
	int fd, rc;

	if (ram < RAM_MIN)
		return err_set(e, -EINVAL, "-m: a PC needs at least 2 MiB of "
			       "RAM");
	m->env.gmem = m->vm->gmem;
	m->env.low_end = low;
	m->high_end = 4 * GiB + (ram - low);
	e820_fill(m);
	rc = gmem_backing_create("pc.ram", ram, &fd, e);
	if (rc < 0)
		return rc;
	rc = add_block(m, 0, PC_VGA_HOLE, fd, 0, e);
	if (rc == 0)
		rc = add_block(m, PC_VGA_HOLE_END, low, fd, PC_VGA_HOLE_END, e);
	if (rc == 0)
		rc = add_block(m, 4 * GiB, m->high_end, fd, low, e);
	close(fd);
	return rc;
}
