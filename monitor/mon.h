/* SPDX-License-Identifier: MIT */
/*
 * A monitor, its commands and what a command may use: the monitor room's own
 * header.
 *
 * Invariants:
 *  1. A struct mon belongs to the monitor thread, but for the time one of its
 *     commands runs on the main loop (`busy`): then it belongs to that.
 *  2. A command writes only through mon_printf and friends.
 *  3. What changes the VM or opens a path runs on the main loop: rows with
 *     MON_MAIN wholly, others through mon_on_main.  The monitor thread never
 *     waits for a client and the main loop never waits for the monitor.
 *  4. Output a client does not take is bounded; a command that makes more is
 *     cut, and says so.
 */
#ifndef MOTE_MONITOR_MON_H
#define MOTE_MONITOR_MON_H

#include "monitor/readline.h"
#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/lock.h"
#include "vmm/base/strbuf.h"
#include "vmm/core/chardev.h"
#include "vmm/vm.h"

struct dirty_limit;
struct dirty_rate;
struct dump;
struct mon;
struct monitors;
struct qmp;
struct request;
struct vcpu;

enum {
	MON_ARGS_MAX   = 16,           /* words and arguments looked at    */
	MON_WORD_MAX   = 1023,         /* longer words are cut             */
	MON_OUT_MAX    = 64 << 20,     /* bytes of one command's output    */
};

/* --- one row per command --- */

enum mon_when {
	MON_ANYTIME = 0,               /* reads only; on the monitor thread */
	MON_MAIN    = BIT(0),          /* runs on the main loop             */
	MON_PRE     = BIT(1),          /* also before the machine is built  */
	MON_FOREIGN = BIT(2),          /* other guests' or builds': unknown here */
};

struct mon_fmt {                       /* /COUNT KIND SIZE */
	u32 count;
	char kind;                     /* x d u o c i */
	int size;                      /* 1 2 4 8, -1: none given with i */
};

struct mon_arg {
	bool given;
	u64 num;                       /* int long mib size onoff          */
	const char *str;               /* string file block rest options   */
	struct mon_fmt fmt;
};

/*
 * `args` is a list of NAME:KIND, a '?' behind the kind marks it optional:
 *   string file block   one word; file and block also drive completion
 *   rest                what is left of the line, as typed
 *   options             one word of key=value,...; may be missing
 *   int long mib        an expression: 32 bits, 64 bits, times 1 MiB
 *   dotint              an int behind a '.', optional
 *   size                a number with a suffix, MiB without
 *   onoff               on or off
 *   fmt                 /COUNT KIND SIZE
 *   -x  -x=             a flag; a flag with a word
 * Arguments reach run() in this order.
 */
struct mon_cmd {
	const char *name;              /* "cont|c"                         */
	const char *args;
	const char *params;            /* as help shows them               */
	const char *help;              /* one line                         */
	const char *doc;               /* a paragraph for the reference    */
	const char *example;
	unsigned when;                 /* MON_* */
	void (*run)(struct mon *m, const struct mon_arg *a);
	/* Offer words for argument `n` beginning with `typed`. NULL ok */
	void (*complete)(struct mon *m, unsigned n, const char *typed);
	const struct mon_cmd *const *sub;      /* groups of sub-commands   */
	const char *needs;             /* not supported yet: this is missing */
};

extern const struct mon_cmd *const mon_groups[];       /* ends with NULL */
extern const struct mon_cmd *const mon_info_groups[];

/* Row whose alias list holds `name`; NULL when none does. */
const struct mon_cmd *mon_find(const struct mon_cmd *const *groups,
			       const char *name, size_t len);
/* May it run now? Before the machine is built only rows with MON_PRE. */
bool mon_available(struct mon *m, const struct mon_cmd *c);
/* Every row that exists here, sorted by name as help lists them. The caller
 * frees the array. */
const struct mon_cmd **mon_sorted(const struct mon_cmd *const *groups,
				  unsigned *n);
/* run() of rows with `needs`. */
void mon_not_yet(struct mon *m, const struct mon_arg *a);

/* --- parsing (parse.c) --- */

struct mon_call {
	const struct mon_cmd *cmd;
	struct mon_arg arg[MON_ARGS_MAX];
	char *text[MON_ARGS_MAX];      /* owned copies behind arg[].str */
};

/* True when `call` is ready to run; else whatever was wrong is printed, or
 * the line was blank. */
bool mon_parse(struct mon *m, const char *line, struct mon_call *call);
void mon_call_fini(struct mon_call *call);

/* One word by the quoting rules; false: none, or not a word. */
bool mon_word(const char **pp, char *buf, size_t size);
/* Every word; false: more than MON_ARGS_MAX, or an open quote. */
bool mon_split(const char *line, char *words[MON_ARGS_MAX], unsigned *n);
void mon_split_free(char *words[MON_ARGS_MAX], unsigned n);

/* One declaration of an args string. */
struct mon_decl {
	char name[32], kind[12];
	bool optional, flag, value;    /* value: a flag with a word */
	char letter;
};
/* Read one and move on; false at the end. */
bool mon_decl_next(const char **args, struct mon_decl *d);

/* --- what a command may use --- */

void mon_printf(struct mon *m, const char *fmt, ...) PRINTF(2, 3);
void mon_puts(struct mon *m, const char *text);
void mon_write(struct mon *m, const char *p, size_t n);
/* "Error: sentence" and the hint. */
void mon_error(struct mon *m, const struct err *e);
/* Nobody reads on, or the VM is going: long loops ask and stop. */
bool mon_enough(struct mon *m);

