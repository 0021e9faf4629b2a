/* SPDX-License-Identifier: MIT */
/*
 * Errors into the guest, and its balloon.
 */
#include "arch/x86/mce.h"
#include "monitor/disk.h"
#include "monitor/mon.h"

#include <linux/kvm.h>

enum { MCE_BROADCAST, MCE_CPU, MCE_BANK, MCE_STATUS, MCE_MCG_STATUS, MCE_ADDR,
       MCE_MISC };

/* What the other CPUs are told of a broadcast: an uncorrected error in bank 1,
 * restartable, with no more to say. */
static const struct kvm_x86_mce mce_elsewhere = {
	.status = BIT64(63) | BIT64(61), .bank = 1,
	.mcg_status = BIT64(0) | BIT64(2),
};

static bool mce_one(struct mon *m, unsigned cpu, const struct kvm_x86_mce *mce)
{
	struct err e = { 0 };
	const int fate = x86_mce_inject(mon_vm(m)->vcpus[cpu], mce, &e);

	if (fate < 0)
		mon_printf(m, "%s\n", e.msg);
	else if (fate == X86_MCE_NOT_ENABLED)
		mon_printf(m, "CPU %u: MCE capability is not enabled, raising "
			   "triple fault", cpu);
	else if (fate == X86_MCE_IN_PROGRESS)
		mon_printf(m, "CPU %u: Previous MCE still in progress, "
			   "raising triple fault", cpu);
	return fate >= 0;
}

static void cmd_mce(struct mon *m, const struct mon_arg *a)
{
	const struct kvm_x86_mce mce = {
		.bank = (u8)MIN(a[MCE_BANK].num, 255ull),
		.status = a[MCE_STATUS].num,
		.mcg_status = a[MCE_MCG_STATUS].num,
		.addr = a[MCE_ADDR].num, .misc = a[MCE_MISC].num,
	};
	const unsigned n = mon_vm(m)->nvcpus;

	if (a[MCE_CPU].num >= n || !mce_one(m, a[MCE_CPU].num, &mce))
		return;
	for (unsigned i = 0; i < n && a[MCE_BROADCAST].given; i++)
		if (i != a[MCE_CPU].num)
			mce_one(m, i, &mce_elsewhere);
}

const struct mon_cmd mon_inject_cmds[] = {
	{
		.name    = "mce",
		.args    = "broadcast:-b cpu_index:int bank:int status:long "
			   "mcg_status:long addr:long misc:long",
		.params  = "[-b] cpu bank status mcgstatus addr misc",
		.help    = "inject a machine check",
		.doc     = "Into one of the CPU's ten banks; an uncorrected "
			   "error (bit 61 of STATUS) raises #MC, or a triple "
			   "fault where the guest has not enabled them. -b "
			   "tells all CPUs.",
		.example = "mce 0 0 0xbd00000000000000 5 0x1234000 0",
		.when    = MON_MAIN,
		.run     = cmd_mce,
	}, {
		.name    = "pcie_aer_inject_error",
		.args    = "advisory_non_fatal:-a correctable:-c id:string "
			   "error_status:string header0:int? header1:int? "
			   "header2:int? header3:int? prefix0:int? "
			   "prefix1:int? prefix2:int? prefix3:int?",
		.params  = "[-a] [-c] id <error_status> [<tlp header> [<tlp "
			   "header prefix>]]",
		.help    = "inject a PCIe error",
		.doc     = "By name or as a status word.",
		.example = "pcie_aer_inject_error nic0 BAD_TLP",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "PCIe error reporting",
	}, {
		.name    = "balloon",
		.args    = "value:mib",
		.params  = "target",
		.help    = "ask the guest to give memory back",
		.doc     = "The target size in MiB.",
		.example = "balloon 512",
		.when    = MON_MAIN,
		.run     = mon_balloon,
	}, {
		.name    = "balloon_hint",
		.args    = "",
		.params  = "",
		.help    = "ask the guest once which pages are free",
		.doc     = "The host gets them back. Mote's own; the balloon "
			   "needs free-page-hint=on.",
		.example = "balloon_hint",
		.when    = MON_MAIN,
		.run     = mon_balloon_hint,
	},
	{ 0 }
};
