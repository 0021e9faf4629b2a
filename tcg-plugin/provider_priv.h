/* SPDX-License-Identifier: MIT */
/*
 * The plugin's own objects: what stands behind its descriptors.
 *
 * Room:     VM and vCPU structs, the safe-point protocol, internal verbs.
 *
 * Safe points.  A vCPU thread is *inside* (v->inside = 1) while it may hold
 * pointers into slot tables, blocks or its soft TLB.  It is outside between
 * KVM_RUNs, while parked in HLT, and while it waits for others.  At every block
 * edge it looks at cpu.request.
 *  1. tcg_shootdown sets REQ_TLB on vCPUs and waits until each has flushed or
 *     is outside (it then flushes on its way in).
 *  2. tcg_world_stop waits until all are outside and keeps them there.
 *  3. Whoever waits is itself outside, so waits never form a ring; no lock a
 *     vCPU takes inside may be held while waiting.
 *
 * Lock order: vcpu->lock, vm->lock, mem.lock, irqchip, lapic, code.lock.
 */
#ifndef TCG_PROVIDER_PRIV_H
#define TCG_PROVIDER_PRIV_H

#include <linux/kvm.h>
#include <stdatomic.h>

#include "tcg-plugin/code/blocks.h"
#include "tcg-plugin/halt_poll.h"
#include "tcg-plugin/icount.h"
#include "tcg-plugin/memory/slots.h"
#include "tcg-plugin/x86/cpu.h"
#include "tcg-plugin/x86/insn.h"
#include "tcg-plugin/x86/irqchip/irqchip.h"
#include "vmm/base/lock.h"

enum {
	TCG_MAX_VCPUS = 64,
	TCG_RUN_PAGES = 3,             /* kvm_run, PIO data, coalesced MMIO */
	TCG_BLOCK_INSNS = 32,
	TCG_CROSS_CACHE = 4096,
	TCG_STOP_PUT_OFF = 16,         /* deliveries tried before a stop  */
};
#define TCG_CODE_ARENA (192 * MiB)

struct tcg_vm;
struct irqfd_set;
struct ioeventfd_set;

/* An instruction whose bytes lie in two pages; compared before each use. */
struct cross_insn {
	u64 key;                       /* host address of first byte | mode */
	u8  bytes[16];
	struct insn insn;
};

struct tcg_vcpu {
	struct x86_cpu cpu;            /* first: container_of is a cast   */
	struct tcg_vm *vm;
	struct lock lock;              /* one ioctl at a time             */
	int fd;
	struct kvm_run *run;           /* our mapping of the memfd        */

	_Atomic u32 inside;            /* see Safe points                 */
	_Atomic u32 parked;            /* futex-waiting on cpu.request    */
	struct halt_poll poll;
	_Atomic u32 init_pending;      /* latched INIT                    */
	_Atomic int sipi_vector;       /* -1 none                         */
	_Atomic u32 nmi_queued;        /* NMIs from other threads         */
	_Atomic u32 kicked;

	bool triple_fault;             /* to be found between blocks      */
	bool vanished;                 /* fault.c: a slot's memory is gone */
	bool has_sigmask;
	u64 sigmask;
	_Atomic u32 clock_stale;       /* KVM_SET_CLOCK came              */
	u32 exit_reason;
	unsigned stop_put_off;         /* in this KVM_RUN                 */
	u64 slice, slice_from;         /* vm->slices: instructions to run, and
					  cpu.n_insn when that was asked  */

	struct block *running;         /* what x86_run_block is in        */
	u64 running_rip;               /* where that one starts           */
	struct insn single[2];         /* scratch for lone instructions   */
	struct cross_insn cross[TCG_CROSS_CACHE];
};

struct tcg_vm {
	_Atomic int refs;              /* its fd and each vCPU            */
	struct lock lock;              /* configuration                   */
	struct mem_map mem;
	struct code_cache code;
	struct lock rmw;               /* split and code-page LOCKs       */

	struct tcg_vcpu *_Atomic vcpu[TCG_MAX_VCPUS];   /* by id; set once */
	_Atomic unsigned nvcpu;        /* highest id + 1                  */
	unsigned bsp_id;

	_Atomic u32 sync_seq;          /* futex: somebody got out or flushed */
	_Atomic u32 sync_waiters;
	_Atomic u32 stopped;           /* futex: the world is stopped     */
	struct lock stop_lock;

	struct irqchip *_Atomic irqchip;
	bool has_pit, x2apic_ids;
	struct ioeventfd_set *_Atomic ioeventfds;
	struct irqfd_set *_Atomic irqfds;