struct vm *mon_vm(struct mon *m);
struct vcpu *mon_vcpu(struct mon *m);  /* current CPU; NULL: there is none */
/* Of its thread, which may be only just starting. */
pid_t mon_thread_id(struct vcpu *v);
/* Its registers, taken once per command; NULL: no CPU or no answer. */
const void *mon_regs(struct mon *m);
/* Registers of another CPU; caller frees. */
void *mon_regs_of(struct mon *m, struct vcpu *v);
/* What the provider says of itself, the caller's; NULL: nothing. */
char *mon_provider_report(struct mon *m, enum kvm_report which);
/* Run fn on the main loop and wait; false: the VM is going, fn did not run. */
bool mon_on_main(struct mon *m, void (*fn)(void *opaque), void *opaque);

/* Guest-physical bytes, devices included; unanswered ones are zero.  True when
 * every byte was answered. */
bool mon_read_phys(struct mon *m, gpa_t at, void *buf, size_t n);
/* Guest-virtual through the current CPU; false when any byte is unmapped. */
bool mon_read_virt(struct mon *m, gva_t at, void *buf, size_t n);
/* Open through the main loop: a descriptor, or -errno with a sentence. */
int  mon_open(struct mon *m, const char *path, int flags, int mode,
	      struct err *e);

/* Completion helpers: offer `word` if it begins with `typed`. */
void mon_offer(struct mon *m, const char *word, const char *typed);
void mon_offer_list(struct mon *m, const char *const *words,
		    const char *typed);        /* ends with NULL */
void mon_offer_files(struct mon *m, const char *typed);
void mon_offer_chardevs(struct mon *m, const char *typed, bool ringbufs);
void mon_complete(struct mon *m, const char *text);    /* complete.c */

/* By enum action_watchdog; ends with NULL. */
extern const char *const mon_watchdog_actions[];

/* cmd_log.c: complains when no trace point fits, or `vcpu` is given. */
bool mon_trace_known(struct mon *m, const char *name,
		     const struct mon_arg *vcpu);

/* Print `items`' table, as `log` with nothing it knows does. */
void mon_log_items(struct mon *m);

/* What happened to the client, and after how many bytes it had sent. */
enum { MON_MARKS = 16 };
struct mon_mark {
	u64 at;
	enum chardev_event ev;
};

/* --- a monitor (mon.c, thread.c) --- */

struct mon {
	struct monitors *mons;
	struct list node;
	struct readline *rl;           /* NULL: mon_run_line's, or QMP     */
	struct qmp *qmp;               /* NULL: a human's                  */
	struct strbuf out;             /* finished, CR LF                  */
	bool cut;                      /* this command made too much       */
	unsigned cpu;                  /* current CPU                      */
	void *regs;                    /* of the running command, or NULL  */
	const struct mon_call *call;   /* the running command              */
	void (*on_password)(struct mon *m, const char *password);

	/* The client; monitor thread but where said. */
	struct chardev_fe fe;
	struct lock in_lock;           /* guards in to poked               */
	struct strbuf in;              /* bytes not looked at yet          */
	u64 in_start;                  /* of in, counted in bytes          */
	struct mon_mark marks[MON_MARKS];      /* events among those bytes */
	unsigned nmarks;
	bool client;                   /* as the last event said           */
	bool poked;                    /* a visit is posted                */

	size_t out_pos;                /* of out, taken by the client      */
	bool open, unfocused, used;    /* as the monitor has seen it       */
	bool busy, finished;           /* main loop has it; prompt is due  */
	struct request *request;       /* while busy                       */
};

/* dump.c: the one there is, or was last. */
struct mon_dump {
	_Atomic int status;            /* enum dump_status                 */
	_Atomic u64 done, total;       /* bytes of memory                  */
	bool resume;                   /* [main loop] the guest ran before */
	struct dump *running;          /* detached. [monitor thread]       */
};

struct mon_input {                     /* input.c [main loop] */
	struct timer timer;            /* releases the keys */
	u8 held[16], nheld;
	u8 buttons;
};

struct mon_fd {                        /* kept by getfd */
	struct list node;
	char *name;
	int fd;
};

struct monitors {
	struct vm *vm;
	struct loop *loop;             /* NULL: no client, no thread       */
	pthread_t thread;
	bool started;                  /* the thread                       */
	struct list list;              /* struct mon                       */
	struct list fds;               /* struct mon_fd                    */
	bool has_qmp;                  /* somebody hears events            */
	struct vm_listener listener;   /* then: what becomes events        */
	struct lock lock;              /* guards fds, stopping, requests   */
	pthread_cond_t done;
	_Atomic bool stopping;
	/* The sticky /fmt is one for all monitors. */
	_Atomic char fmt_kind;
	_Atomic int fmt_size;
	struct mon_dump dump;
	struct mon_input input;
	struct dirty_rate *rate;       /* [main loop] NULL: never measured */
	struct dirty_limit *limit;     /* [main loop] NULL: never limited  */
};

/* A descriptor kept by getfd, the caller's from now on; -ENOENT. [any] */
int  mon_fd_take(struct monitors *s, const char *name);

void mon_init(struct mon *m, struct monitors *s);
void mon_fini(struct mon *m);
/* Parse and run here; output is in m->out. */
void mon_exec(struct mon *m, const char *line);
/* The same for somebody else's line; LF as CR LF. [monitor thread] */
void mon_run_line_for(struct mon *client, const char *line, unsigned *cpu,
		      struct strbuf *out);
void mon_run_call(struct mon *m, const struct mon_call *call);
void monitors_init(struct monitors *s, struct vm *vm);
void monitors_fini(struct monitors *s);

/* Have the monitor's thread look at it. [any] */
void mon_poke(struct mon *m);
/* thread.c: run a parsed call on the main loop and come back. */
void mon_go_to_main(struct mon *m, struct mon_call *call);

#endif
