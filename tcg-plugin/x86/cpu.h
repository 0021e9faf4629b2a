/* SPDX-License-Identifier: MIT */
/*
 * One guest x86 CPU as the plugin sees it.
 *
 * Room:     architectural state, and the few run-time fields the interpreter,
 *           the translator and KVM_RUN share.
 * Invariants:
 *  1. While an instruction executes, rip is still its own address; handlers
 *     commit registers only after their last access that may fault, so
 *     leaving by x86_raise or x86_exit restarts or reports it precisely.
 *  2. Arithmetic flags live in cc_* (lazy) or in rflags (cc_op CC_RFLAGS);
 *     only x86_rflags/x86_set_rflags look at both.
 *  3. cpl, code_bits, mode and stack_bits are derived: x86_update_mode()
 *     recomputes them after any change of cr0, cr4, efer, rflags.VM, cs, ss.
 * Thread:   the vCPU's, except `request` and `lapic` (see there).
 */
#ifndef TCG_X86_CPU_H
#define TCG_X86_CPU_H

#include <setjmp.h>
#include <linux/kvm.h>

#include "vmm/base/types.h"
#include "tcg-plugin/memory/tlb.h"
#include "tcg-plugin/memory/tlb2.h"

enum x86_gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
	       R8, R9, R10, R11, R12, R13, R14, R15,
	       R_NONE, R_RIP };        /* r[R_NONE] is always zero          */
enum x86_segreg { ES, CS, SS, DS, FS, GS, LDTR, TR, SEG_COUNT, SEG_NONE = 15 };

enum {                                 /* RFLAGS, SDM vol. 1, 3.4.3 */
	FL_CF = BIT(0), FL_PF = BIT(2), FL_AF = BIT(4), FL_ZF = BIT(6),
	FL_SF = BIT(7), FL_TF = BIT(8), FL_IF = BIT(9), FL_DF = BIT(10),
	FL_OF = BIT(11), FL_IOPL = BIT(12) | BIT(13), FL_NT = BIT(14),
	FL_RF = BIT(16), FL_VM = BIT(17), FL_AC = BIT(18), FL_VIF = BIT(19),
	FL_VIP = BIT(20), FL_ID = BIT(21),
	FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};
enum { CR0_PE = BIT(0), CR0_MP = BIT(1), CR0_EM = BIT(2), CR0_TS = BIT(3),
       CR0_ET = BIT(4), CR0_NE = BIT(5), CR0_WP = BIT(16), CR0_AM = BIT(18),
       CR0_NW = BIT(29), CR0_CD = BIT(30), CR0_PG = BIT(31) };
enum { CR4_VME = BIT(0), CR4_PVI = BIT(1), CR4_TSD = BIT(2), CR4_DE = BIT(3),
       CR4_PSE = BIT(4), CR4_PAE = BIT(5), CR4_MCE = BIT(6), CR4_PGE = BIT(7),
       CR4_PCE = BIT(8), CR4_OSFXSR = BIT(9), CR4_OSXMMEXCPT = BIT(10),
       CR4_UMIP = BIT(11), CR4_LA57 = BIT(12), CR4_FSGSBASE = BIT(16),
       CR4_PCIDE = BIT(17), CR4_OSXSAVE = BIT(18), CR4_SMEP = BIT(20),
       CR4_SMAP = BIT(21), CR4_PKE = BIT(22) };
enum { EFER_SCE = BIT(0), EFER_LME = BIT(8), EFER_LMA = BIT(10),
       EFER_NXE = BIT(11), EFER_SVME = BIT(12), EFER_FFXSR = BIT(14),
       EFER_AUTOIBRS = BIT(21) };
enum { EXC_DE, EXC_DB, EXC_NMI, EXC_BP, EXC_OF, EXC_BR, EXC_UD, EXC_NM,
       EXC_DF, EXC_CSO, EXC_TS, EXC_NP, EXC_SS, EXC_GP, EXC_PF,
       EXC_MF = 16, EXC_AC, EXC_MC, EXC_XM };
enum { PF_P = BIT(0), PF_W = BIT(1), PF_U = BIT(2), PF_RSVD = BIT(3),
       PF_I = BIT(4), PF_PK = BIT(5) };

/* attr is the descriptor's high dword bits 8..23 in VMCS "access rights"
 * form: 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G,
 * 16 unusable. */
enum { SEG_A = BIT(0), SEG_W = BIT(1), SEG_R = BIT(1), SEG_E = BIT(2),
       SEG_C = BIT(2), SEG_CODE = BIT(3), SEG_S = BIT(4), SEG_P = BIT(7),
       SEG_L = BIT(13), SEG_DB = BIT(14), SEG_G = BIT(15),
       SEG_UNUSABLE = BIT(16) };
