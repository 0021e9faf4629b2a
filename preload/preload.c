/* SPDX-License-Identifier: MIT */
/*
 * mote-kvm-preload.so: /dev/kvm for programs that know nothing of mote.
 *
 * LD_PRELOADed, it gives a program that opens /dev/kvm the plugin's system
 * descriptor.  The plugin's descriptors are real ones, so reading, polling and
 * mapping them needs nothing from here; ioctl, close and dup are asked of the
 * plugin first, which knows which numbers are its own.
 *
 * Room:     the C library's names, and nothing behind them.
 * Talks to: the plugin's table (vmm/kvm/provider.h), the C library's own
 *           functions by dlsym(RTLD_NEXT).
 * Never:    allocates; touches a descriptor that is not the plugin's.
 *
 * Signals.  Programs kick a vCPU with a signal.  The plugin may be in translated
 * code then, where the stack pointer is the guest's: every handler is put on
 * the alternate stack, and after it has run, KVM_RUN is told to return.
 */
#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm/provider.h"

#define KVM_DEVICE  "/dev/kvm"
#define PLUGIN_FILE "mote-tcg.so"

/* The C library's. */
static int (*real_open)(const char *path, int flags, ...);
static int (*real_openat)(int dir, const char *path, int flags, ...);
static int (*real_ioctl)(int fd, unsigned long req, ...);
static int (*real_close)(int fd);
static int (*real_dup)(int fd);
static int (*real_dup2)(int fd, int to);
static int (*real_dup3)(int fd, int to, int flags);
static int (*real_fcntl)(int fd, int cmd, ...);
static int (*real_sigaction)(int sig, const struct sigaction *in,
			     struct sigaction *out);

static const struct kvm_provider *_Atomic plugin;      /* NULL: not needed yet */
static pthread_once_t found = PTHREAD_ONCE_INIT, loaded = PTHREAD_ONCE_INIT;
static __thread int running = -1;      /* the vCPU this thread runs */

static void find_real(void)
{
	real_open = dlsym(RTLD_NEXT, "open64");
	real_openat = dlsym(RTLD_NEXT, "openat64");
	real_ioctl = dlsym(RTLD_NEXT, "ioctl");
	real_close = dlsym(RTLD_NEXT, "close");
	real_dup = dlsym(RTLD_NEXT, "dup");
	real_dup2 = dlsym(RTLD_NEXT, "dup2");
	real_dup3 = dlsym(RTLD_NEXT, "dup3");
	real_fcntl = dlsym(RTLD_NEXT, "fcntl64");
	real_sigaction = dlsym(RTLD_NEXT, "sigaction");
}

static void find(void)
{
	pthread_once(&found, find_real);
}

/* --- the plugin ------------------------------------------------------------- */

