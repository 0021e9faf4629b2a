/* SPDX-License-Identifier: MIT */
/*
 * Choosing who runs the guest, and loading the plugin when it is the one.
 *
 * The default takes KVM where it is there and runs kernel code natively, else
 * the plugin.  Some hosts have a /dev/kvm that emulates ring 0 at a few
 * million instructions a second: calibrate.c tells them apart.
 *
 * Room:     policy and sentences; nothing of it runs after start-up.
 * Talks to: the kernel provider, dlopen, calibrate.c.
 * Never:    falls back when a provider was asked for by name.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/log.h"
#include "vmm/base/path.h"
#include "vmm/base/thread.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

#define PLUGIN_FILE "mote-tcg.so"

int kvm_provider_check(const struct kvm_provider *p, const char *path,
		       struct err *e)
{
	if (p->abi != KVM_PROVIDER_ABI)
		return err_set(e, -EPROTO, "%s: provider ABI %u, this program "
			       "needs %u: they are from different builds",
			       path, p->abi, KVM_PROVIDER_ABI);
	if (p->size < sizeof(*p))
		return err_set(e, -EPROTO, "%s: its provider table has %u "
			       "bytes, this program needs %zu: they are from "
			       "different builds", path, p->size, sizeof(*p));
	if (!p->name || !p->open || !p->ioctl || !p->close)
		return err_set(e, -EPROTO, "%s: its provider table lacks a "
			       "function every provider has", path);
	return 0;
}

static void tell_plugin(u32 mask, int fd, void *opaque)
{
	const struct kvm_provider *p = opaque;

	p->control(-1, "log-fd", (u64)(s64)fd);
	p->control(-1, "log", mask);
}

/* The plugin has copies of what is one a process: the log, how threads start. */
static void share_base(const struct kvm_provider *p)
{
	if (!p->control)
		return;
	log_watch(tell_plugin, (void *)(uintptr_t)p);
	p->control(-1, "thread-rules", (uintptr_t)thread_rules());
}

const struct kvm_provider *kvm_plugin_load_path(const char *path,
						struct err *e)
{
	const struct kvm_provider *p;
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!so) {
		err_set(e, -ENOEXEC, "cannot load the TCG plugin: %s",
			dlerror());
		return NULL;
	}
	p = dlsym(so, KVM_PROVIDER_SYMBOL);
	if (!p) {
		err_set(e, -ENOEXEC, "%s is not a mote plugin: it has no "
			"symbol " KVM_PROVIDER_SYMBOL, path);
		goto fail_so;
	}
	if (kvm_provider_check(p, path, e) < 0)
		goto fail_so;
	share_base(p);
	return p;                      /* stays loaded until exit */

fail_so:
	dlclose(so);
	return NULL;
}

const struct kvm_provider *kvm_plugin_load(struct err *e)
{
	char path[PATH_MAX];

	if (!path_own_file(PLUGIN_FILE, path, sizeof(path))) {
		err_set(e, -ENOENT, "the TCG plugin is missing: no "
			PLUGIN_FILE " beside the program, in ../lib/mote or "
			"in "
			MOTE_LIBDIR);
		return NULL;
	}
	return kvm_plugin_load_path(path, e);
}

int kvm_open_sentence(const struct kvm_provider *p, int rc, struct err *e)
{
	if (p != &kvm_kernel_provider)
		return err_set(e, rc, "accelerator %s does not start: %m",
			       p->name);
	switch (rc) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		err_set(e, rc, "there is no KVM on this host: /dev/kvm: %m");
		err_hint(e, "load the kvm module, or use -accel tcg");
		return rc;
	case -EACCES:
	case -EPERM:
		err_set(e, rc, "this user may not use KVM: /dev/kvm: %m");
		err_hint(e, "become a member of group kvm, or use -accel tcg");
		return rc;
	default:
		return err_set(e, rc, "cannot open /dev/kvm: %m");
	}
}

/* Open and look: would it do? */
static int provider_probe(const struct kvm_provider *p, struct err *e)
{
	int fd = p->open(), rc;

	if (fd < 0)
		return kvm_open_sentence(p, fd, e);
	rc = kvm_check_api(p, fd, e);
	p->close(fd);
	return rc;
}

static const struct kvm_provider *choose_default(char *why, size_t n,
						 struct err *e)
{
	const struct kvm_provider *p = &kvm_kernel_provider, *tcg;
	struct err kvm_err = { 0 }, tcg_err = { 0 };
	s64 rate = 0;

	if (!provider_probe(p, &kvm_err)) {
		rate = kvm_calibrate(p);
		if (rate >= KVM_NATIVE_RATE) {
			snprintf(why, n, "using KVM: it runs kernel code "
				 "natively");
			return p;
		}
		if (rate < 0)
			err_set(&kvm_err, (int)rate, "KVM cannot run a small "
				"test guest: %m");
		else
			err_set(&kvm_err, -ENOTSUP, "KVM here emulates kernel "
				"code, at %.1f million instructions a second",
				(double)rate / 1e6);
	}
	tcg = kvm_plugin_load(&tcg_err);
	if (tcg) {
		snprintf(why, n, "using TCG: %s", kvm_err.msg);
		return tcg;
	}
	if (rate > 0) {                /* slow beats nothing */
		snprintf(why, n, "using KVM although slow (%s): %s",
			 kvm_err.msg, tcg_err.msg);
		return p;
	}
	err_set(e, tcg_err.rc, "no accelerator: %s; %s", kvm_err.msg,
		tcg_err.msg);
	return NULL;
}

static const struct kvm_provider *choose_named(const char *name, size_t len,
					       struct err *e)
{
	if (len == 3 && !strncmp(name, "tcg", 3))
		return kvm_plugin_load(e);
	if (len == 3 && !strncmp(name, "kvm", 3)) {
		if (!name[len])        /* nothing after it: open will tell */
			return &kvm_kernel_provider;
		return provider_probe(&kvm_kernel_provider, e) < 0 ?
		       NULL : &kvm_kernel_provider;
	}
	err_set(e, -EINVAL, "invalid accelerator %.*s", (int)len, name);
	return NULL;
}

const struct kvm_provider *kvm_provider_choose(const char *accel, char *why,
					       size_t why_len, struct err *e)
{
	const struct kvm_provider *p;
	size_t n;

	why[0] = '\0';
	if (!accel)
		return choose_default(why, why_len, e);
	for (;; accel += n + 1) {      /* "kvm:tcg": the first that works */
		n = strcspn(accel, ":");
		p = choose_named(accel, n, e);
		if (p || !accel[n])
			break;
		snprintf(why, why_len, "%s", e ? e->msg : "");
	}
	return p;
}