#define SEG_DPL(attr) (((attr) >> 5) & 3)

struct x86_seg {
	u64 base;
	u32 limit;                     /* in bytes, G applied */
	u32 attr;
	u16 sel;
};
struct x86_dtr {
	u64 base;
	u32 limit;
};

enum x86_mode { MODE_REAL, MODE_V86, MODE_PROT, MODE_COMPAT, MODE_LONG };

/* Why x86_exit left the interpreter: what exec.c does next. */
enum x86_leave {
	LEAVE_NONE, LEAVE_EXCEPTION,   /* deliver c->exc                    */
	LEAVE_IO, LEAVE_MMIO,          /* kvm_run is filled; come back      */
	LEAVE_HLT, LEAVE_SHUTDOWN, LEAVE_INTERNAL, LEAVE_DEBUG,
	LEAVE_AGAIN,                   /* state changed: look up next block */
	LEAVE_OTHER,                   /* c->slices: not to be executed here */
};

/* Reasons to leave translated or interpreted code at the next block edge.
 * Set by any thread with atomic OR; cleared by the vCPU's. */
enum x86_request {
	REQ_EXIT   = BIT(0),           /* kick, immediate_exit              */
	REQ_EVENT  = BIT(1),           /* LAPIC/PIC/NMI/SMI/INIT/SIPI state */
	REQ_TLB    = BIT(2),           /* another thread wants our TLB flushed */
	REQ_TIMER  = BIT(3),
	REQ_CODE   = BIT(4),           /* blocks were thrown away           */
	REQ_COMMIT = BIT(5),           /* own thread: this instruction wants
					  x86_commit (io log in use, data
					  breakpoint hit)                   */
};

/*
 * Device accesses of the current instruction.  An instruction that reaches a
 * device leaves with LEAVE_MMIO or LEAVE_IO and runs again from its start
 * after the VMM answered; accesses already answered are replayed from here.
 * Cleared when the instruction (or one REP iteration) commits.
 */
struct x86_io_log {
	unsigned count, cursor;        /* answered; replayed so far         */
	struct { u64 addr, data; u8 size; bool write, pio; } e[16];
	bool pending;                  /* e[count] awaits kvm_run's answer  */
};

/* FXSAVE image (SDM vol. 1, 10.5.1) followed by the XSAVE header and the AVX
 * halves: exactly the standard (non-compacted) XSAVE layout. */
struct x86_fpu {
	u16 fcw, fsw;
	u8  ftw, rsvd0;                /* abridged: 1 = valid               */
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	struct { u8 b[16]; } st[8];    /* ST(0)..ST(7), i.e. relative to TOP */
	struct { u8 b[16]; } xmm[16];
	u8  rsvd1[96];
	u64 xstate_bv, xcomp_bv, rsvd2[6];
	struct { u8 b[16]; } ymmh[16]; /* offset 576                        */
	u8  rest[1024];                /* PKRU and such, by CPUID 0xd       */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct x86_fpu, ymmh) == 576, "XSAVE layout");

/* Components of an XSAVE image, as CPUID 0xd describes them. */
enum { XCOMPS = 10 };
struct x86_xcomp {
	u32 size, off;                 /* off: in the standard form        */
	bool aligned;                  /* in the compacted one, to 64      */
};

/* Pages with a protection key that are in the TLB for data, in the present
 * address space: no other's are kept (x86/pkey.c). */
enum { PKEY_PAGES = 4096 };
struct x86_pkeys {
	u32 n;                         /* more than there is room for: any */
	u64 page[PKEY_PAGES];          /* | key                            */
};

struct tcg_vm;                         /* tcg-plugin/provider_priv.h        */
struct lapic;                          /* tcg-plugin/x86/irqchip/irqchip.h  */
struct kvm_run;

/*
 * What translated code keeps in memory besides the guest's registers, and the
 * jump cache it reads: guest rip -> host code, by 16 bits of rip.  neg is minus
 * the rip; zero is empty (neg[0] then holds 1).  x86/jit_run.c.
 */
