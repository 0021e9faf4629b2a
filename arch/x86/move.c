/* SPDX-License-Identifier: MIT */
/*
 * A PC's state on its way from one provider's VM into another's, for good.
 *
 * Room:     what there is besides memory and devices, and in which order it is
 *           loaded.
 * Talks to: kvm/, msrs.c; vmm/switch.c says when.
 * Never:    stops a clock: the guest's TSC is the host's plus an offset, which
 *           moves; kvmclock goes on by what has passed meanwhile.
 *
 * Order: run state is read first, since that makes a provider take a pending INIT
 * or SIPI.  Segments say which mode the LAPIC is in; general registers drop
 * events, events come after them; run state comes last.  A TSC deadline needs the
 * LAPIC and the TSC.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/machine.h"
#include "arch/x86/msrs.h"
#include "arch/x86/regs.h"
#include "arch/x86/xsave.h"
#include "vmm/arch.h"
#include "vmm/vcpu.h"

enum { MSR_TSC_DEADLINE_INDEX = 0x6e0, MSR_TSC_INDEX = 0x10,
       MSR_KVMCLOCK = 0x4b564d01, APIC_TMICT_OFFSET = 0x380,
       APIC_LVT_TIMER = 0x320, APIC_TMCCT_OFFSET = 0x390 };

/* What each provider's vCPUs were like before the guest ran. */
struct msr_sides {
	struct {
		const struct kvm_provider *of;
		struct msr_list msrs;
	} side[2];
};

struct cpu_state {
	struct kvm_mp_state mp;
	struct kvm_regs gp;
	struct kvm_sregs s;
	struct kvm_vcpu_events events;
	struct kvm_debugregs dr;
	struct kvm_xcrs xcrs;
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct msr_list msrs;
	bool has_offset;               /* else `tsc` at `tsc_ns`          */
	u64 tsc_offset, tsc;
	s64 tsc_ns;
	u64 deadline, kvmclock;
};

struct vm_state {
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	u64 clock;                     /* at clock_ns                     */
	s64 clock_ns;
};

static const struct msr_list *msrs_of(struct vm *vm, const struct kvm_vm *kvm)
{
	const struct msr_sides *m = x86_machine(vm)->msrs;

	return &m->side[m->side[0].of != kvm->ops].msrs;
}

/* --- prepare ----------------------------------------------------------------- */

int x86_tsc_offset(struct kvm_vcpu *v, unsigned long req, u64 *offset)
{
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)(uintptr_t)offset,
	};

	return kvm_vcpu_ioctl(v, req, &a);
}

/* A triple fault that a machine check left for the next entry is among the events
 * where both know of that; else it stays behind. */
static void tell_triple_faults(struct kvm_vm *a, struct kvm_vm *b)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT,
				      .args = { 1 } };

	if (!kvm_vm_check(a, (int)cap.cap) || !kvm_vm_check(b, (int)cap.cap))
		return;
	kvm_vm_ioctl(a, KVM_ENABLE_CAP, &cap);
	kvm_vm_ioctl(b, KVM_ENABLE_CAP, &cap);
}

static int prepare(struct vm *vm, struct kvm_vm *other, struct err *e)
{
	const u32 board = vm->config->board;

	tell_triple_faults(&vm->kvm, other);
	return kvm_vm_create_irqchip(other, board & BOARD_PIC,
				     board & BOARD_PIT, e);
}

static void learn(struct vm *vm, struct kvm_vcpu *a, struct kvm_vcpu *b)
{
	struct msr_sides *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->side[0].of = a->vm->ops;
	m->side[1].of = b->vm->ops;
	x86_msrs_learn(a, &m->side[0].msrs);
	x86_msrs_learn(b, &m->side[1].msrs);
	x86_machine(vm)->msrs = m;
}

/*
 * The guest's TSC begins where KVM's begins, though the plugin could begin at 0:
 * there are KVMs that run user code without telling the CPU an offset.  Theirs
 * is 0 and has to stay so.
 */
static int align_tsc(struct kvm_vcpu *v, struct kvm_vcpu *other, struct err *e)
{
	const bool plugin_first = v->vm->ops != &kvm_kernel_provider;
	struct kvm_vcpu *kvm = plugin_first ? other : v;
	struct kvm_vcpu *plugin = plugin_first ? v : other;
	u64 offset;
	int rc = x86_tsc_offset(kvm, KVM_GET_DEVICE_ATTR, &offset);

	if (rc < 0)
		return 0;
	rc = x86_tsc_offset(plugin, KVM_SET_DEVICE_ATTR, &offset);
	return rc < 0 ? err_set(e, rc, "vCPU %u: its TSC: %m", v->id) : 0;
}

static int prepare_cpu(struct vcpu *v, struct kvm_vcpu *other, struct err *e)
{
	int rc = x86_vcpu_cpuid(v, other, e);

	if (rc >= 0 && !x86_machine(v->vm)->msrs)
		learn(v->vm, &v->kvm, other);
	return rc < 0 ? rc : align_tsc(&v->kvm, other, e);
}

