/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the gdb server.
 *
 *   gdb.c        the device: bytes in and out, sessions
 *   command.c    one packet to its handler, replies; the packet table
 *   query.c      q and Q packets
 *   register.c   g G p P and the snapshot they work on
 *   memory.c     m M X, translation
 *   breakpoint.c z Z, planting and arming, what a stop was
 *   run.c        c s vCont k D R, stop replies, the VM's events
 *
 * Invariants:
 *  1. All of it belongs to the main loop but what `lock` guards, which vCPU
 *     threads read when they come out with KVM_EXIT_DEBUG.
 *  2. What vCPU threads read changes only with the lock held;
 *     the lock is never held across vcpu_call or vm_pause.
 *  3. Whoever stops being debugged is left as it was: no planted byte, no
 *     armed register, no held vCPU.
 */
#ifndef MOTE_GDB_GDB_PRIV_H
#define MOTE_GDB_GDB_PRIV_H

#include "vmm/arch.h"
#include "vmm/base/lock.h"
#include "vmm/gdb/gdb.h"
#include "vmm/gdb/packet.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

enum {
	GDB_BREAKS_MAX = 1024,
	GDB_OUT_HIGH   = 1 << 20,      /* no more packets are taken       */
	GDB_NO_BREAK   = 0xff,
};

/* A breakpoint instruction in memory. */
struct gdb_plant {
	bool planted;
	gpa_t gpa;
	u8 saved[4];                   /* what was there                  */
};

enum gdb_stop_kind { STOP_NONE, STOP_STEP, STOP_SOFT, STOP_HARD, STOP_WATCH };

struct gdb_cpu {
	bool step;
	u64 range_start, range_end;    /* step on while rip is inside     */
	enum gdb_stop_kind stop;       /* not told yet                    */
	enum break_kind watch_kind;
	gva_t watch_addr;
	struct kvm_guest_debug pushed; /* what its vCPU was told          */
};

struct gdb {
	struct vm *vm;
	const struct arch_debug *arch;
	struct vm_listener listener;
	struct chardev_fe fe;
	char *device;                  /* NULL: closed                    */

	/* the session */
	bool client, busy;             /* busy: inside a packet           */
	bool no_ack, ack_off;          /* ack_off: after this reply       */
	bool extended, swbreak, hwbreak;
	bool waiting;                  /* gdb wants a stop reply          */
	bool physical;                 /* qqemu.PhyMemMode                */
	bool can_block, block_irqs;    /* interrupts, while stepping      */
	bool no_reply;                 /* to the packet being handled     */
	bool ending;                   /* detached or killed              */
	s64 thread_g, thread_c;        /* gdb's ids: index + 1            */
	unsigned listed;               /* qsThreadInfo goes on here       */
	unsigned mon_cpu;              /* of `monitor` commands           */
	struct gdb_reader in;
	struct strbuf out;             /* frames the chardev did not take */
	size_t out_pos;
	struct strbuf last;            /* the last frame, for a NAK       */
	struct strbuf reply;           /* payload being written           */
	struct strbuf xml;             /* target.xml                      */

	void *regs;                    /* snapshot of vCPU regs_cpu       */
	unsigned regs_cpu;
	bool regs_ok;

	struct lock lock;              /* guards what follows             */
	struct arch_break *breaks;
	struct gdb_plant *plants;      /* one per break                   */
	unsigned nbreaks;
	struct kvm_guest_debug armed;  /* for all of them, without steps  */
	u8 owner[ARCH_BREAK_SLOTS];    /* slot to breaks[]                */
	struct gdb_cpu *cpu;           /* one per vCPU                    */
};

/* --- gdb.c --- */
void gdb_send(struct gdb *g, const void *payload, size_t n);
void gdb_send_text(struct gdb *g, const char *text);

/* --- command.c --- */
/* Handle one payload; what is in g->reply afterwards has been sent. */
void gdb_packet(struct gdb *g, const char *payload, size_t n);
void gdb_ok(struct gdb *g);
void gdb_error(struct gdb *g, int rc);         /* -errno */
/* The vCPU registers and memory are about. */
struct vcpu *gdb_vcpu(struct gdb *g);
/* gdb's thread id as a vCPU; NULL: there is none. */
struct vcpu *gdb_vcpu_of(struct gdb *g, s64 id);

/* args: behind the packet's name; n: bytes there, NUL-terminated. */
typedef void gdb_handler(struct gdb *g, const char *args, size_t n);
struct gdb_command {
	const char *name;
	gdb_handler *run;
};
/* The longest name that begins the text; false: nobody's. */
bool gdb_dispatch(struct gdb *g, const struct gdb_command *table,
		  const char *text, size_t n);

gdb_handler gdb_query, gdb_set;                        /* query.c */
gdb_handler gdb_read_regs, gdb_write_regs, gdb_read_reg, gdb_write_reg;
gdb_handler gdb_read_mem, gdb_write_hex, gdb_write_binary;
gdb_handler gdb_insert_break, gdb_remove_break;
gdb_handler gdb_cont, gdb_step, gdb_cont_signal, gdb_step_signal, gdb_vcont,
	    gdb_vcont_query, gdb_kill, gdb_vkill, gdb_detach, gdb_restart,
	    gdb_vrun, gdb_why;

/* --- register.c --- */
/* The current vCPU's; NULL: no answer. */
const void *gdb_regs(struct gdb *g);
void gdb_regs_forget(struct gdb *g);

/* --- memory.c --- */
/* Bytes read from `at` on, without planted breakpoints. */
size_t gdb_mem_read(struct gdb *g, u64 at, u8 *buf, size_t n);
int  gdb_mem_write(struct gdb *g, u64 at, const u8 *buf, size_t n);
int  gdb_mem_where(struct gdb *g, u64 at, gpa_t *pa);

/* --- breakpoint.c --- */
void gdb_breaks_clear(struct gdb *g);  /* and arm nobody */
/* Show [gpa, gpa+n) as it would be without planted ones. */
void gdb_breaks_hide(struct gdb *g, gpa_t gpa, u8 *buf, size_t n);
/* [gpa, gpa+n) is about to be written from buf: keep planted ones. */
void gdb_breaks_keep(struct gdb *g, gpa_t gpa, u8 *buf, size_t n);
/* Memory was loaded anew: what is no longer there was lost. */
void gdb_breaks_check(struct gdb *g);
/* Tell every provider what to stop at. */
void gdb_arm(struct gdb *g);
void gdb_arm_anew(struct gdb *g);      /* all, whatever was told before */
bool gdb_debug_exit(struct vcpu *v);   /* vm->debug_exit [vcpu] */

/* --- gdb.c --- */
/* Another provider runs the guest: what it can, and what it must know. */
void gdb_rearm(struct gdb *g);

/* --- run.c --- */
void gdb_vm_event(struct vm_listener *l, enum vm_event ev, int arg);
void gdb_release(struct gdb *g);       /* nobody is held, nobody steps */

#endif