struct x86_jit_regs {
	struct x86_cpu *self;
	u64 host_rsp, page_mask, resume, r14, r15, tmp;
	u64 comis[2], comis_xmm[2];    /* jit_flags.c: what was compared; a
					  place for a register            */
	u64 no_if, no_ac;              /* masks: all but that flag        */
	s64 icount_left;               /* tcg-plugin/icount.h: below zero,
					  look at the clock before the next block */
	u64 sign;                      /* mask: bit 63                    */
	u16 flags;                     /* as LAHF and SETO give them      */
	u8  bounce[64];                /* a loaded operand across pages   */
	struct x86_jit_gather {        /* jit_gather.c                    */
		u64 left;              /* elements                        */
		u8 index[32], mask[32], data[32];
	} gather;
	u32 env_differs;               /* the jump cache's part for user mode
					  was filled under other control
					  registers than the kernel's      */
	u32 space;                     /* names what pages of this address space
					  are, to links: jit_link.c; never 0 */
	s32 hold_left;                 /* wrong guesses until C looks: jit_hold.c */
	u32 fpu_away;                  /* 1: guest FP state is in c->fpu,
					  0: in the host's registers       */
	u64 fip, fdp, fop;             /* meanwhile: of the last x87 instruction
					  before those in the host's; of the
					  last with an operand in memory     */
	/* Jump cache slots filled since their last flush: of pages in this
	 * address space, and of global ones. */
	struct x86_jump_list {
		u32 n;                 /* more than there is room for: all */
		u32 old;               /* the first came with the space   */
		u32 slot[8192];        /* mode << 16 | slot               */
	} jumps[2];
	/* by mode and tlb_slot: some jump may go there */
	u64 jump_pages[TLB_MODES][1024];
};
struct x86_jump {
	u64 neg[65536], code[65536];
};

struct x86_cpu {
	/* --- hot: the translator addresses these through gs --- */
	union {
		struct {
			u64 r[17];     /* the sixteen, and R_NONE           */
			u64 rip;
		};
		u64 rx[18];            /* by x86_gpr, R_NONE and R_RIP too  */
	};
	u64 rflags;                    /* bit 1 set; arith bits see cc_op   */
	u64 cc_dst, cc_src;            /* lazy flags: operands              */
	u32 cc_op;                     /* CC_*, interp.h                    */
	_Atomic u32 request;           /* enum x86_request                  */
	u8  cpl, code_bits, stack_bits;/* 0-3; 16/32/64; 16/32/64           */
	u8  mode;                      /* enum x86_mode                     */
	u8  tlb_mode;                  /* MMU mode: see memory/tlb.h        */
	u8  shadow;                    /* 1: STI, 2: MOV SS; one insn long  */
	u8  align_check;               /* CPL 3 and CR0.AM and RFLAGS.AC    */
	u8  flat;                      /* bit n: segment n is writable data
					  from 0 to 4 GiB, and !align_check */
	struct x86_seg seg[SEG_COUNT];
	struct x86_jit_regs jr;
	struct jit *jit;               /* NULL: interpreter only            */

	/* --- system --- */
	struct x86_dtr gdtr, idtr;
	u64 cr0, cr2, cr3, cr4, cr8, efer, xcr0;
	u64 dr[8];
	u32 pkru;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	u64 apic_base, pat, misc_enable, mtrr_def_type;
	u64 mtrr_var[32], mtrr_fix[11];
	u64 mcg_status, mcg_ctl, mcg_cap, mce_banks[4 * 32];
	u64 tsc_offset;                /* guest TSC = host TSC + offset     */
	u64 tsc_adjust, tsc_deadline, spec_ctrl, xss, debugctl, smbase;
	u64 kvmclock_msr, kvm_wall_msr, kvm_async_pf_msr, kvm_steal_msr,
	    kvm_pv_eoi_msr, kvm_poll_msr;
	struct x86_fpu fpu;

	/* --- events --- */
	struct {                       /* being delivered or raised         */
		bool pending, has_err, soft;
		u8 delivering;         /* 1: an exception is being delivered,
					  2: an interrupt or INT n; a fault
					  now may make #DF                  */
		bool ext;              /* ... error codes get EXT           */
		u8 vec;
		u32 err;
		u64 payload;           /* new cr2 or dr6 bits               */
		u8 insn_len;           /* soft: return address is after it  */
	} exc;
	struct {                       /* what an unwind puts back: a half
					  done privilege change (exception.c) */
		bool armed;
		u64 rsp, rflags;
		struct x86_seg cs, ss;
	} undo;
	bool nmi_pending, nmi_masked, smi_pending, in_smm;
	u8  mp_state;                  /* KVM_MP_STATE_*                    */
	s16 user_irq;                  /* KVM_INTERRUPT's vector, -1 none   */
	struct lapic *lapic;           /* NULL without in-kernel irqchip    */

	bool irq_blocked;              /* a vector waits for IF             */
	u32 n_spin;                    /* PAUSEs run                        */