/* --- a table of requests ------------------------------------------------------ */

struct part {
	unsigned long get, set;
	size_t at;
	const char *what;
};

#define PART(name, field, what) \
	{ KVM_GET_##name, KVM_SET_##name, offsetof(struct cpu_state, field), \
	  what }

static const struct part cpu_parts[] = {
	PART(MP_STATE, mp, "run state"),
	PART(SREGS, s, "control registers"),
	PART(REGS, gp, "registers"),
	PART(XSAVE, xsave, "FPU"),
	PART(XCRS, xcrs, "XCR0"),
	PART(DEBUGREGS, dr, "debug registers"),
	PART(LAPIC, lapic, "local APIC"),
	PART(VCPU_EVENTS, events, "events"),
};

static int get_parts(struct kvm_vcpu *v, struct cpu_state *c, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(cpu_parts); i++) {
		int rc = kvm_vcpu_ioctl(v, cpu_parts[i].get,
					(u8 *)c + cpu_parts[i].at);

		if (rc < 0)
			return err_set(e, rc, "vCPU %u: %s does not tell its "
				       "%s: %m", v->id, v->vm->ops->name,
				       cpu_parts[i].what);
	}
	return 0;
}

/* In the same order, and the run state once more, after all that changes it. */
static int set_parts(struct kvm_vcpu *v, const struct cpu_state *c,
		     struct err *e)
{
	for (unsigned i = 1; i <= ARRAY_LEN(cpu_parts); i++) {
		const struct part *p = &cpu_parts[i % ARRAY_LEN(cpu_parts)];
		int rc = kvm_vcpu_ioctl(v, p->set, (u8 *)c + p->at);

		if (rc < 0)
			return err_set(e, rc, "vCPU %u: %s does not take its "
				       "%s: %m", v->id, v->vm->ops->name,
				       p->what);
	}
	return 0;
}

/* --- time ----------------------------------------------------------------------- */

/* A deadline that passes just now is either still to come or an interrupt in the
 * LAPIC, not neither. */
static int get_deadline(struct kvm_vcpu *v, struct cpu_state *c)
{
	u64 before;
	int rc;

	do {
		x86_msr_read(v, MSR_TSC_DEADLINE_INDEX, &before);
		rc = kvm_vcpu_ioctl(v, KVM_GET_LAPIC, &c->lapic);
		x86_msr_read(v, MSR_TSC_DEADLINE_INDEX, &c->deadline);
	} while (rc >= 0 && c->deadline != before);
	return rc;
}

static void get_times(struct kvm_vcpu *v, struct cpu_state *c)
{
	c->has_offset = x86_tsc_offset(v, KVM_GET_DEVICE_ATTR,
				       &c->tsc_offset) >= 0;
	x86_msr_read(v, MSR_TSC_INDEX, &c->tsc);
	c->tsc_ns = clock_host_ns();
	x86_msr_read(v, MSR_KVMCLOCK, &c->kvmclock);
}

/* Where offsets cannot be told: what the TSC has counted since. */
static u64 tsc_now(struct kvm_vcpu *v, const struct cpu_state *c)
{
	const int khz = kvm_vcpu_ioctl(v, KVM_GET_TSC_KHZ, NULL);
	const s64 ns = clock_host_ns() - c->tsc_ns;

	return c->tsc + (u64)((__int128)ns * MAX(khz, 0) / 1000000);
}

static int load_times(struct vcpu *vcpu, struct kvm_vcpu *v, const void *cpu,
		      struct err *e)
{
	const struct cpu_state *c = cpu;
	u64 offset = c->tsc_offset;

	(void)vcpu;
	if (!c->has_offset ||
	    x86_tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset) < 0)
		x86_msr_write(v, MSR_TSC_INDEX, tsc_now(v, c));
	if (!x86_msr_write(v, MSR_TSC_DEADLINE_INDEX, c->deadline) &&
	    c->deadline)
		return err_set(e, -ENOTSUP, "vCPU %u: %s has no TSC deadline",
			       v->id, v->vm->ops->name);
	if (!x86_msr_write(v, MSR_KVMCLOCK, c->kvmclock) && c->kvmclock)
		return err_set(e, -ENOTSUP, "vCPU %u: %s has no kvmclock",
			       v->id, v->vm->ops->name);
	return 0;
}

/* --- a vCPU ---------------------------------------------------------------------- */

static int save_cpu(struct vcpu *v, void *cpu, struct err *e)
{
	struct cpu_state *c = cpu;
	int rc = get_parts(&v->kvm, c, e);

	if (rc >= 0)
		rc = x86_msrs_read(&v->kvm, msrs_of(v->vm, v->kvm.vm),
				   &c->msrs, e);
	if (rc < 0)
		return rc;
	get_times(&v->kvm, c);
	rc = get_deadline(&v->kvm, c);
	return rc < 0 ? err_set(e, rc, "vCPU %u: its APIC timer: %m",
				v->index) : 0;
}

