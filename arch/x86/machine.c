/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 PC: built, reset, asked for registers.
 *
 * Room:     the order of things; memory.c, pc.c, irqchip.c, acpi.c, cpuid.c
 *           and boot.c do them.
 * Talks to: vm.h, the kvm doors.
 * Never:    runs firmware: a kernel is loaded and entered directly.
 *
 * Reset, in order: RAM images and tables, boot CPU at the kernel's entry,
 * other CPUs waiting for their SIPI, interrupt controllers as created.
 */
#include "arch/x86/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu_features.h"
#include "arch/x86/mce.h"
#include "arch/x86/mptable.h"
#include "arch/x86/regs.h"
#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"

/* --- build ----------------------------------------------------------------- */

static int open_kernel(struct x86_machine *m, struct err *e)
{
	const struct vm_config *c = m->vm->config;

	if (!c->kernel)
		return err_set(e, -ENOTSUP, "starting without a kernel (a "
			       "missing firmware) is not supported yet: use "
			       "-kernel");
	m->boot = boot_open(c->kernel, c->initrd, c->append, e);
	return m->boot ? 0 : (e && e->rc ? e->rc : -EINVAL);
}

static int choose_topology(struct x86_machine *m, struct err *e)
{
	const struct vm_config *c = m->vm->config;
	struct cpuid_topology *t = &m->topology;
	int most = kvm_vm_check(&m->vm->kvm, KVM_CAP_MAX_VCPUS);

	t->cpus = MAX(c->cpus, 1u);
	t->sockets = MAX(c->sockets, 1u);
	t->cores = MAX(c->cores, 1u);
	t->threads = MAX(c->threads, 1u);
	if (most > 0 && t->cpus > (unsigned)most)
		return err_set(e, -EINVAL, "-smp %u: %s runs at most %d CPUs",
			       t->cpus, m->vm->provider->name, most);
	m->apic_ids = calloc(t->cpus, sizeof(*m->apic_ids));
	if (!m->apic_ids)
		abort();
	for (unsigned i = 0; i < t->cpus; i++)
		m->apic_ids[i] = cpuid_apic_id(t, i);
	return 0;
}

static void *fetch_cpuid(void *opaque)
{
	struct x86_machine *m = opaque;

	m->cpuid_rc = kvm_sys_ioctl(&m->vm->kvm, KVM_GET_SUPPORTED_CPUID,
				    m->cpuid);
	sem_post(&m->cpuid_answer);
	return NULL;
}

/*
 * The question takes a quarter of a millisecond where the host is a guest
 * itself, so a thread asks while the machine is put together.
 */
static int ask_cpuid(struct x86_machine *m, struct err *e)
{
	int rc;

	m->cpuid = calloc(1, sizeof(*m->cpuid));
	if (!m->cpuid)
		abort();
	m->cpuid->head.nent = CPUID_MAX - 16;  /* room for leaves we add */
	sem_init(&m->cpuid_answer, 0, 0);
	rc = pthread_create(&m->cpuid_thread, NULL, fetch_cpuid, m);
	m->cpuid_asked = !rc;
	return rc ? err_set(e, -rc, "a thread for CPUID: %m") : 0;
}

/* The answer, not the thread's end: that takes as long again. */
static void await_cpuid(struct x86_machine *m)
{
	while (m->cpuid_asked && sem_wait(&m->cpuid_answer) < 0)
		;
}

static void end_cpuid_thread(struct x86_machine *m)
{
	if (!m->cpuid_asked)
		return;
	pthread_join(m->cpuid_thread, NULL);
	sem_destroy(&m->cpuid_answer);
	m->cpuid_asked = false;
}

/* A guest that may be moved sees what both providers have. */
static int narrow_cpuid(struct x86_machine *m, struct kvm_vm *other,
			struct err *e)
{
	struct cpuid_list *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		abort();
	l->head.nent = CPUID_MAX;
	rc = kvm_sys_ioctl(other, KVM_GET_SUPPORTED_CPUID, l);
	if (rc >= 0)
		cpuid_keep_common(m->cpuid, l);
	free(l);
	return rc < 0 ? err_set(e, rc, "%s does not say which CPU it offers: "
				"%m", other->ops->name) : 0;
}

