/* SPDX-License-Identifier: MIT */
/*
 * QMP: what the machine is and does.
 *
 * Talks to: the VM's plain data; cmd and info functions for texts.
 * Never:    changes anything.
 */
#include "monitor/both.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "vmm/arch.h"
#include "vmm/base/strbuf.h"
#include "vmm/vcpu.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- who answers --- */

static void run_version(struct qmp_call *c)
{
	c->ret = json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "micro", 0,
			   "minor", 2, "major", 8, "package",
			   "mote " MOTE_VERSION);
}

static void run_commands(struct qmp_call *c)
{
	c->ret = json_array();
	for (const struct qmp_cmd *const *g = qmp_groups; *g; g++)
		for (const struct qmp_cmd *r = *g; r->name; r++)
			json_array_append_new(c->ret, json_pack("{s:s}",
						"name", r->name));
}

static void run_schema(struct qmp_call *c)
{
	c->ret = qmp_schema();
}

/* --- state and names --- */

static void run_status(struct qmp_call *c)
{
	const enum run_state s = vm_state(mon_vm(c->m));

	c->ret = json_pack("{s:s,s:b,s:b}", "status", run_state_name(s),
			   "singlestep", 0, "running", s == RUN_RUNNING);
}

static void run_name(struct qmp_call *c)
{
	const char *name = mon_vm(c->m)->config->name;

	c->ret = json_object();
	if (name)
		json_object_set_new(c->ret, "name",
				    qmp_text(name, strlen(name)));
}

static void run_uuid(struct qmp_call *c)
{
	const char *u = mon_vm(c->m)->config->uuid;
	char text[37] = "00000000-0000-0000-0000-000000000000";

	for (unsigned i = 0; u && u[i] && i < sizeof(text) - 1; i++)
		text[i] = (char)tolower((unsigned char)u[i]);
	c->ret = json_pack("{s:s}", "UUID", text);
}

static void run_kvm(struct qmp_call *c)
{
	const struct kvm_provider *p = mon_vm(c->m)->provider;

	c->ret = json_pack("{s:b,s:b}", "enabled",
			   p && !strcmp(p->name, "kvm"), "present", 1);
}

static void run_target(struct qmp_call *c)
{
	const struct arch *a = mon_vm(c->m)->arch;

	c->ret = json_pack("{s:s}", "arch", a ? a->name : "x86_64");
}

/* --- CPUs --- */

static json_t *cpu_props(const struct vm_config *f, unsigned i)
{
	const unsigned threads = f->threads ? f->threads : 1;
	const unsigned cores = f->cores ? f->cores : 1;

	return json_pack("{s:i,s:i,s:i}", "core-id", i / threads % cores,
			 "thread-id", i % threads, "socket-id",
			 i / threads / cores);
}

static void run_cpus(struct qmp_call *c)
{
	struct vm *vm = mon_vm(c->m);
	char path[64];

	c->ret = json_array();
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		json_array_append_new(c->ret, json_pack("{s:i,s:o,s:s,s:i,s:s}",
			"thread-id", (int)mon_thread_id(vm->vcpus[i]),
			"props", cpu_props(vm->config, i), "qom-path", path,
			"cpu-index", i, "target",
			vm->arch ? vm->arch->name : "x86_64"));
	}
}

/* The type of a CPU: its model as -cpu names it. */
static void cpu_type(struct vm *vm, char *buf, size_t size)
{
	const char *model = vm->config->cpu ? vm->config->cpu : "max";

	snprintf(buf, size, "%.*s-x86_64-cpu",
		 (int)MIN(strcspn(model, ","), (size_t)64), model);
}

static void run_hotpluggable(struct qmp_call *c)
{
	struct vm *vm = mon_vm(c->m);
	char path[64], type[96];

	cpu_type(vm, type, sizeof(type));
	c->ret = json_array();
	for (unsigned i = vm->nvcpus; i-- > 0;) {
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]", i);
		json_array_append_new(c->ret, json_pack("{s:o,s:i,s:s,s:s}",
			"props", cpu_props(vm->config, i), "vcpus-count", 1,
			"qom-path", path, "type", type));
	}
}