/* Beside this library, or where mote is installed. */
static void *open_plugin(void)
{
	char path[PATH_MAX];
	Dl_info self;
	const char *slash;
	void *so = NULL;

	if (dladdr((void *)(uintptr_t)open_plugin, &self) && self.dli_fname) {
		slash = strrchr(self.dli_fname, '/');
		snprintf(path, sizeof(path), "%.*s" PLUGIN_FILE,
			 slash ? (int)(slash + 1 - self.dli_fname) : 0,
			 self.dli_fname);
		so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return so ? so : dlopen(MOTE_LIBDIR "/" PLUGIN_FILE,
				RTLD_NOW | RTLD_LOCAL);
}

static void load_plugin(void)
{
	const struct kvm_provider *p = NULL;
	void *so = open_plugin();

	if (so)
		p = dlsym(so, KVM_PROVIDER_SYMBOL);
	if (p && p->abi == KVM_PROVIDER_ABI && p->size >= sizeof(*p))
		atomic_store(&plugin, p);
	else
		dprintf(STDERR_FILENO, "mote-kvm-preload: no " PLUGIN_FILE
			" that fits: %s\n", so ? "it is from another build" :
			dlerror());
}

static int answer(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

static int open_kvm(int flags)
{
	const struct kvm_provider *p;
	int fd;

	pthread_once(&loaded, load_plugin);
	p = atomic_load(&plugin);
	fd = p ? p->open() : -ENOENT;
	if (fd >= 0 && !(flags & O_CLOEXEC))
		real_fcntl(fd, F_SETFD, 0);
	return answer(fd);
}

/* --- opening ---------------------------------------------------------------- */

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat(int dir, const char *path, int flags, ...);
int openat64(int dir, const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
	find();
	if (path && !strcmp(path, KVM_DEVICE))
		return open_kvm(flags);
	return dir == AT_FDCWD ? real_open(path, flags, mode) :
	       real_openat(dir, path, flags, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name, dir, ...) \
	int name(__VA_ARGS__, int flags, ...) \
	{ \
		va_list ap; \
		mode_t mode; \
 \
		va_start(ap, flags); \
		mode = mode_of(flags, ap); \
		va_end(ap); \
		return open_any(dir, path, flags, mode); \
	}
OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, dir, int dir, const char *path)
OPEN(openat64, dir, int dir, const char *path)

int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
	return open_any(dir, path, flags, 0);
}

int __openat64_2(int dir, const char *path, int flags)
{
	return open_any(dir, path, flags, 0);
}

/* --- using ------------------------------------------------------------------- */

enum { LEAF_FEATURES = 7, LEAF_XSAVE = 0xd, PKU = BIT(3), PKRU = 9 };

static struct kvm_cpuid_entry2 *entry(struct kvm_cpuid2 *d, u32 leaf, u32 sub)
{
	for (u32 i = 0; i < d->nent; i++)
		if (d->entries[i].function == leaf && d->entries[i].index == sub)
			return &d->entries[i];
	return NULL;
}

/*
 * Programs take the layout of XSAVE images from the host's CPUID (QEMU does), as
 * KVM's is the host's.  Protection keys, which the plugin has where the host has
 * none, have no place there: they are not offered.
 */
static void lay_out_as_host(struct kvm_cpuid2 *d)
{
	struct kvm_cpuid_entry2 *features = entry(d, LEAF_FEATURES, 0);
	struct kvm_cpuid_entry2 *all = entry(d, LEAF_XSAVE, 0);
	struct kvm_cpuid_entry2 *pkru = entry(d, LEAF_XSAVE, PKRU);
	u32 size, b, c, dx;

	if (!features || !all || !pkru ||
	    (__get_cpuid_count(LEAF_XSAVE, PKRU, &size, &b, &c, &dx) && size))
		return;
	features->ecx &= ~(u32)PKU;
	all->eax &= ~(u32)BIT(PKRU);
	if (all->ecx == pkru->ebx + pkru->eax)
		all->ecx = pkru->ebx;
	pkru->eax = pkru->ebx = pkru->ecx = pkru->edx = 0;
}

/* The plugin's -EBADF: not one of its descriptors. */
int ioctl(int fd, unsigned long req, ...)
{
	const struct kvm_provider *p = atomic_load(&plugin);
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	find();
	req = (u32)req;                /* an int, to many; and to the kernel */
	if (!p || _IOC_TYPE(req) != KVMIO)
		return real_ioctl(fd, req, arg);
	if (req == KVM_RUN)
		running = fd;
	rc = p->ioctl(fd, req, arg);
	running = -1;
	if (req == KVM_GET_SUPPORTED_CPUID && rc >= 0)
		lay_out_as_host(arg);
	return rc == -EBADF ? real_ioctl(fd, req, arg) : answer(rc);
}

int close(int fd)
{
	const struct kvm_provider *p = atomic_load(&plugin);
	int rc = p ? p->close(fd) : -EBADF;

	find();
	return rc == -EBADF ? real_close(fd) : answer(rc);
}

/* --- copies ------------------------------------------------------------------- */

/* `to` is a copy of `fd` now, perhaps over a descriptor of the plugin's. */
static int copied(int fd, int to)
{
	const struct kvm_provider *p = atomic_load(&plugin);

	if (p && to >= 0 && fd != to)
		p->control(fd, "copy", (u64)to);
	return to;
}

int dup(int fd)
{
	find();
	return copied(fd, real_dup(fd));
}

int dup2(int fd, int to)
{
	find();
	return copied(fd, real_dup2(fd, to));
}

int dup3(int fd, int to, int flags)
{
	find();
	return copied(fd, real_dup3(fd, to, flags));
}

int fcntl64(int fd, int cmd, ...);

static int fcntl_any(int fd, int cmd, void *arg)
{
	int rc;

	find();
	rc = real_fcntl(fd, cmd, arg);
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ? copied(fd, rc) : rc;
}

#define FCNTL(name) \
	int name(int fd, int cmd, ...) \
	{ \
		va_list ap; \
		void *arg; \
 \
		va_start(ap, cmd); \
		arg = va_arg(ap, void *); \
		va_end(ap); \
		return fcntl_any(fd, cmd, arg); \
	}
FCNTL(fcntl)
FCNTL(fcntl64)

/* --- signals ------------------------------------------------------------------- */

/* What the program asked for; read by handlers, written by sigaction. */
static struct sigaction asked[NSIG];

static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE ||
	       sig == SIGILL || sig == SIGTRAP;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	const struct kvm_provider *p = atomic_load(&plugin);
	const struct sigaction *a = &asked[sig];
	const int vcpu = running;

	if (a->sa_flags & SA_SIGINFO)
		a->sa_sigaction(sig, info, context);
	else
		a->sa_handler(sig);
	if (p && p->kick && vcpu >= 0)
		p->kick(vcpu);
}

int sigaction(int sig, const struct sigaction *in, struct sigaction *out)
{
	struct sigaction wrapped, was;
	int rc;

	find();
	if (sig < 1 || sig >= NSIG || is_fault(sig))
		return real_sigaction(sig, in, out);
	was = asked[sig];
	if (in)
		wrapped = *in;
	if (in && in->sa_handler != SIG_DFL && in->sa_handler != SIG_IGN) {
		asked[sig] = *in;
		wrapped.sa_flags |= SA_SIGINFO | SA_ONSTACK;
		wrapped.sa_sigaction = on_signal;
	}
	rc = real_sigaction(sig, in ? &wrapped : NULL, out);
	if (!rc && out && out->sa_sigaction == on_signal)
		*out = was;
	return rc;
}

sighandler_t signal(int sig, sighandler_t fn)
{
	struct sigaction a = { .sa_handler = fn, .sa_flags = SA_RESTART }, old;

	sigemptyset(&a.sa_mask);
	return sigaction(sig, &a, &old) < 0 ? SIG_ERR : old.sa_handler;
}
