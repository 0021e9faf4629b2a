/* SPDX-License-Identifier: MIT */
/*
 * -icount.  See icount.h.
 *
 * Room:     the option, and the guest's clock as the plugin keeps it.
 * Talks to: the provider's control "icount"; KVM_GET_CLOCK, whose host_tsc
 *           counts nanoseconds then.
 * Never:    counts itself.
 */
#include "vmm/icount.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/kvm/kvm.h"
#include "vmm/options_priv.h"

static int read_shift(struct vm_config *c, const char *shift, struct err *e)
{
	u64 n;

	if (!shift)
		return err_set(e, -EINVAL, "it needs shift=N or shift=auto");
	c->icount.automatic = !strcmp(shift, "auto");
	if (c->icount.automatic)
		return 0;
	if (opts_u64(shift, &n) < 0 || n > ICOUNT_MAX_SHIFT)
		return err_set(e, -EINVAL, "shift=%s: neither auto nor a number "
			       "from 0 to %d", shift, ICOUNT_MAX_SHIFT);
	c->icount.shift = (u8)n;
	return 0;
}

static int read_icount(struct vm_config *c, struct opts *o, struct err *e)
{
	const char *shift = opts_take(o, "shift");
	const char *rr = opts_take(o, "rr");
	bool align = false;
	int rc;

	c->icount.on = c->icount.sleep = true;
	if (rr || opts_take(o, "rrfile") || opts_take(o, "rrsnapshot"))
		return err_set(e, -ENOTSUP, "not supported yet: recording and "
			       "replaying");
	rc = opts_take_bool(o, "align", &align, e);
	if (rc >= 0 && align)
		rc = err_set(e, -ENOTSUP, "not supported yet: align=on");
	if (rc >= 0)
		rc = opts_take_bool(o, "sleep", &c->icount.sleep, e);
	if (rc >= 0)
		rc = read_shift(c, shift, e);
	if (rc >= 0 && c->icount.automatic && !c->icount.sleep)
		rc = err_set(e, -EINVAL, "shift=auto follows the host's clock, "
			     "sleep=off leaves it behind");
	return rc < 0 ? rc : opts_check_taken(o, e);
}

int option_icount(struct option_run *r, const char *arg, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, arg, "shift", e);

	if (rc < 0)
		return rc;
	rc = read_icount(r->c, &o, e);
	opts_fini(&o);
	return rc;
}

int icount_check(struct vm_config *c, struct err *e)
{
	if (!c->icount.on)
		return 0;
	if (!c->accel)
		config_set_str(&c->accel, "tcg");
	if (strcmp(c->accel, "tcg"))
		return err_set(e, -EINVAL, "-icount: -accel %s does not count "
			       "instructions, -accel tcg does", c->accel);
	if (c->cpus != 1 || c->max_cpus > 1)
		return err_set(e, -EINVAL, "-icount: one vCPU's instructions are "
			       "counted, -smp asks for more");
	if (c->rtc_clock != RTC_CLOCK_DEFAULT && c->rtc_clock != RTC_CLOCK_VM)
		return err_set(e, -EINVAL, "-icount: the real-time clock goes by "
			       "counted instructions, -rtc clock= asks for the "
			       "host's time");
	c->rtc_clock = RTC_CLOCK_VM;
	return 0;
}

static s64 counted_ns(void *opaque)
{
	struct kvm_clock_data d = { 0 };

	kvm_vm_ioctl(opaque, KVM_GET_CLOCK, &d);
	return (s64)d.host_tsc;
}

int icount_start(struct vm *vm, struct err *e)
{
	const struct vm_config *c = vm->config;
	const struct kvm_provider *p = vm->provider;
	u64 how = ICOUNT_ON | c->icount.shift |
		  (c->icount.automatic ? ICOUNT_AUTO : 0) |
		  (c->icount.sleep ? ICOUNT_SLEEP : 0);
	int rc;

	if (!c->icount.on)
		return 0;
	rc = p->control ? p->control(vm->kvm.fd, "icount", how) : -ENOTSUP;
	if (rc >= 0)
		rc = p->control(vm->kvm.fd, "icount-wall",
				(u64)clock_wall_ns(&vm->clock));
	if (rc < 0)
		return err_set(e, rc, "-icount: %s does not count: %m", p->name);
	clock_set_source(&vm->clock, counted_ns, &vm->kvm);
	return 0;
}