/* --- the machine --- */

static void run_current_machine(struct qmp_call *c)
{
	c->ret = json_pack("{s:b}", "wakeup-suspend-support",
			   mon_vm(c->m)->can_suspend);
}

static void run_memory_size(struct qmp_call *c)
{
	c->ret = json_pack("{s:I,s:i}", "base-memory",
			   (json_int_t)mon_vm(c->m)->config->ram_bytes,
			   "plugged-memory", 0);
}

static void run_empty_list(struct qmp_call *c)
{
	c->ret = json_array();
}

static void run_memdev(struct qmp_call *c)
{
	const u64 ram = mon_vm(c->m)->config->ram_bytes;

	c->ret = json_pack("[{s:s,s:I,s:b,s:b,s:b,s:b,s:b,s:[],s:s}]", "id",
			   "pc.ram", "size", (json_int_t)ram, "merge", 0,
			   "dump", 1, "prealloc", 0, "share", 1, "reserve", 1,
			   "host-nodes", "policy", "default");
}

static void run_sev(struct qmp_call *c)
{
	c->ret = json_pack("{s:b,s:i,s:i,s:i,s:i,s:s,s:i}", "enabled", 0,
			   "api-major", 0, "api-minor", 0, "build-id", 0,
			   "policy", 0, "state", "uninit", "handle", 0);
}

static void run_sgx(struct qmp_call *c)
{
	qmp_fail(c, QMP_GENERIC,
		 "No EPC regions defined, SGX not available");
}

static void run_generation_id(struct qmp_call *c)
{
	struct strbuf s = STRBUF_INIT;

	if (mon_generation_id(mon_vm(c->m), &s) < 0)
		qmp_fail(c, QMP_GENERIC, "VM Generation ID device not found");
	else
		c->ret = json_pack("{s:s}", "guid", s.buf);
	strbuf_fini(&s);
}

static void run_replay(struct qmp_call *c)
{
	c->ret = json_pack("{s:i,s:s}", "icount", 0, "mode", "none");
}

static void run_display(struct qmp_call *c)
{
	c->ret = json_pack("{s:s}", "type", "none");
}

static void run_vnc(struct qmp_call *c)
{
	c->ret = json_pack("{s:b}", "enabled", 0);
}

static void run_spice(struct qmp_call *c)
{
	c->ret = json_pack("{s:b,s:b,s:s}", "migrated", 0, "enabled", 0,
			   "mouse-mode", "client");
}

static void add_chardev_instance(const char *id, void *opaque)
{
	json_array_append_new(opaque, json_pack("{s:s,s:s}", "type", "chardev",
						"id", id));
}

static void run_query_yank(struct qmp_call *c)
{
	c->ret = json_array();
	chardev_for_each_socket(mon_vm(c->m)->chardevs, add_chardev_instance,
				c->ret);
}

/* All of them or none: those that do not exist are found first. */
static void run_yank(struct qmp_call *c)
{
	json_t *list = qmp_arg(c, "instances"), *v;
	size_t i;

	for (int really = 0; really < 2; really++)
		json_array_foreach(list, i, v) {
			const char *id = json_string_value(
				json_object_get(v, "id"));

			if (id && !chardev_cut(mon_vm(c->m)->chardevs, id,
					       really))
				continue;
			qmp_fail(c, QMP_DEVICE_NOT_FOUND, "Instance not found");
			return;
		}
}

/* --- texts of the other monitor --- */

static void run_text(struct qmp_call *c)
{
	struct strbuf out = STRBUF_INIT;
	unsigned cpu = 0;
	size_t n = 0;

	mon_run_line_for(c->m, c->cmd->info, &cpu, &out);
	for (size_t i = 0; i < out.len; i++)
		if (out.buf[i] != '\r')
			out.buf[n++] = out.buf[i];
	c->ret = json_object();
	json_object_set_new(c->ret, "human-readable-text",
			    qmp_text(out.buf, n));
	strbuf_fini(&out);
}