static int choose_cpuid(struct x86_machine *m, struct err *e)
{
	struct switcher *s = m->vm->switcher;
	struct strbuf missing = STRBUF_INIT;
	int rc = 0;

	await_cpuid(m);
	if (m->cpuid_rc < 0)
		return err_set(e, m->cpuid_rc, "%s does not say which CPU it "
			       "offers: %m", m->vm->provider->name);
	if (s)
		rc = narrow_cpuid(m, switch_standby(s), e);
	if (rc < 0)
		return rc;
	rc = cpuid_apply_model(m->cpuid, m->vm->config->cpu, &missing, e);
	if (rc == 0 && missing.len)
		log_warn("-cpu: %s%s does not have %s",
			 m->vm->provider->name, s ? ", or who stands by," : "",
			 missing.buf);
	strbuf_fini(&missing);
	return rc;
}

/* As choose_cpuid does it. */
static int expand_cpu(struct vm *vm, const char *model,
		      void (*fn)(const char *feature, bool on, void *opaque),
		      void *opaque, struct err *e)
{
	struct cpuid_list *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		abort();
	l->head.nent = CPUID_MAX - 16;
	rc = kvm_sys_ioctl(&vm->kvm, KVM_GET_SUPPORTED_CPUID, l);
	if (rc < 0)
		err_set(e, rc, "%s does not say which CPU it offers: %m",
			vm->provider->name);
	else
		rc = cpuid_apply_model(l, model, NULL, e);
	if (rc == 0)
		cpuid_each_feature(l, fn, opaque);
	free(l);
	return rc;
}

static int create_irqchip(struct x86_machine *m, struct err *e)
{
	const u32 board = m->vm->config->board;

	return kvm_vm_create_irqchip(&m->vm->kvm, board & BOARD_PIC,
				     board & BOARD_PIT, e);
}

static int (*const build_steps[])(struct x86_machine *m, struct err *e) = {
	ask_cpuid,
	open_kernel,
	choose_topology,
	x86_memory_create,             /* before irqchip: see kvm/irq.c */
	create_irqchip,
	x86_devices_create,
	choose_cpuid,
};