static int load_cpu(struct vcpu *v, struct kvm_vcpu *to, const void *cpu,
		    struct err *e)
{
	struct cpu_state *c = malloc(sizeof(*c));
	int rc;

	if (!c)
		abort();
	*c = *(const struct cpu_state *)cpu;
	c->dr.flags = 0;
	x86_sregs_offered(&c->s, x86_machine(v->vm)->cpuid);
	x86_xsave_keep(&c->xsave,
		       x86_xfeatures(to->vm, x86_machine(v->vm)->cpuid));
	rc = set_parts(to, c, e);
	if (rc >= 0)
		rc = x86_msrs_write(to, &c->msrs, msrs_of(v->vm, v->kvm.vm), e);
	free(c);
	return rc;
}

/* --- the VM ----------------------------------------------------------------------- */

static bool has_pit(const struct vm *vm)
{
	return vm->config->board & BOARD_PIT;
}

/* The kernel does not note when channel 0 was loaded, and starts it anew when it
 * is set; the plugin takes none for never. */
static void date_channel_0(struct kvm_pit_state2 *pit)
{
	struct kvm_pit_channel_state *c = &pit->channels[0];

	if (c->mode <= 5 && !c->count_load_time)
		c->count_load_time = clock_host_ns();
}

static int save(struct vm *vm, void *all, struct err *e)
{
	struct vm_state *s = all;
	struct kvm_clock_data clock = { 0 };
	int rc = 0;

	for (u32 i = 0; i < 3 && rc >= 0; i++) {
		s->chip[i].chip_id = i;
		rc = kvm_vm_ioctl(&vm->kvm, KVM_GET_IRQCHIP, &s->chip[i]);
	}
	if (rc >= 0 && has_pit(vm))
		rc = kvm_vm_ioctl(&vm->kvm, KVM_GET_PIT2, &s->pit);
	if (rc >= 0)
		rc = kvm_vm_ioctl(&vm->kvm, KVM_GET_CLOCK, &clock);
	date_channel_0(&s->pit);
	s->clock = clock.clock;
	s->clock_ns = clock_host_ns();
	return rc < 0 ? err_set(e, rc, "%s does not tell its interrupt "
				"controllers, timer or clock: %m",
				vm->kvm.ops->name) : 0;
}

static int load(struct vm *vm, struct kvm_vm *to, const void *all,
		struct err *e)
{
	struct vm_state s = *(const struct vm_state *)all;
	struct kvm_clock_data clock = { 0 };
	int rc = 0;

	for (u32 i = 0; i < 3 && rc >= 0; i++)
		rc = kvm_vm_ioctl(to, KVM_SET_IRQCHIP, &s.chip[i]);
	if (rc >= 0 && has_pit(vm))
		rc = kvm_vm_ioctl(to, KVM_SET_PIT2, &s.pit);
	clock.clock = s.clock + (u64)(clock_host_ns() - s.clock_ns);
	if (rc >= 0)
		rc = kvm_vm_ioctl(to, KVM_SET_CLOCK, &clock);
	return rc < 0 ? err_set(e, rc, "%s does not take interrupt "
				"controllers, timer or clock: %m",
				to->ops->name) : 0;
}

/* --- what stands by -------------------------------------------------------------- */

/* The timer interrupt masked, no count: nothing fires. */
static void quiet_cpu(struct vcpu *v, struct kvm_vcpu *left)
{
	struct kvm_lapic_state s = { 0 };
	const u32 masked = 0x10000, none = 0;

	(void)v;
	x86_msr_write(left, MSR_TSC_DEADLINE_INDEX, 0);
	x86_msr_write(left, MSR_KVMCLOCK, 0);
	if (kvm_vcpu_ioctl(left, KVM_GET_LAPIC, &s) < 0)
		return;
	memcpy(s.regs + APIC_LVT_TIMER, &masked, sizeof(masked));
	memcpy(s.regs + APIC_TMICT_OFFSET, &none, sizeof(none));
	memcpy(s.regs + APIC_TMCCT_OFFSET, &none, sizeof(none));
	kvm_vcpu_ioctl(left, KVM_SET_LAPIC, &s);
}

static void quiet(struct vm *vm, struct kvm_vm *left)
{
	struct kvm_pit_state2 created = x86_machine(vm)->irqchip.pit;

	if (has_pit(vm))
		kvm_vm_ioctl(left, KVM_SET_PIT2, &created);
}

const struct arch_move x86_arch_move = {
	.vm_size     = sizeof(struct vm_state),
	.cpu_size    = sizeof(struct cpu_state),
	.prepare     = prepare,
	.prepare_cpu = prepare_cpu,
	.save_cpu    = save_cpu,
	.load_cpu    = load_cpu,
	.save        = save,
	.load        = load,
	.load_times  = load_times,
	.quiet       = quiet,
	.quiet_cpu   = quiet_cpu,
};
