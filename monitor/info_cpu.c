/* SPDX-License-Identifier: MIT */
/*
 * info: CPUs, their interrupt controllers and who runs them.
 */
#include "monitor/mon.h"
#include "monitor/x86.h"
#include "vmm/helper.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"

#include <stdlib.h>
#include <string.h>

static void show_registers(struct mon *m, unsigned i)
{
	mon_printf(m, "\nCPU#%u\n", i);
	mon_x86_registers(m, mon_vm(m)->vcpus[i]);
}

static void info_registers(struct mon *m, const struct mon_arg *a)
{
	struct vm *vm = mon_vm(m);
	struct vcpu *v = mon_vcpu(m);

	if (a[0].given) {
		for (unsigned i = 0; i < vm->nvcpus && !mon_enough(m); i++)
			show_registers(m, i);
	} else if (a[1].given && a[1].num >= vm->nvcpus) {
		mon_printf(m, "CPU#%d not available\n", (int)a[1].num);
	} else if (!v) {
		mon_puts(m, "No CPU available\n");
	} else {
		show_registers(m, a[1].given ? a[1].num : v->index);
	}
}

static void info_cpus(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct vm *vm = mon_vm(m);
	struct vcpu *current = mon_vcpu(m);

	for (unsigned i = 0; i < vm->nvcpus; i++)
		mon_printf(m, "%c CPU #%u: thread_id=%d\n",
			   vm->vcpus[i] == current ? '*' : ' ', i,
			   (int)mon_thread_id(vm->vcpus[i]));
}

static bool runs_on(struct mon *m, const char *name)
{
	const struct kvm_provider *p = mon_vm(m)->provider;

	return p && !strcmp(p->name, name);
}

static void info_kvm(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf s = STRBUF_INIT;

	mon_printf(m, "kvm support: %s\n",
		   runs_on(m, "kvm") ? "enabled" : "disabled");
	if (mon_vm(m)->helper)
		helper_report(mon_vm(m)->helper, &s);
	if (mon_vm(m)->switcher)
		switch_report(mon_vm(m)->switcher, &s);
	if (s.len)
		mon_puts(m, s.buf);
	strbuf_fini(&s);
}

char *mon_provider_report(struct mon *m, enum kvm_report which)
{
	struct vm *vm = mon_vm(m);
	const struct kvm_provider *p = vm->provider;
	int n = p && p->report ? p->report(vm->kvm.fd, which, NULL, 0) : -1;
	char *text = n >= 0 ? calloc(1, (size_t)n + 1) : NULL;

	if (text)
		p->report(vm->kvm.fd, which, text, (size_t)n + 1);
	return text;
}

static void report(struct mon *m, const char *what, enum kvm_report which)
{
	char *text;

	if (!runs_on(m, "tcg")) {
		mon_printf(m, "Error: %s information is only available with "
			   "accel=tcg\n", what);
		return;
	}
	text = mon_provider_report(m, which);
	mon_puts(m, text ? text : "not supported yet: this report of the "
		 "plugin\n");
	free(text);
}

static void info_jit(struct mon *m, const struct mon_arg *a UNUSED)
{
	report(m, "JIT", KVM_REPORT_JIT);
}

static void info_opcount(struct mon *m, const struct mon_arg *a UNUSED)
{
	report(m, "Opcode count", KVM_REPORT_OPCOUNT);
}

/* Every slot is taken; the last first. */
static void info_hotpluggable(struct mon *m, const struct mon_arg *a UNUSED)
{
	const struct vm_config *c = mon_vm(m)->config;
	const unsigned threads = c->threads ? c->threads : 1;
	const unsigned cores = c->cores ? c->cores : 1;
	const char *model = c->cpu ? c->cpu : "max";

	mon_puts(m, "Hotpluggable CPUs:\n");
	for (unsigned i = c->cpus; i-- > 0;)
		mon_printf(m, "  type: \"%.*s-x86_64-cpu\"\n"
			   "  vcpus_count: \"1\"\n"
			   "  qom_path: \"/machine/unattached/device[%u]\"\n"
			   "  CPUInstance Properties:\n"
			   "    socket-id: \"%u\"\n    core-id: \"%u\"\n"
			   "    thread-id: \"%u\"\n",
			   (int)strcspn(model, ","), model, i,
			   i / threads / cores, i / threads % cores,
			   i % threads);
}

static void info_sev(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "SEV is not enabled\n");
}

static void info_sgx(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "No EPC regions defined, SGX not available\n");
}

const struct mon_cmd mon_info_cpu_cmds[] = {
	{
		.name    = "registers",
		.args    = "cpustate_all:-a vcpu:int?",
		.params  = "[-a|vcpu]",
		.help    = "show CPU registers",
		.doc     = "Of the current CPU, of CPU number VCPU, or with "
			   "-a of all.",
		.example = "info registers -a",
		.run     = info_registers,
	}, {
		.name    = "cpus",
		.args    = "",
		.params  = "",
		.help    = "list the CPUs",
		.doc     = "With the thread that runs each; a star marks the "
			   "current one.",
		.example = "info cpus",
		.run     = info_cpus,
	}, {
		.name    = "lapic",
		.args    = "apic-id:int?",
		.params  = "[apic-id]",
		.help    = "show a local APIC",
		.doc     = "Of the current CPU, or the one with APIC-ID.",
		.example = "info lapic",
		.run     = mon_x86_info_lapic,
	}, {
		.name    = "pic",
		.args    = "",
		.params  = "",
		.help    = "show the IOAPIC and the PICs",
		.doc     = "Every pin of the IOAPIC, then the slave and the "
			   "master PIC.",
		.example = "info pic",
		.run     = mon_x86_info_pic,
	}, {
		.name    = "irq",
		.args    = "",
		.params  = "",
		.help    = "show interrupt counts",
		.doc     = "How often each input was raised; what was never "
			   "is left out. Controllers inside KVM keep no "
			   "counts: only their headings are printed.",
		.example = "info irq",
		.run     = mon_x86_info_irq,
	}, {
		.name    = "kvm",
		.args    = "",
		.params  = "",
		.help    = "show whether the kernel's KVM runs the guest",
		.doc     = "enabled or disabled; what KVM's helper did, and "
			   "which accelerator stands by for accel_switch.",
		.example = "info kvm",
		.run     = info_kvm,
	}, {
		.name    = "jit",
		.args    = "",
		.params  = "",
		.help    = "show how translation goes",
		.doc     = "The plugin's own report.",
		.example = "info jit",
		.run     = info_jit,
	}, {
		.name    = "opcount",
		.args    = "",
		.params  = "",
		.help    = "show counts of instructions",
		.doc     = "The plugin's own report.",
		.example = "info opcount",
		.run     = info_opcount,
	}, {
		.name    = "hotpluggable-cpus",
		.args    = "",
		.params  = "",
		.help    = "show where CPUs can be plugged",
		.doc     = "One entry for every slot.",
		.example = "info hotpluggable-cpus",
		.when    = MON_PRE,
		.run     = info_hotpluggable,
	}, {
		.name    = "sev",
		.args    = "",
		.params  = "",
		.help    = "show memory encryption by SEV",
		.doc     = "mote starts no SEV guests and says so.",
		.example = "info sev",
		.run     = info_sev,
	}, {
		.name    = "sgx",
		.args    = "",
		.params  = "",
		.help    = "show SGX enclave memory",
		.doc     = "mote gives guests no SGX and says so.",
		.example = "info sgx",
		.run     = info_sgx,
	},
	{ 0 }
};
