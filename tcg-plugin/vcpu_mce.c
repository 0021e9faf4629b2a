// SPDX-License-Identifier: MIT
/*
 * Machine checks from outside (SDM volume 3, chapter 16).
 *
 * Room:     KVM_X86_SETUP_MCE, KVM_X86_SET_MCE.
 * Never:    reports one by itself: no memory of ours fails.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"

enum { MCI_CTL, MCI_STATUS, MCI_ADDR, MCI_MISC };      /* of one bank */
#define MCI_STATUS_VAL  BIT64(63)
#define MCI_STATUS_OVER BIT64(62)
#define MCI_STATUS_UC   BIT64(61)
#define MCG_CTL_P       BIT64(8)
#define MCG_STATUS_MCIP BIT64(2)

int tcg_setup_mce(struct tcg_vcpu *v, u64 cap)
{
	struct x86_cpu *c = &v->cpu;
	const unsigned banks = cap & 0xff;

	if (!banks || banks > ARRAY_LEN(c->mce_banks) / 4 ||
	    cap & ~(TCG_MCE_CAP | 0xff))
		return -EINVAL;
	c->mcg_cap = cap;
	c->mcg_ctl = cap & MCG_CTL_P ? ~0ull : 0;
	for (unsigned i = 0; i < banks; i++)
		c->mce_banks[4 * i + MCI_CTL] = ~0ull;
	return 0;
}

static void record(u64 *bank, const struct kvm_x86_mce *m)
{
	bank[MCI_STATUS] = m->status | (bank[MCI_STATUS] & MCI_STATUS_VAL ?
					MCI_STATUS_OVER : 0);
	bank[MCI_ADDR] = m->addr;
	bank[MCI_MISC] = m->misc;
}

/* An uncorrected error: #MC, or the end. */
static int uncorrected(struct tcg_vcpu *v, u64 *bank,
		       const struct kvm_x86_mce *m)
{
	struct x86_cpu *c = &v->cpu;

	if ((c->mcg_cap & MCG_CTL_P && ~c->mcg_ctl) || ~bank[MCI_CTL])
		return 0;              /* the guest does not want to know */
	if (c->mcg_status & MCG_STATUS_MCIP || !(c->cr4 & CR4_MCE)) {
		v->triple_fault = true;
	} else {
		if (c->exc.pending)
			return -EBUSY;
		c->mcg_status = m->mcg_status;
		record(bank, m);
		memset(&c->exc, 0, sizeof(c->exc));
		c->exc.pending = true;
		c->exc.vec = EXC_MC;
	}
	if (c->mp_state == KVM_MP_STATE_HALTED)
		c->mp_state = KVM_MP_STATE_RUNNABLE;
	tcg_request(v, REQ_EVENT);
	return 0;
}

int tcg_set_mce(struct tcg_vcpu *v, const struct kvm_x86_mce *m)
{
	struct x86_cpu *c = &v->cpu;
	u64 *bank;

	if (m->bank >= (c->mcg_cap & 0xff) ||
	    m->bank >= ARRAY_LEN(c->mce_banks) / 4 ||
	    !(m->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = c->mce_banks + 4 * m->bank;
	if (m->status & MCI_STATUS_UC)
		return uncorrected(v, bank, m);
	if (bank[MCI_STATUS] & MCI_STATUS_VAL &&
	    bank[MCI_STATUS] & MCI_STATUS_UC)
		bank[MCI_STATUS] |= MCI_STATUS_OVER;   /* the worse stays */
	else
		record(bank, m);
	return 0;
}
