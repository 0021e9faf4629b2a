// SPDX-License-Identifier: MIT
/*
 * The oracle: cases run by the host CPU in a child that may do nothing else.
 *
 * Every case is entered by returning from a signal handler with its registers
 * in the signal frame, and left by INT3 or a fault, whose handler saves the
 * frame as the result and fills in the next case.  So a case costs one signal
 * and one sigreturn, and any register can have any value.
 *
 * The child has the code page, the data pages and the shared batch; its seccomp
 * filter allows reading a command, writing an answer and sigreturn.  The
 * parent kills and restarts a child that hangs or dies.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <asm/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/insn/insn_test.h"

struct batch {
	u32 n;
	_Atomic u32 at;                /* the case being run              */
	struct insn_case k[BATCH];
};

static struct {                        /* one oracle per process          */
	pid_t pid;
	int to, from;
	struct batch *batch;
	u8 *code;                      /* writable view of the code page  */
	int code_fd;
} o = { .to = -1, .from = -1, .code_fd = -1 };

/* --- in the child ---------------------------------------------------------- */

static ucontext_t home;                /* where the batch was started     */
static u8 home_fp[4096] __attribute__((aligned(64)));
static bool inside;

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

enum { YMMH_AT = 576, FRAME_FP = 832 };  /* of the signal frame's image */

static unsigned frame_len(void)
{
	return host_has_avx() ? FRAME_FP : 512 + 64;
}

static void enter(ucontext_t *uc, const struct insn_case *k)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u8 *fp = (u8 *)uc->uc_mcontext.fpregs;
	u64 bv = host_has_avx() ? 7 : 3;

	for (unsigned n = 0; n < 16; n++)
		g[greg_of[n]] = (greg_t)k->in.r[n];
	g[REG_RIP] = (greg_t)k->in.rip;
	g[REG_EFL] = (greg_t)k->in.rflags;
	g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) |
			(k->bits == 32 ? 0x23 : 0x33);
	memcpy(fp, &k->in.fx, sizeof(k->in.fx));
	memcpy(fp + 512, &bv, 8);      /* these from here, rest initial */
	if (host_has_avx())
		memcpy(fp + YMMH_AT, k->in.ymmh, sizeof(k->in.ymmh));
	memset(o.code + 0x700, 0xcc, 0x300);
	memcpy(o.code + (CODE_AT - CODE_PAGE), k->code, k->len);
	memcpy((void *)(uintptr_t)DATA_AT, k->in.mem, DATA_LEN);
}

static void leave(const ucontext_t *uc, struct insn_case *k)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	const u8 *fp = (const u8 *)uc->uc_mcontext.fpregs;
	struct insn_state *s = &k->out;
	u64 bv;

	for (unsigned n = 0; n < 16; n++)
		s->r[n] = (u64)g[greg_of[n]];
	s->rip = (u64)g[REG_RIP];
	s->rflags = (u64)g[REG_EFL];
	s->cr2 = (u64)g[REG_CR2];
	s->err = (u32)g[REG_ERR];
	s->vec = (u32)g[REG_TRAPNO];
	if (s->vec == EXC_BP) {
		s->vec = NO_VEC;
		s->rip--;
	}
	memcpy(&s->fx, fp, sizeof(s->fx));
	memcpy(&bv, fp + 512, 8);
	memset(s->ymmh, 0, sizeof(s->ymmh));
	if (bv & 4)
		memcpy(s->ymmh, fp + YMMH_AT, sizeof(s->ymmh));
	memcpy(s->mem, (void *)(uintptr_t)DATA_AT, DATA_LEN);
	k->done = 1;
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	(void)si;
	if (!inside) {                 /* our own INT3: keep the way back */
		memcpy(&home, uc, sizeof(home));
		memcpy(home_fp, uc->uc_mcontext.fpregs, frame_len());
		inside = true;
	} else {
		leave(uc, &o.batch->k[o.batch->at]);
		o.batch->at++;
	}
	if (o.batch->at < o.batch->n) {
		enter(uc, &o.batch->k[o.batch->at]);
		return;
	}
	memcpy(uc->uc_mcontext.gregs, home.uc_mcontext.gregs,
	       sizeof(home.uc_mcontext.gregs));
	memcpy(uc->uc_mcontext.fpregs, home_fp, frame_len());
	inside = false;
}

static void close_sandbox(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { .len = ARRAY_LEN(f), .filter = f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		_exit(3);
}

static void catch_signals(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_size = 256 * KiB };

	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&ss, NULL);
	for (unsigned n = 0; n < ARRAY_LEN(sigs); n++)
		sigaction(sigs[n], &sa, NULL);
}

static _Noreturn void child(int in, int out)
{
	char cmd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mmap((void *)(uintptr_t)CODE_PAGE, PAGE_SIZE, PROT_READ | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED, o.code_fd, 0) == MAP_FAILED ||
	    mmap((void *)(uintptr_t)DATA_AT, DATA_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(2);
	memset(o.code, 0xcc, PAGE_SIZE);
	/* 64-bit processes may have null DS and ES; 32-bit cases need them */
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" :: "r"(0x2b));
	syscall(SYS_arch_prctl, ARCH_SET_GS, (u64)GS_BASE);
	catch_signals();
	close_sandbox();
	while (read(in, &cmd, 1) == 1) {
		inside = false;
		__asm__ volatile("int3" ::: "memory");
		if (write(out, &cmd, 1) != 1)
			break;
	}
	_exit(0);
}

/* --- in the parent --------------------------------------------------------- */

static int spawn(void)
{
	int to[2], from[2];

	if (pipe(to) < 0)
		return -errno;
	if (pipe(from) < 0) {
		close(to[0]);
		close(to[1]);
		return -errno;
	}
	fflush(NULL);
	o.pid = fork();
	if (o.pid == 0)
		child(to[0], from[1]);
	close(to[0]);
	close(from[1]);
	o.to = to[1];
	o.from = from[0];
	return o.pid < 0 ? -errno : 0;
}

void native_stop(void)
{
	if (o.pid > 0) {
		kill(o.pid, SIGKILL);
		waitpid(o.pid, NULL, 0);
	}
	if (o.to >= 0) {
		close(o.to);
		close(o.from);
	}
	o.pid = 0;
	o.to = o.from = -1;
}

int native_start(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!o.batch) {
		o.batch = mmap(NULL, sizeof(*o.batch), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		o.code_fd = memfd_create("insn-code", MFD_CLOEXEC);
		if (o.batch == MAP_FAILED || o.code_fd < 0 ||
		    ftruncate(o.code_fd, PAGE_SIZE) < 0)
			return -errno;
		o.code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED, o.code_fd, 0);
		if (o.code == MAP_FAILED)
			return -errno;
	}
	return spawn();
}

/* One go at what is left of the batch; false: the child is gone. */
static bool ask(void)
{
	struct pollfd p = { .fd = o.from, .events = POLLIN };
	char c = 'x';

	return write(o.to, &c, 1) == 1 && poll(&p, 1, 3000) == 1 &&
	       read(o.from, &c, 1) == 1;
}

int native_run(struct insn_case *k, unsigned n)
{
	struct batch *b = o.batch;

	memcpy(b->k, k, n * sizeof(*k));
	b->n = n;
	b->at = 0;
	while (b->at < n) {
		if (ask())
			break;
		native_stop();         /* hung or died in case `at`: skip it */
		b->at++;
		if (native_start() < 0)
			return -EIO;
	}
	memcpy(k, b->k, n * sizeof(*k));
	return 0;
}
