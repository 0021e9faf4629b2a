/* SPDX-License-Identifier: MIT */
/*
 * The names of CPUID feature bits and CPU models, as -cpu spells them.
 */
#ifndef MOTE_X86_CPU_FEATURES_H
#define MOTE_X86_CPU_FEATURES_H

#include "vmm/base/types.h"

enum cpuid_reg { R_EAX, R_EBX, R_ECX, R_EDX };

struct cpu_feature {
	const char *name;
	u32 function, index;
	u8 reg, bit;                   /* enum cpuid_reg */
	const char *needs;             /* another feature, or NULL */
};
extern const struct cpu_feature cpu_features[];        /* ends with name NULL */
const struct cpu_feature *cpu_feature_find(const char *name);

struct cpu_model {
	const char *name, *summary;
	const char *features;          /* NULL: all the provider has */
	const char *brand;             /* leaves 0x80000002..4, NULL: as is */
	const char *level;             /* NULL, or what it must have to
					  deserve its name             */
};
extern const struct cpu_model cpu_models[];            /* ends with name NULL */

#endif