	/* --- leaving --- */
	sigjmp_buf unwind;             /* armed by x86_exec                 */
	u8  leave;                     /* enum x86_leave                    */
	struct x86_io_log io;
	struct kvm_run *run;
	struct tcg_vm *vm;
	unsigned id;                   /* vCPU id == initial APIC id        */

	/* --- debugging --- */
	u32 guest_debug;               /* KVM_GUESTDBG_*                    */
	u64 debug_dr[8];
	bool singlestep, one_insn;     /* x86_run_block runs just one       */
	bool new_task;                 /* by this instruction: RF is its    */
	bool counted;                  /* icount.h: ... one round of a loop */
	bool dr_armed;                 /* DR7 or guest_debug arms some DRn  */
	bool rmw_locked;               /* mem_rmw_lock is held            */
	bool slices;                   /* lives elsewhere: kvm/provider.h */
	u32 db_hits;                   /* DR6 bits the instruction earned   */

	/* --- CPUID as set by KVM_SET_CPUID2 --- */
	struct kvm_cpuid_entry2 cpuid[256];
	unsigned ncpuid;
	u64 phys_mask;                 /* legal physical address bits       */
	u64 cr4_allowed, efer_allowed, xcr0_allowed;
	struct x86_xcomp xcomp[XCOMPS];
	bool has_1g;                   /* 1 GiB pages                     */
	bool has_la57;
	u64 feats;                     /* by enum insn_feat: x86_update_feats */

	/* --- statistics; this thread writes, others may read torn-free --- */
	u64 n_insn, n_block, n_exception, n_interrupt, n_exit, n_tlb_miss,
	    n_tlb_flush, n_halt, n_walk, n_space, n_back;

	/* --- large; translated code reads them by displacement --- */
	struct soft_tlb tlb;
	struct x86_jump jump[TLB_MODES];
	struct tlb2 tlb2;
	struct x86_pkeys pkeys;
};

/* Canonical for an access or a jump now, by the paging mode. */
static inline bool x86_canonical(const struct x86_cpu *c, u64 la)
{
	unsigned up = c->cr4 & CR4_LA57 ? 7 : 16;

	return (u64)((s64)(la << up) >> up) == la;
}

/* Canonical as a base that is only kept (MSRs, descriptor tables, INVPCID): by
 * what the CPU can do, whatever mode it is in. */
static inline bool x86_canonical_base(const struct x86_cpu *c, u64 la)
{
	unsigned up = c->has_la57 ? 7 : 16;

	return (u64)((s64)(la << up) >> up) == la;
}

/* --- flags (x86/flags.c) --- */
u64  x86_rflags(struct x86_cpu *c);            /* materialise; all bits    */
void x86_set_rflags(struct x86_cpu *c, u64 v); /* as is, bit 1 forced      */

/* --- mode (x86/system.c) --- */
/* Recompute c->feats; call after every change of c->cpuid. */
void x86_update_feats(struct x86_cpu *c);
void x86_update_mode(struct x86_cpu *c);
void x86_cpu_reset(struct x86_cpu *c, bool init); /* power-on or INIT      */

/* --- leaving the current instruction; none returns (x86/exception.c) --- */
_Noreturn void x86_raise(struct x86_cpu *c, unsigned vec);
_Noreturn void x86_raise_err(struct x86_cpu *c, unsigned vec, u32 err);
_Noreturn void x86_raise_pf(struct x86_cpu *c, gva_t la, u32 err);
_Noreturn void x86_exit(struct x86_cpu *c, enum x86_leave why);
/* #DB with these DR6 bits; a fault (fetch breakpoint, DR7.GD) or a trap. */
_Noreturn void x86_raise_db(struct x86_cpu *c, u32 dr6, bool fault);
/* Non-canonical data address: #SS(0) for a stack reference, else #GP(0). */
_Noreturn void x86_raise_noncanonical(struct x86_cpu *c, gva_t la);

/*
 * Deliver c->exc or an external interrupt: real, V86, protected (16 and 32
 * bit gates, task gates) and long mode (IST).  May itself fault: contributory
 * faults make #DF, a fault in #DF makes LEAVE_SHUTDOWN.  Runs inside the
 * unwind scope armed by x86_exec.
 */
void x86_deliver(struct x86_cpu *c);
void x86_deliver_irq(struct x86_cpu *c, u8 vec);

/* Feature test against the CPUID set by the VMM: leaf, register 0-3 = eax.. */
bool x86_has(const struct x86_cpu *c, u32 leaf, u32 sub, unsigned reg,
	     unsigned bit);

#endif