static int build(struct vm *vm, struct err *e)
{
	struct x86_machine *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->vm = vm;
	vm->arch_state = m;
	for (unsigned i = 0; i < ARRAY_LEN(build_steps); i++) {
		int rc = build_steps[i](m, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static void destroy(struct vm *vm)
{
	struct x86_machine *m = x86_machine(vm);

	if (!m)
		return;
	if (m->listener.fn) {
		vm_unlisten(vm, &m->listener);
		timer_fini(&m->alarm);
	}
	end_cpuid_thread(m);
	x86_irqchip_fini(m);
	boot_close(m->boot);
	free(m->apic_ids);
	free(m->cpuid);
	free(m->msrs);
	free(m);
	vm->arch_state = NULL;
}

/* --- vCPUs ----------------------------------------------------------------- */

static unsigned vcpu_id(struct vm *vm, unsigned index)
{
	return x86_machine(vm)->apic_ids[index];
}

int x86_vcpu_cpuid(struct vcpu *v, struct kvm_vcpu *cpu, struct err *e)
{
	struct x86_machine *m = x86_machine(v->vm);
	struct cpuid_list *l = malloc(sizeof(*l));
	int rc;

	if (!l)
		abort();
	*l = *m->cpuid;
	cpuid_set_topology(l, &m->topology, v->index);
	rc = kvm_vcpu_ioctl(cpu, KVM_SET_CPUID2, l);
	free(l);
	return rc < 0 ? err_set(e, rc, "vCPU %u: its CPUID: %m", v->index) :
	       x86_mce_setup(cpu, e);
}

static void cpuid_lose(struct cpuid_list *l, u32 function, unsigned reg,
		       u32 bits)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(l, function, 0);

	if (e)
		*cpuid_reg(e, reg) &= ~bits;
}

/*
 * A KVM that gives a new vCPU the host's TSC as it is cannot shift it: user code
 * runs without hardware behind KVM, and kernel code is emulated (PVM).  There
 *  - KVM's helper may run one CPU's kernel while KVM runs another: guests must
 *    not leave out flushing the TLB of a CPU that KVM calls preempted;
 *  - the guest's kernel waits for ever for a hypercall (VMCALL on AMD);
 *  - ARCH_CAPABILITIES is offered, but reading the MSR is #GP.
 */
static void look_for_quirks(struct vcpu *v)
{
	struct cpuid_list *l = x86_machine(v->vm)->cpuid;
	u64 offset;

	if (v->index || x86_tsc_offset(&v->kvm, KVM_GET_DEVICE_ATTR,
				       &offset) < 0 || offset)
		return;
	cpuid_lose(l, CPUID_KVM_FEATURES, R_EAX,
		   CPUID_PV_TLB_FLUSH | CPUID_PV_HYPERCALLS);
	cpuid_lose(l, CPUID_EXTENDED, R_EDX, CPUID_ARCH_CAPABILITIES);
}

static int vcpu_init(struct vcpu *v, struct err *e)
{
	look_for_quirks(v);
	return x86_vcpu_cpuid(v, &v->kvm, e);
}

static int get_regs(struct vcpu *v, void *regs)
{
	return x86_regs_get(v, regs);
}

static int set_regs(struct vcpu *v, const void *regs)
{
	return x86_regs_set(v, regs);
}

static int translate(struct vm *vm, const void *regs, gva_t va, gpa_t *pa,
		     u64 *attr)
{
	struct paging p = x86_regs_paging(regs);

	return paging_translate(vm->gmem, &p, va, pa, attr);
}

static void walk(struct vm *vm, const void *regs,
		 int (*fn)(const struct arch_mapping *m, void *o), void *o)
{
	struct paging p = x86_regs_paging(regs);

	paging_walk(vm->gmem, &p, fn, o);
}

/* --- reset ----------------------------------------------------------------- */

static void tell_rom(void *opaque, gpa_t addr, u64 size, const char *name)
{
	struct x86_machine *m = opaque;

	if (!m->roms_told)
		vm_rom_add(m->vm, addr, size, name, "ram");
}

/* One image at *at, which then is where the next may go. */
static int write_table(struct x86_machine *m, const struct strbuf *table,
		       const char *what, gpa_t *at, struct err *e)
{
	const gpa_t end = *at + table->len;
	int rc;

	if (end > BOOT_RESET_CODE)
		return err_set(e, -E2BIG, "the %s need%s %zu bytes, there is "
			       "room for %u", what,
			       what[strlen(what) - 1] == 's' ? "" : "s",
			       table->len, (unsigned)(BOOT_RESET_CODE - *at));
	rc = boot_write(&m->env, *at, table->buf, table->len, what, e);
	*at = MAX(ALIGN_UP(end, (gpa_t)16), (gpa_t)BOOT_MPTABLE);
	return rc;
}

/*
 * The MP table lies where kernels look for one.  They do so even where ACPI
 * tells them all: Linux maps the rest of these 64 KiB anew for each 16 bytes
 * that are no MP table, 70,000 times INVLPG until it knows there is none.
 */
static int write_tables(struct x86_machine *m, const struct acpi_facts *f,
			struct err *e)
{
	const bool acpi = m->vm->config->board & BOARD_ACPI;
	gpa_t at = acpi ? BOOT_ACPI : BOOT_MPTABLE;
	struct strbuf tables = STRBUF_INIT, mp = STRBUF_INIT;
	int rc = 0;

	if (acpi) {
		acpi_build(f, at, &tables);
		rc = write_table(m, &tables, "ACPI tables", &at, e);
	}
	if (rc == 0) {
		mptable_build(f, at, &mp);
		rc = write_table(m, &mp, "MP table", &at, e);
	}
	strbuf_fini(&tables);
	strbuf_fini(&mp);
	m->env.rsdp = acpi ? BOOT_ACPI : 0;
	return rc;
}

/* Without ACPI the kernel learns of virtio-mmio devices from these words. */
static void tell_kernel(struct x86_machine *m, const struct acpi_facts *f)
{
	struct strbuf s = STRBUF_INIT;

	for (unsigned i = 0; f->mmio[i].len; i++)
		strbuf_addf(&s, "virtio_mmio.device=%u@0x%x:%u ",
			    f->mmio[i].len, f->mmio[i].base, f->mmio[i].gsi);
	boot_prepend_args(m->boot, s.buf ? s.buf : "");
	strbuf_fini(&s);
}

/* A kernel that knows no better way to reset jumps to the firmware's start:
 * mov $port, %dx; mov $value, %al; out %al, (%dx); 1: hlt; jmp 1b. */
static int write_reset_code(struct x86_machine *m, const struct acpi_facts *f,
			    struct err *e)
{
	const u8 code[] = { 0xba, f->reset_port, f->reset_port >> 8, 0xb0,
			    f->reset_value, 0xee, 0xf4, 0xeb, 0xfd };

	return boot_write(&m->env, BOOT_RESET_CODE, code, sizeof(code),
			  "reset code", e);
}

static int describe_machine(struct x86_machine *m, struct err *e)
{
	const u32 how = m->vm->config->board & (BOARD_ACPI | BOARD_CMDLINE);
	struct acpi_facts f = {
		.cpus = m->topology.cpus, .apic_ids = m->apic_ids,
		.low_end = m->env.low_end, .high_end = m->high_end,
	};
	int rc;

	x86_devices_facts(m, &f);
	if (how == BOARD_CMDLINE && !m->roms_told)
		tell_kernel(m, &f);
	rc = write_tables(m, &f, e);
	return rc < 0 ? rc : write_reset_code(m, &f, e);
}

struct put_call {
	const struct x86_regs *regs;
	struct err *e;
	int rc;
};

static void put_regs(struct vcpu *v, void *opaque)
{
	struct put_call *c = opaque;

	c->rc = x86_regs_put(v, c->regs, c->e);
}

/* Where the boot CPU begins: at a kernel, or, NULL, at `vector`. */
static int place_boot_cpu(struct x86_machine *m, const struct boot_entry *entry,
			  u32 vector, struct x86_regs *r, struct err *e)
{
	if (entry)
		return boot_enter(entry, &m->env, r, e);
	r->s.cs.selector = (u16)(vector >> 4);
	r->s.cs.base = vector & ~0xfu;
	r->gp.rip = vector & 0xf;
	return 0;
}

static int reset_vcpus(struct x86_machine *m, const struct boot_entry *entry,
		       u32 vector, struct err *e)
{
	struct x86_regs *r = malloc(sizeof(*r));
	u32 signature = cpuid_signature(m->cpuid);
	int rc = 0;

	if (!r)
		abort();
	for (unsigned i = 0; i < m->vm->nvcpus && rc == 0; i++) {
		struct put_call c = { .regs = r, .e = e };

		x86_regs_reset(r, i == 0, signature);
		if (i == 0)
			rc = place_boot_cpu(m, entry, vector, r, e);
		if (rc < 0)
			break;
		vcpu_call(m->vm->vcpus[i], put_regs, &c);
		rc = c.rc;
	}
	free(r);
	return rc;
}

static int reset(struct vm *vm, struct err *e)
{
	struct x86_machine *m = x86_machine(vm);
	struct boot_entry entry;
	int rc;

	m->env.rom = tell_rom;
	m->env.opaque = m;
	rc = describe_machine(m, e);
	if (rc == 0)
		rc = boot_load(m->boot, &m->env, &entry, e);
	if (rc == 0)
		rc = reset_vcpus(m, &entry, 0, e);
	if (rc == 0)
		rc = x86_irqchip_reset(m, e);
	m->roms_told = true;
	return rc;
}

/* What firmware does (ACPI 6.4, 16.3.1.2): the boot CPU goes on in real mode
 * where the FACS says.  A guest that said nothing it can boots anew. */
static int wake(struct vm *vm, struct err *e)
{
	struct x86_machine *m = x86_machine(vm);
	u32 vector = 0;
	int rc;

	if (gmem_read(vm->gmem, BOOT_ACPI + ACPI_FACS + FACS_WAKING_VECTOR,
		      &vector, sizeof(vector)) || !vector || vector >= MiB)
		return reset(vm, e);
	rc = reset_vcpus(m, NULL, vector, e);
	return rc == 0 ? x86_irqchip_reset(m, e) : rc;
}

const struct arch arch_x86_64 = {
	.name      = "x86_64",
	.regs_size = sizeof(struct x86_regs),
	.build     = build,
	.destroy   = destroy,
	.reset     = reset,
	.wake      = wake,
	.vcpu_id   = vcpu_id,
	.vcpu_init = vcpu_init,
	.get_regs  = get_regs,
	.set_regs  = set_regs,
	.translate = translate,
	.walk      = walk,
	.regs      = x86_arch_regs,
	.list_cpus = cpuid_list_models,
	.expand_cpu = expand_cpu,
	.debug     = &x86_arch_debug,
	.helper    = &x86_arch_helper,
	.move      = &x86_arch_move,
};