	struct icount icount;          /* guest time from instructions    */
	u64 tsc_base;                  /* tcg_vm_tsc at creation: guest's 0 */
	_Atomic u64 clock_offset;      /* kvmclock = ns since tsc_base + this */
	_Atomic u64 tsc_write_offset;  /* last KVM_SET_MSRS of the TSC    */
	u32 tsc_khz;                   /* 0: the host's                   */
	bool manual_dirty;             /* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
	bool tell_triple_fault;        /* KVM_CAP_X86_TRIPLE_FAULT_EVENT  */
	_Atomic u32 one_insn;
	_Atomic u32 eager;             /* translate what runs once, too   */
	bool slices;                   /* kvm/provider.h; before vCPUs    */
};

static inline struct tcg_vcpu *to_tcg_vcpu(struct x86_cpu *c)
{
	return (struct tcg_vcpu *)(void *)c;
}

static inline struct irqchip *tcg_irqchip(struct tcg_vm *vm)
{
	return atomic_load_explicit(&vm->irqchip, memory_order_acquire);
}

/* --- vm.c --- */
int  tcg_vm_create(unsigned long type);            /* -> fd               */
long tcg_vm_ioctl(struct tcg_vm *vm, unsigned long req, void *arg);
void tcg_vm_take(struct tcg_vm *vm);
void tcg_vm_drop(struct tcg_vm *vm);
static inline struct tcg_vcpu *tcg_vm_vcpu(struct tcg_vm *vm, unsigned id)
{
	return id < TCG_MAX_VCPUS
		? atomic_load_explicit(&vm->vcpu[id], memory_order_acquire)
		: NULL;
}

/* --- vm_irq.c: irqchip ioctls and what the chip asks of vCPUs --- */
long tcg_vm_irq_ioctl(struct tcg_vm *vm, unsigned long req, void *arg);

/* --- vm_mem.c --- */
int  tcg_vm_set_region(struct tcg_vm *vm,
		       const struct kvm_userspace_memory_region *r);
int  tcg_vm_get_dirty(struct tcg_vm *vm, const struct kvm_dirty_log *log);
int  tcg_vm_clear_dirty(struct tcg_vm *vm, const struct kvm_clear_dirty_log *l);

/* --- provider.c --- */
u32  tcg_default_one_insn(void);
u32  tcg_default_eager(void);

/* --- system.c --- */
long tcg_system_ioctl(unsigned long req, void *arg);
int  tcg_check_extension(struct tcg_vm *vm, unsigned long cap);

/* --- vcpu.c --- */
int  tcg_vcpu_create(struct tcg_vm *vm, unsigned id);     /* -> fd         */
void tcg_vcpu_destroy(struct tcg_vcpu *v);
long tcg_vcpu_ioctl(struct tcg_vcpu *v, unsigned long req, void *arg);
/* --- vcpu_regs.c, vcpu_fpu.c, vcpu_events.c: one structure each way --- */
void tcg_get_regs(struct tcg_vcpu *v, struct kvm_regs *r);
void tcg_set_regs(struct tcg_vcpu *v, const struct kvm_regs *r);
void tcg_get_sregs(struct tcg_vcpu *v, struct kvm_sregs *s);
int  tcg_set_sregs(struct tcg_vcpu *v, const struct kvm_sregs *s);
void tcg_get_sregs2(struct tcg_vcpu *v, struct kvm_sregs2 *s);
int  tcg_set_sregs2(struct tcg_vcpu *v, const struct kvm_sregs2 *s);
void tcg_get_fpu(struct tcg_vcpu *v, struct kvm_fpu *f);
int  tcg_set_fpu(struct tcg_vcpu *v, const struct kvm_fpu *f);
void tcg_get_xsave(struct tcg_vcpu *v, struct kvm_xsave *x);
int  tcg_set_xsave(struct tcg_vcpu *v, const struct kvm_xsave *x);
void tcg_get_events(struct tcg_vcpu *v, struct kvm_vcpu_events *e);
int  tcg_set_events(struct tcg_vcpu *v, const struct kvm_vcpu_events *e);
void tcg_get_mp_state(struct tcg_vcpu *v, struct kvm_mp_state *s);
int  tcg_set_mp_state(struct tcg_vcpu *v, const struct kvm_mp_state *s);

/* --- vcpu_mce.c --- */
#define TCG_MCE_CAP 0x01000920ull      /* SER, TES, CTL; 32 banks         */
int  tcg_setup_mce(struct tcg_vcpu *v, u64 cap);
int  tcg_set_mce(struct tcg_vcpu *v, const struct kvm_x86_mce *m);

