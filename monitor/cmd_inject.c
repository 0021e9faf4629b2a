/* SPDX-License-Identifier: MIT */
/*
 * Errors into the guest, dumps out of it, and its balloon.
 */
#include "monitor/disk.h"
#include "monitor/mon.h"

const struct mon_cmd mon_inject_cmds[] = {
	{
		.name    = "mce",
		.args    = "broadcast:-b cpu_index:int bank:int status:long "
			   "mcg_status:long addr:long misc:long",
		.params  = "[-b] cpu bank status mcgstatus addr misc",
		.help    = "inject a machine check",
		.doc     = "-b sends it to all CPUs.",
		.example = "mce 0 0 0xbd00000000000000 5 0x1234000 0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "machine checks",
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
		.name    = "dump-guest-memory",
		.args    = "paging:-p detach:-d windmp:-w zlib:-z lzo:-l "
			   "snappy:-s raw:-R filename:file begin:long? "
			   "length:long?",
		.params  = "[-p] [-d] [-z|-l|-s|-w] [-R] filename [begin "
			   "length]",
		.help    = "write a core file of the guest",
		.doc     = "ELF, or compressed for crash(8).",
		.example = "dump-guest-memory core.elf",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "core dumps",
	}, {
		.name    = "dumpdtb",
		.args    = "filename:file",
		.params  = "filename",
		.help    = "write the device tree",
		.doc     = "Write the device tree.",
		.example = "dumpdtb guest.dtb",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "device trees",
	},
	{ 0 }
};
