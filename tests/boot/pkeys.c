/* SPDX-License-Identifier: MIT */
/*
 * The first process of a guest, for tests/boot/pkeys.t: what Linux makes of
 * memory protection keys, seen by a program (pkeys(7)).
 *
 * Each line "pkeys: ... ok" is one claim; the guest powers off at the end.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PKUERR = 4, PAGES = 64, SIZE = PAGES * 4096 };

static sigjmp_buf back;
static volatile int code, key_of;
static volatile unsigned in_handler, in_frame;

static unsigned rdpkru(void)
{
	unsigned a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void on_segv(int n, siginfo_t *i, void *u)
{
	(void)n;
	(void)u;
	code = i->si_code;
	key_of = (int)i->si_pkey;
	siglongjmp(back, 1);
}

/* Where PKRU lies in the frame's XSAVE image: CPUID 0xd. */
static void on_usr1(int n, siginfo_t *i, void *u)
{
	const ucontext_t *uc = u;
	unsigned a, b, c, d;

	(void)n;
	(void)i;
	in_handler = rdpkru();
	__cpuid_count(0xd, 9, a, b, c, d);
	memcpy((void *)&in_frame, (const char *)uc->uc_mcontext.fpregs + b, 4);
}

static void say(const char *what, int good)
{
	printf("pkeys: %s %s\n", what, good ? "ok" : "WRONG");
	fflush(stdout);
}

/* 0: it went through; else si_code. */
static int try(volatile char *p, int write)
{
	code = key_of = 0;
	if (sigsetjmp(back, 1))
		return code;
	if (write)
		*p = 7;
	else
		(void)*p;
	return 0;
}

static int denied(volatile char *p, int write, int key)
{
	return try(p, write) == PKUERR && key_of == key;
}

static void rights(char *p, int key)
{
	pkey_set(key, 0);
	say("open", !try(p, 0) && !try(p, 1));
	pkey_set(key, 2);
	say("writes denied", !try(p, 0) && denied(p, 1, key));
	pkey_set(key, 1);
	say("access denied", denied(p, 0, key) && denied(p, 1, key));
	say("on every page", denied(p + SIZE - 1, 0, key));
	pkey_set(key, 0);
	say("open again", !try(p, 0) && !try(p, 1));
}

/* The kernel's own copies fail as the program's accesses would. */
static void kernel(char *p, int key)
{
	int fd[2], good;

	if (pipe(fd) < 0)
		return;
	pkey_set(key, 1);
	good = write(fd[1], p, 1) < 0 && errno == EFAULT;
	pkey_set(key, 2);
	good &= write(fd[1], p, 1) == 1;
	good &= read(fd[0], p, 1) < 0 && errno == EFAULT;
	pkey_set(key, 0);
	good &= write(fd[1], p, 1) == 1 && read(fd[0], p, 1) == 1;
	say("system calls", good);
	close(fd[0]);
	close(fd[1]);
}

/* Fetches know no keys: Linux makes PROT_EXEC alone unreadable with one. */
static void execute(char *p, int key)
{
	int (*f)(void) = (int (*)(void))(void *)p;

	memcpy(p, "\xb8\x2a\0\0\0\xc3", 6);            /* mov $42, %eax; ret */
	pkey_mprotect(p, 4096, PROT_READ | PROT_EXEC, key);
	pkey_set(key, 1);
	say("fetches", f() == 42 && denied(p, 0, key) && f() == 42);
	mprotect(p, 4096, PROT_EXEC);
	say("execute only", f() == 42 && try(p, 0) == PKUERR);
	pkey_mprotect(p, 4096, PROT_READ | PROT_WRITE, key);
	pkey_set(key, 0);
}

static void signals(int key)
{
	pkey_set(key, 2);
	unsigned was = rdpkru();

	raise(SIGUSR1);
	say("signal frames", in_frame == was && in_handler == 0x55555554 &&
	    rdpkru() == was);
	pkey_set(key, 0);
}

/* Two processes with different rights to the same addresses, in turn. */
static int taking_turns(char *p, int key, unsigned mine)
{
	for (int n = 0; n < 2000; n++) {
		pkey_set(key, mine);
		sched_yield();
		if ((rdpkru() >> 2 * key & 3) != mine)
			return 0;
		if (mine ? !denied(p, 0, key) : try(p, 1))
			return 0;
	}
	return 1;
}

static void processes(char *p, int key)
{
	int status = -1, good;
	pid_t pid = fork();

	if (!pid)
		_exit(taking_turns(p, key, 1) ? 0 : 1);
	good = taking_turns(p, key, 0);
	waitpid(pid, &status, 0);
	say("processes", good && status == 0);
	pkey_set(key, 0);
}

/* What domains are for: open, write, close, many times, on many pages. */
static void domains(char *p, int key)
{
	int good = 1;

	for (int n = 0; n < 20000; n++) {
		volatile char *at = p + n % PAGES * 4096;

		pkey_set(key, 0);
		*at = (char)n;
		pkey_set(key, 2);
		good &= *at == (char)n;
		if (n % 1000 == 0)
			good &= denied(at, 1, key);
	}
	say("domains", good);
}

static int with_keys(int key)
{
	const struct sigaction segv = { .sa_sigaction = on_segv,
					.sa_flags = SA_SIGINFO | SA_NODEFER };
	const struct sigaction usr1 = { .sa_sigaction = on_usr1,
					.sa_flags = SA_SIGINFO };
	const int other = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	say("two keys", other > 0 && other != key &&
	    pkey_mprotect(p, SIZE, PROT_READ | PROT_WRITE, key) == 0);
	rights(p, key);
	kernel(p, key);
	signals(key);
	execute(p, key);
	processes(p, key);
	domains(p, key);
	pkey_mprotect(p, SIZE, PROT_READ | PROT_WRITE, other);
	say("another key", denied(p, 0, other));
	return 0;
}

/* Not in the first process: the kernel prints each of its faults. */
int main(void)
{
	const int key = pkey_alloc(0, 0);
	pid_t pid;

	if (key < 0)
		printf("pkeys: none here\n");
	fflush(stdout);
	pid = key < 0 ? 0 : fork();
	if (key >= 0 && !pid)
		_exit(with_keys(key));
	while (pid > 0 && wait(NULL) != pid)
		;
	printf("pkeys: done\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 0;
}