/* --- exec.c --- */
int  tcg_vcpu_run(struct tcg_vcpu *v);
/* --- lookup.c: from rip to a block to run --- */
void tcg_run_blocks(struct tcg_vcpu *v);           /* until request or leave */
void tcg_run_one(struct tcg_vcpu *v);              /* one instruction      */
/* The running block was left at c->rip: the rest of it did not run (icount.h). */
void tcg_refund(struct tcg_vcpu *v);
/* The block at rip, decoding it if need be; NULL: rip's first instruction
 * belongs to no block (*cross), or something had to be done first. */
struct block *tcg_block_here(struct tcg_vcpu *v, bool *cross);
/* That block, or what of it can be run before somebody looks around. */
void tcg_interpret(struct tcg_vcpu *v, struct block *b);
/* The instruction at rip, which no block holds: its bytes lie in two pages. */
void tcg_run_lone(struct tcg_vcpu *v);

/* --- sync.c: requests, safe points, parking --- */
void tcg_request(struct tcg_vcpu *v, u32 what);    /* and wake it [any]    */
void tcg_enter(struct tcg_vcpu *v);                /* outside -> inside    */
void tcg_leave(struct tcg_vcpu *v);
int  tcg_park(struct tcg_vcpu *v);                 /* until a request; -EINTR */
void tcg_ack(struct tcg_vm *vm);                   /* after a flush        */
/* `self` is the calling vCPU (inside) or NULL; mask of vCPU ids. */
void tcg_shootdown(struct tcg_vm *vm, struct tcg_vcpu *self, u64 mask);
void tcg_world_stop(struct tcg_vm *vm, struct tcg_vcpu *self);
void tcg_world_go(struct tcg_vm *vm, struct tcg_vcpu *self);

/* --- fault.c: a slot's memory vanished under us --- */
void tcg_fault_init(void);
void tcg_fault_current(struct tcg_vcpu *v);        /* this thread runs v    */

/* --- ioeventfd.c --- */
int  tcg_ioeventfd(struct tcg_vm *vm, const struct kvm_ioeventfd *e);
void tcg_ioeventfd_fini(struct tcg_vm *vm);
/* true: a write matched and its eventfd was signalled. [vcpu] */
bool tcg_ioeventfd_write(struct tcg_vm *vm, bool pio, u64 addr, unsigned len,
			 u64 val);

/* --- irqfd.c --- */
int  tcg_irqfd(struct tcg_vm *vm, const struct kvm_irqfd *f);
void tcg_irqfd_fini(struct tcg_vm *vm);
void tcg_irqfd_eoi(struct tcg_vm *vm, unsigned gsi);       /* [any]        */

/* --- stats.c --- */
int  tcg_report(struct tcg_vm *vm, int what, char *buf, size_t n);
/* KVM_GET_STATS_FD: a descriptor, the caller's. */
int  tcg_vm_stats_fd(struct tcg_vm *vm);
int  tcg_vcpu_stats_fd(const struct tcg_vcpu *v);

/* --- x86/clock.c --- */
u64  tcg_vm_tsc(struct tcg_vm *vm);                /* TSC but for offsets   */
/* The rate of that: of the host's once it is known, so it may take a moment. */
u32  tcg_vm_tsc_khz(const struct tcg_vm *vm);
u64  tcg_clock_ns(struct tcg_vm *vm);              /* KVM_GET_CLOCK's       */
void tcg_clock_set(struct tcg_vm *vm, u64 ns);
void tcg_clock_update(struct x86_cpu *c);          /* system time structure */
void tcg_clock_wall(struct x86_cpu *c);            /* wall clock structure  */
int  tcg_clock_paused(struct x86_cpu *c);          /* KVM_KVMCLOCK_CTRL     */

/* Is there something to do before the next block? */
static inline bool tcg_look_around(const struct x86_cpu *c)
{
	return atomic_load_explicit(&c->request, memory_order_relaxed) ||
	       (c->irq_blocked && (c->rflags & FL_IF)) ||
	       c->jr.icount_left < 0;
}

/* --- x86/debug.c --- */
/* Breakpoint on the instruction at la: DR6 bits, 0 none. */
u32  x86_debug_exec_hit(struct x86_cpu *c, gva_t la);
/* One of the breakpoints in force lies on that page. */
bool x86_debug_exec_page(struct x86_cpu *c, gva_t la);
/* Data breakpoints for [la, la+n); bits go to c->db_hits. */
u32  x86_debug_data_hit(struct x86_cpu *c, gva_t la, unsigned n, bool write);
/* Some armed data breakpoint lies in this page. */
bool x86_debug_page_watched(struct x86_cpu *c, gva_t la, bool write);

#endif