#define QUERY(n, r, w, f, d) { (n), "", (r), (d), (w), (f), NULL }
#define TEXT(n, i) { "x-query-" n, "", "HumanReadableText", \
	"What `" i "` prints.", MON_ANYTIME, run_text, i }

const struct qmp_cmd qmp_query_cmds[] = {
	QUERY("query-version", "VersionInfo", MON_PRE, run_version,
	      "The QEMU whose protocol this is; `package` names mote."),
	QUERY("query-commands", "[CommandInfo]", MON_PRE, run_commands,
	      "Every command there is."),
	QUERY("query-qmp-schema", "[SchemaInfo]", MON_PRE, run_schema,
	      "Commands, events and types, as data."),
	QUERY("query-status", "StatusInfo", MON_PRE, run_status,
	      "Whether the guest runs."),
	QUERY("query-name", "NameInfo", MON_PRE, run_name,
	      "The machine's name."),
	QUERY("query-uuid", "UuidInfo", MON_PRE, run_uuid,
	      "The machine's UUID."),
	QUERY("query-kvm", "KvmInfo", MON_ANYTIME, run_kvm,
	      "Whether /dev/kvm runs the guest."),
	QUERY("query-target", "TargetInfo", MON_PRE, run_target,
	      "The guest's architecture."),
	QUERY("query-cpus-fast", "[CpuInfoFast]", MON_ANYTIME, run_cpus,
	      "The CPUs and their threads."),
	QUERY("query-hotpluggable-cpus", "[HotpluggableCPU]", MON_ANYTIME,
	      run_hotpluggable, "CPU slots: all taken."),
	QUERY("query-current-machine", "CurrentMachineParams", MON_ANYTIME,
	      run_current_machine, "What this machine can do."),
	QUERY("query-memory-size-summary", "MemoryInfo", MON_ANYTIME,
	      run_memory_size, "How much RAM there is, in bytes."),
	QUERY("query-memdev", "[Memdev]", MON_ANYTIME, run_memdev,
	      "What RAM is made of."),
	QUERY("query-memory-devices", "[MemoryDeviceInfo]", MON_ANYTIME,
	      run_empty_list, "Plugged memory: none."),
	QUERY("query-acpi-ospm-status", "[AcpiTableOptions]", MON_ANYTIME,
	      run_empty_list, "What the guest's ACPI reported: nothing."),
	QUERY("query-tpm", "[TPMInfo]", MON_ANYTIME, run_empty_list,
	      "TPM devices: none."),
	QUERY("query-tpm-models", "[str]", MON_ANYTIME, run_empty_list,
	      "TPM models: none."),
	QUERY("query-tpm-types", "[str]", MON_ANYTIME, run_empty_list,
	      "TPM back ends: none."),
	QUERY("query-sev", "SevInfo", MON_ANYTIME, run_sev,
	      "Memory encryption: off."),
	QUERY("query-sgx", "any", MON_ANYTIME, run_sgx, "SGX: none."),
	QUERY("query-vm-generation-id", "any", MON_MAIN, run_generation_id,
	      "The VM generation id."),
	QUERY("query-replay", "ReplayInfo", MON_ANYTIME, run_replay,
	      "Recording and replay: none."),
	QUERY("query-display-options", "DisplayOptions", MON_ANYTIME,
	      run_display, "The display: none."),
	QUERY("query-vnc", "VncInfo", MON_ANYTIME, run_vnc, "VNC: none."),
	QUERY("query-spice", "SpiceInfo", MON_ANYTIME, run_spice,
	      "SPICE: none."),
	QUERY("query-yank", "[YankInstance]", MON_PRE | QMP_OOB,
	      run_query_yank, "Connections that could hang; works also while "
	      "other commands wait."),
	{ "yank", "instances:[YankInstance]", "", "Cut connections that hang; "
	  "works also while other commands wait.", MON_PRE | QMP_OOB, run_yank,
	  NULL },
	TEXT("irq", "info irq"),
	TEXT("jit", "info jit"),
	TEXT("numa", "info numa"),
	TEXT("opcount", "info opcount"),
	TEXT("ramblock", "info ramblock"),
	TEXT("roms", "info roms"),
	TEXT("usb", "info usb"),
	{ 0 }
};
