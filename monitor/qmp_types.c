/* SPDX-License-Identifier: MIT */
/*
 * The types QMP's commands and events speak of, one row each.
 *
 * Names are QEMU's, and so are members; what mote has none of is left out.
 */
#include "monitor/qmp.h"

#define STRUCT(n, m) { .name = (n), .members = (m) }
#define ENUM(n, v)   { .name = (n), .values = (v) }

const struct qmp_type qmp_types[] = {
	/* --- the protocol --- */
	ENUM("QMPCapability", "oob"),
	STRUCT("VersionTriple", "major:int minor:int micro:int"),
	STRUCT("VersionInfo", "qemu:VersionTriple package:str"),
	STRUCT("CommandInfo", "name:str"),
	STRUCT("HumanReadableText", "human-readable-text:str"),
	STRUCT("SchemaInfo", "name:str meta-type:str *"),

	/* --- run state --- */
	ENUM("RunState", "debug inmigrate internal-error io-error paused "
	     "postmigrate prelaunch finish-migrate restore-vm running save-vm "
	     "shutdown suspended watchdog guest-panicked colo preconfig"),
	STRUCT("StatusInfo", "running:bool singlestep:bool status:RunState"),
	ENUM("ShutdownCause", "none host-error host-qmp-quit "
	     "host-qmp-system-reset host-signal host-ui guest-shutdown "
	     "guest-reset guest-panic subsystem-reset snapshot-load"),
	ENUM("RebootAction", "reset shutdown"),
	ENUM("ShutdownAction", "poweroff pause"),
	ENUM("PanicAction", "pause shutdown exit-failure none"),
	ENUM("WatchdogAction", "reset shutdown poweroff pause debug none "
	     "inject-nmi"),
	ENUM("GuestPanicAction", "pause poweroff run"),

	/* --- the machine --- */
	STRUCT("NameInfo", "name:str?"),
	STRUCT("UuidInfo", "UUID:str"),
	STRUCT("KvmInfo", "enabled:bool present:bool"),
	ENUM("Accelerator", "kvm tcg"),
	ENUM("SysEmuTarget", "x86_64 aarch64"),
	STRUCT("TargetInfo", "arch:SysEmuTarget"),
	STRUCT("CpuInstanceProperties", "node-id:int? socket-id:int? "
	       "die-id:int? cluster-id:int? core-id:int? thread-id:int?"),
	STRUCT("CpuInfoFast", "cpu-index:int qom-path:str thread-id:int "
	       "props:CpuInstanceProperties? target:SysEmuTarget"),
	STRUCT("HotpluggableCPU", "type:str vcpus-count:int "
	       "props:CpuInstanceProperties qom-path:str?"),
	STRUCT("MachineInfo", "name:str alias:str? is-default:bool? "
	       "cpu-max:int hotpluggable-cpus:bool numa-mem-supported:bool "
	       "deprecated:bool default-cpu-type:str? default-ram-id:str? "
	       "acpi:bool"),
	STRUCT("CurrentMachineParams", "wakeup-suspend-support:bool"),
	STRUCT("CpuDefinitionInfo", "name:str migration-safe:bool? "
	       "static:bool unavailable-features:[str]? typename:str "
	       "deprecated:bool"),
	ENUM("CpuModelExpansionType", "static full"),
	STRUCT("CpuModelInfo", "name:str props:any?"),
	STRUCT("CpuModelExpansionInfo", "model:CpuModelInfo"),
	STRUCT("MemoryInfo", "base-memory:size plugged-memory:size?"),
	STRUCT("Memdev", "id:str? size:size merge:bool dump:bool "
	       "prealloc:bool share:bool reserve:bool? host-nodes:[int] "
	       "policy:str"),
	STRUCT("MemoryDeviceInfo", "type:str data:any"),
	STRUCT("IOThreadInfo", "id:str thread-id:int poll-max-ns:int "
	       "poll-grow:int poll-shrink:int aio-max-batch:int"),
	STRUCT("MouseInfo", "name:str index:int current:bool absolute:bool"),
	STRUCT("AcpiTableOptions", "*"),
	STRUCT("ObjectPropertyInfo", "name:str type:str description:str? "
	       "default-value:any?"),
	STRUCT("ObjectTypeInfo", "name:str abstract:bool? parent:str?"),
	STRUCT("CommandLineParameterInfo", "name:str type:str help:str? "
	       "default:str?"),
	STRUCT("CommandLineOptionInfo", "option:str "
	       "parameters:[CommandLineParameterInfo]"),
	STRUCT("PciMemoryRegion", "bar:int type:str address:int size:int "
	       "prefetch:bool? mem_type_64:bool?"),
	STRUCT("PciDeviceClass", "desc:str? class:int"),
	STRUCT("PciDeviceId", "device:int vendor:int subsystem:int? "
	       "subsystem-vendor:int?"),
	STRUCT("PciDeviceInfo", "bus:int slot:int function:int "
	       "class_info:PciDeviceClass id:PciDeviceId irq:int? "
	       "irq_pin:int qdev_id:str regions:[PciMemoryRegion]"),
	STRUCT("PciInfo", "bus:int devices:[PciDeviceInfo]"),
	STRUCT("SevInfo", "enabled:bool api-major:int api-minor:int "
	       "build-id:int policy:int state:str handle:int"),
	STRUCT("ReplayInfo", "mode:str icount:int"),
	STRUCT("DisplayOptions", "type:str *"),
	STRUCT("VncInfo", "enabled:bool *"),
	STRUCT("SpiceInfo", "enabled:bool migrated:bool mouse-mode:str *"),
	STRUCT("TPMInfo", "id:str *"),

	/* --- character devices and descriptors --- */
	STRUCT("ChardevInfo", "label:str filename:str frontend-open:bool"),
	STRUCT("ChardevBackendInfo", "name:str"),
	STRUCT("ChardevBackend", "type:str data:any?"),
	STRUCT("ChardevReturn", "pty:str?"),
	ENUM("DataFormat", "utf8 base64"),
	STRUCT("AddfdInfo", "fdset-id:int fd:int"),
	STRUCT("FdsetFdInfo", "fd:int opaque:str?"),
	STRUCT("FdsetInfo", "fdset-id:int fds:[FdsetFdInfo]"),
	ENUM("YankInstanceType", "block-node chardev migration"),
	STRUCT("YankInstance", "type:YankInstanceType id:str? node-name:str?"),

	/* --- disks --- */
	STRUCT("BlockdevCacheInfo", "writeback:bool direct:bool no-flush:bool"),
	STRUCT("ImageInfo", "filename:str format:str virtual-size:int "
	       "actual-size:int? *"),
	STRUCT("BlockDeviceInfo", "file:str node-name:str? ro:bool drv:str "
	       "backing_file_depth:int detect_zeroes:str bps:int bps_rd:int "
	       "bps_wr:int iops:int iops_rd:int iops_wr:int group:str? "
	       "cache:BlockdevCacheInfo write_threshold:int image:ImageInfo "
	       "*"),
	ENUM("BlockDeviceIoStatus", "ok failed nospace"),
	STRUCT("BlockInfo", "device:str qdev:str? type:str removable:bool "
	       "locked:bool inserted:BlockDeviceInfo? "
	       "io-status:BlockDeviceIoStatus?"),
	STRUCT("BlockDeviceStats", "rd_bytes:int wr_bytes:int unmap_bytes:int "
	       "rd_operations:int wr_operations:int flush_operations:int "
	       "unmap_operations:int rd_total_time_ns:int "
	       "wr_total_time_ns:int flush_total_time_ns:int "
	       "unmap_total_time_ns:int wr_highest_offset:int rd_merged:int "
	       "wr_merged:int unmap_merged:int idle_time_ns:int? "
	       "failed_rd_operations:int failed_wr_operations:int "
	       "failed_flush_operations:int failed_unmap_operations:int "
	       "invalid_rd_operations:int invalid_wr_operations:int "
	       "invalid_flush_operations:int invalid_unmap_operations:int "
	       "account_invalid:bool account_failed:bool timed_stats:[any]"),
	STRUCT("BlockStats", "device:str? node-name:str? qdev:str? "
	       "stats:BlockDeviceStats"),

	/* --- traces and statistics --- */
	ENUM("TraceEventState", "unavailable disabled enabled"),
	STRUCT("TraceEventInfo", "name:str state:TraceEventState vcpu:bool"),
	ENUM("StatsTarget", "vm vcpu cryptodev"),
	ENUM("StatsProvider", "kvm cryptodev tcg mote"),
	STRUCT("Stats", "name:str value:any"),
	STRUCT("StatsVCPUFilter", "vcpus:[str]?"),
	STRUCT("StatsRequest", "provider:StatsProvider names:[str]?"),
	STRUCT("StatsResult", "provider:StatsProvider qom-path:str? "
	       "stats:[Stats]"),
	STRUCT("StatsSchemaValue", "name:str type:str unit:str? base:int? "
	       "exponent:int bucket-size:int?"),
	STRUCT("StatsSchema", "provider:StatsProvider target:StatsTarget "
	       "stats:[StatsSchemaValue]"),

	/* --- the guest's memory and networks --- */
	ENUM("DumpGuestMemoryFormat", "elf kdump-zlib kdump-lzo kdump-snappy "
	     "kdump-raw-zlib kdump-raw-lzo kdump-raw-snappy win-dmp"),
	STRUCT("DumpGuestMemoryCapability",
	       "formats:[DumpGuestMemoryFormat]"),
	ENUM("DumpStatus", "none active completed failed"),
	STRUCT("DumpQueryResult", "status:DumpStatus completed:int total:int"),
	ENUM("TimeUnit", "second millisecond"),
	ENUM("DirtyRateStatus", "unstarted measuring measured"),
	ENUM("DirtyRateMeasureMode", "page-sampling dirty-ring dirty-bitmap"),
	STRUCT("DirtyRateInfo", "dirty-rate:int? status:DirtyRateStatus "
	       "start-time:int calc-time:int calc-time-unit:TimeUnit "
	       "sample-pages:int mode:DirtyRateMeasureMode "
	       "vcpu-dirty-rate:[DirtyRateVcpu]?"),
	STRUCT("DirtyRateVcpu", "id:int dirty-rate:int"),
	STRUCT("DirtyLimitInfo", "cpu-index:int limit-rate:int "
	       "current-rate:int"),
	STRUCT("BalloonInfo", "actual:int"),
	STRUCT("VirtioInfo", "path:str name:str"),
	STRUCT("VirtioDeviceFeatures", "transports:[str] dev-features:[str] "
	       "unknown-dev-features:int?"),
	STRUCT("VirtioDeviceStatus", "statuses:[str] unknown-statuses:int?"),
	STRUCT("VirtioStatus", "name:str device-id:int vhost-started:bool "
	       "device-endian:str guest-features:VirtioDeviceFeatures "
	       "host-features:VirtioDeviceFeatures "
	       "backend-features:VirtioDeviceFeatures num-vqs:int "
	       "status:VirtioDeviceStatus isr:int queue-sel:int "
	       "vm-running:bool broken:bool started:bool bus-name:str"),
	STRUCT("VirtQueueStatus", "name:str queue-index:int inuse:int "
	       "vring-num:int vring-num-default:int vring-align:int "
	       "vring-desc:int vring-avail:int vring-used:int "
	       "last-avail-idx:int? shadow-avail-idx:int? used-idx:int "
	       "signalled-used:int signalled-used-valid:bool"),
	STRUCT("VirtVhostQueueStatus", "name:str kick:int call:int desc:int "
	       "avail:int used:int num:int desc-phys:int desc-size:int "
	       "avail-phys:int avail-size:int used-phys:int used-size:int"),
	STRUCT("VirtioRingDesc", "addr:int len:int flags:[str]"),
	STRUCT("VirtioRingAvail", "flags:int idx:int ring:int"),
	STRUCT("VirtioRingUsed", "flags:int idx:int"),
	STRUCT("VirtioQueueElement", "name:str index:int "
	       "descs:[VirtioRingDesc] avail:VirtioRingAvail "
	       "used:VirtioRingUsed"),
	STRUCT("KeyValue", "type:str data:any"),
	STRUCT("InputEvent", "type:str data:any"),
	ENUM("RxState", "normal none all"),
	STRUCT("RxFilterInfo", "name:str promiscuous:bool multicast:RxState "
	       "unicast:RxState vlan:RxState broadcast-allowed:bool "
	       "multicast-overflow:bool unicast-overflow:bool main-mac:str "
	       "vlan-table:[int] unicast-table:[str] multicast-table:[str]"),
	{ 0 }
};
