/* SPDX-License-Identifier: MIT */
/*
 * Feature names (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E)
 * and models.  See cpu_features.h.
 */
#include "arch/x86/cpu_features.h"

#include <stddef.h>
#include <string.h>

#define F1C(n, b)  { n, 1, 0, R_ECX, b, NULL }
#define F1D(n, b)  { n, 1, 0, R_EDX, b, NULL }
#define F7B(n, b)  { n, 7, 0, R_EBX, b, NULL }
#define F7C(n, b)  { n, 7, 0, R_ECX, b, NULL }
#define F7D(n, b)  { n, 7, 0, R_EDX, b, NULL }
#define FD1(n, b)  { n, 0xd, 1, R_EAX, b, "xsave" }
#define FAC(n, b)  { n, 0x80000001, 0, R_ECX, b, NULL }
#define FAD(n, b)  { n, 0x80000001, 0, R_EDX, b, NULL }
#define F8B(n, b)  { n, 0x80000008, 0, R_EBX, b, NULL }

const struct cpu_feature cpu_features[] = {
	F1C("pni", 0), F1C("sse3", 0), F1C("pclmulqdq", 1), F1C("monitor", 3),
	F1C("ssse3", 9), { "fma", 1, 0, R_ECX, 12, "avx" }, F1C("cx16", 13),
	F1C("pcid", 17), F1C("sse4.1", 19), F1C("sse4_1", 19),
	F1C("sse4.2", 20), F1C("sse4_2", 20), F1C("x2apic", 21),
	F1C("movbe", 22), F1C("popcnt", 23), F1C("tsc-deadline", 24),
	F1C("aes", 25), F1C("xsave", 26),
	{ "avx", 1, 0, R_ECX, 28, "xsave" },
	{ "f16c", 1, 0, R_ECX, 29, "avx" }, F1C("rdrand", 30),
	F1C("hypervisor", 31),

	F1D("fpu", 0), F1D("vme", 1), F1D("de", 2), F1D("pse", 3),
	F1D("tsc", 4), F1D("msr", 5), F1D("pae", 6), F1D("mce", 7),
	F1D("cx8", 8), F1D("apic", 9), F1D("sep", 11), F1D("mtrr", 12),
	F1D("pge", 13), F1D("mca", 14), F1D("cmov", 15), F1D("pat", 16),
	F1D("pse36", 17), F1D("clflush", 19), F1D("mmx", 23), F1D("fxsr", 24),
	F1D("sse", 25), F1D("sse2", 26), F1D("ss", 27), F1D("ht", 28),

	F7B("fsgsbase", 0), F7B("tsc_adjust", 1), F7B("tsc-adjust", 1),
	F7B("bmi1", 3), F7B("hle", 4),
	{ "avx2", 7, 0, R_EBX, 5, "avx" }, F7B("smep", 7), F7B("bmi2", 8),
	F7B("erms", 9), F7B("invpcid", 10), F7B("rtm", 11), F7B("mpx", 14),
	{ "avx512f", 7, 0, R_EBX, 16, "avx2" },
	{ "avx512dq", 7, 0, R_EBX, 17, "avx512f" }, F7B("rdseed", 18),
	F7B("adx", 19), F7B("smap", 20),
	{ "avx512ifma", 7, 0, R_EBX, 21, "avx512f" }, F7B("clflushopt", 23),
	F7B("clwb", 24), { "avx512cd", 7, 0, R_EBX, 28, "avx512f" },
	F7B("sha-ni", 29), { "avx512bw", 7, 0, R_EBX, 30, "avx512f" },
	{ "avx512vl", 7, 0, R_EBX, 31, "avx512f" },
	{ "avx512vbmi", 7, 0, R_ECX, 1, "avx512f" }, F7C("umip", 2),
	{ "pku", 7, 0, R_ECX, 3, "xsave" }, { "avx512vbmi2", 7, 0, R_ECX, 6, "avx512f" },
	F7C("gfni", 8), { "vaes", 7, 0, R_ECX, 9, "avx" },
	{ "vpclmulqdq", 7, 0, R_ECX, 10, "avx" },
	{ "avx512vnni", 7, 0, R_ECX, 11, "avx512f" },
	{ "avx512bitalg", 7, 0, R_ECX, 12, "avx512f" },
	{ "avx512-vpopcntdq", 7, 0, R_ECX, 14, "avx512f" }, F7C("la57", 16),
	F7C("rdpid", 22), F7C("movdiri", 27), F7C("movdir64b", 28),
	F7D("fsrm", 4), F7D("md-clear", 10), F7D("serialize", 14),
	F7D("spec-ctrl", 26), F7D("stibp", 27), F7D("arch-capabilities", 29),
	F7D("ssbd", 31),

	FD1("xsaveopt", 0), FD1("xsavec", 1), FD1("xgetbv1", 2),
	FD1("xsaves", 3),

	FAC("lahf-lm", 0), FAC("lahf_lm", 0), FAC("cmp-legacy", 1),
	FAC("svm", 2), FAC("cr8legacy", 4), FAC("abm", 5), FAC("lzcnt", 5),
	FAC("sse4a", 6), FAC("misalignsse", 7), FAC("3dnowprefetch", 8),
	FAC("osvw", 9), { "xop", 0x80000001, 0, R_ECX, 11, "avx" },
	{ "fma4", 0x80000001, 0, R_ECX, 16, "avx" }, FAC("tbm", 21),
	FAC("topoext", 22), FAC("perfctr-core", 23),
	FAD("syscall", 11), FAD("nx", 20), FAD("mmxext", 22),
	FAD("fxsr-opt", 25), FAD("fxsr_opt", 25), FAD("pdpe1gb", 26),
	FAD("rdtscp", 27), FAD("lm", 29), FAD("3dnowext", 30),
	FAD("3dnow", 31),
	F8B("clzero", 0), F8B("xsaveerptr", 2), F8B("wbnoinvd", 9),
	F8B("ibpb", 12), F8B("ibrs", 14), F8B("amd-stibp", 15),
	F8B("amd-ssbd", 24), F8B("virt-ssbd", 25),
	{ "invtsc", 0x80000007, 0, R_EDX, 8, NULL },
	{ NULL, 0, 0, 0, 0, NULL }
};

const struct cpu_feature *cpu_feature_find(const char *name)
{
	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

#define BASE_FEATURES \
	"fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat " \
	"pse36 clflush mmx fxsr sse sse2 ht hypervisor x2apic tsc-deadline " \
	"syscall nx lm sse3 cx16 lahf-lm"
#define V2_LEVEL "cx16 lahf-lm popcnt sse3 sse4.1 sse4.2 ssse3"
#define V3_LEVEL V2_LEVEL " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
#define V2_FEATURES BASE_FEATURES " " V2_LEVEL
#define V3_FEATURES BASE_FEATURES " " V3_LEVEL " xsaveopt xgetbv1"

const struct cpu_model cpu_models[] = {
	{ "max", "everything this provider can do (default)", NULL, NULL, NULL },
	{ "host", "everything the host CPU can do", NULL, NULL, NULL },
	{ "qemu64", "x86-64 as it began, with SSE3 and CX16", BASE_FEATURES,
	  "QEMU Virtual CPU version 2.5+", NULL },
	{ "x86-64-v2", "to SSE4.2 and POPCNT", V2_FEATURES,
	  "mote virtual CPU (x86-64-v2)", V2_LEVEL },
	{ "x86-64-v3", "to AVX2, BMI and FMA", V3_FEATURES,
	  "mote virtual CPU (x86-64-v3)", V3_LEVEL },
	{ NULL, NULL, NULL, NULL, NULL }
};
