/* SPDX-License-Identifier: MIT */
/*
 * QMP: what a management program asks to learn what mote could be: machines,
 * CPU models and their features, options.
 *
 * Talks to: the tables of the command line, the guest's architecture.
 * Never:    changes anything; names what would be refused.
 */
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "vmm/arch.h"
#include "vmm/config.h"

#include <ctype.h>
#include <string.h>

/* --- machines -------------------------------------------------------------- */

static void run_machines(struct qmp_call *c)
{
	const char *name;

	c->ret = json_array();
	for (unsigned i = 0; (name = config_machine(i)); i++) {
		json_t *v = json_pack("{s:s,s:i,s:b,s:b,s:b,s:b,s:s,s:s}",
			"name", name, "cpu-max", 255,
			"hotpluggable-cpus", 0, "numa-mem-supported", 0,
			"deprecated", 0, "acpi", 1,
			"default-cpu-type", "max-x86_64-cpu",
			"default-ram-id", "pc.ram");

		if (!i)
			json_object_set_new(v, "is-default", json_true());
		json_array_append_new(c->ret, v);
	}
}

/* --- CPU models ------------------------------------------------------------ */

static void run_cpu_definitions(struct qmp_call *c)
{
	const struct arch *a = mon_vm(c->m)->arch;
	struct strbuf names = STRBUF_INIT;
	char *save = NULL, type[96];

	c->ret = json_array();
	if (!a || !a->list_cpus)
		return;
	a->list_cpus(&names);
	for (char *line = strtok_r(names.buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "x86 ", 4))
			continue;      /* a heading, or the features  */
		line += 4;
		line[strcspn(line, " \t:")] = '\0';
		snprintf(type, sizeof(type), "%.64s-x86_64-cpu", line);
		json_array_append_new(c->ret, json_pack(
			"{s:s,s:s,s:[],s:b,s:b,s:b}", "name", line,
			"typename", type, "unavailable-features", "static", 0,
			"migration-safe", 0, "deprecated", 0));
	}
	strbuf_fini(&names);
}

struct expansion {
	json_t *props;
	bool all;                      /* also what it has not             */
};

static void add_feature(const char *feature, bool on, void *opaque)
{
	struct expansion *x = opaque;

	if (on || x->all)
		json_object_set_new(x->props, feature, json_boolean(on));
}

/* "MODEL,feature=on,..." as -cpu takes it. */
static bool model_text(struct qmp_call *c, json_t *model, struct strbuf *out)
{
	json_t *props = json_object_get(model, "props"), *v;
	const char *key;

	strbuf_addstr(out, json_string_value(json_object_get(model, "name")));
	if (props && !json_is_object(props)) {
		qmp_fail(c, QMP_GENERIC, "Invalid parameter type for "
			 "'model.props', expected: object");
		return false;
	}
	json_object_foreach(props, key, v) {
		if (!json_is_boolean(v) || strpbrk(key, ",=")) {
			qmp_fail(c, QMP_GENERIC, "Invalid parameter type for "
				 "'model.props.%.64s', expected: boolean", key);
			return false;
		}
		strbuf_addf(out, ",%s=%s", key,
			    json_is_true(v) ? "on" : "off");
	}
	return true;
}

/*
 * static: by the model that has nothing ("base"), and what is added to it;
 * full: by the one that was asked for, and every feature there is.
 */
static void run_expansion(struct qmp_call *c)
{
	const bool full = !strcmp(qmp_str(c, "type"), "full");
	struct vm *vm = mon_vm(c->m);
	json_t *model = qmp_arg(c, "model");
	const char *name = json_string_value(json_object_get(model, "name"));
	struct expansion x = { json_object(), full };
	struct strbuf text = STRBUF_INIT;
	struct err e = { 0 };
	int rc;

	if (!vm->arch || !vm->arch->expand_cpu)
		qmp_fail(c, QMP_GENERIC, "There are no CPU models here");
	else if (strchr(name, ','))
		qmp_fail(c, QMP_GENERIC, "CPU definition '%.64s' not found",
			 name);
	else if (model_text(c, model, &text)) {
		rc = vm->arch->expand_cpu(vm, text.buf, add_feature, &x, &e);
		qmp_check(c, rc, &e);
	}
	if (!c->e.rc)
		c->ret = json_pack("{s:{s:s,s:O}}", "model", "name",
				   full ? name : "base", "props", x.props);
	json_decref(x.props);
	strbuf_fini(&text);
}

/* --- options --------------------------------------------------------------- */

static void add_parameter(json_t *list, const char *name, size_t len,
			  const char *type, const char *help)
{
	json_t *v = json_pack("{s:o,s:s}", "name", json_stringn(name, len),
			      "type", type);

	if (help)
		json_object_set_new(v, "help", json_string(help));
	json_array_append_new(list, v);
}

/* By the word that stands for the value. */
static const char *parameter_type(const char *value)
{
	static const struct { const char *word, *type; } types[] = {
		{ "on|off", "boolean" }, { "SIZE", "size" }, { "N", "number" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		const size_t n = strlen(types[i].word);

		if (!strncmp(value, types[i].word, n) &&
		    !isalnum((unsigned char)value[n]) && value[n] != '|')
			return types[i].type;
	}
	return "string";
}

/* Every "name=" of "[name=]N[,other=on|off][,prop=value...]"; "prop" stands for
 * what has a list elsewhere. */
static json_t *parameters(const char *syntax)
{
	json_t *list = json_array();
	const char *p = syntax;

	while (*p) {
		const char *name = p;

		while (isalnum((unsigned char)*p) || *p == '-' || *p == '_')
			p++;
		if (*p == '=' && p > name &&
		    (p - name != 4 || memcmp(name, "prop", 4)))
			add_parameter(list, name, p - name, parameter_type(
				p + 1 + (p[1] == ']')), NULL);
		if (*p)
			p++;
	}
	return list;
}

static void add_machine_props(json_t *list)
{
	const char *name, *help;

	for (unsigned i = 0; (name = config_machine_prop(i, &help)); i++)
		add_parameter(list, name, strlen(name), "boolean", help);
}

/* As with QEMU, only those that take name=value have an entry. */
static void run_options(struct qmp_call *c)
{
	const char *only = qmp_str(c, "option");
	struct config_option o;

	c->ret = json_array();
	for (unsigned i = 0; config_option(i, &o); i++) {
		json_t *list;

		if (!o.syntax || !strchr(o.syntax, '=') ||
		    (only && strcmp(o.name, only)))
			continue;
		list = parameters(o.syntax);
		if (!strcmp(o.name, "machine"))
			add_machine_props(list);
		json_array_append_new(c->ret, json_pack("{s:s,s:o}", "option",
					o.name, "parameters", list));
	}
	if (only && !json_array_size(c->ret))
		qmp_fail(c, QMP_GENERIC, "invalid option name: %.64s", only);
}

const struct qmp_cmd qmp_probe_cmds[] = {
	{ "query-machines", "", "[MachineInfo]",
	  "The machines -machine takes.", MON_PRE, run_machines, NULL },
	{ "query-cpu-definitions", "", "[CpuDefinitionInfo]",
	  "The models -cpu takes.", MON_ANYTIME, run_cpu_definitions, NULL },
	{ "query-cpu-model-expansion",
	  "type:CpuModelExpansionType model:CpuModelInfo",
	  "CpuModelExpansionInfo",
	  "The features a guest of this model would have here.", MON_MAIN,
	  run_expansion, NULL },
	{ "query-command-line-options", "option:str?",
	  "[CommandLineOptionInfo]",
	  "The options that take name=value, and the names.", MON_PRE,
	  run_options, NULL },
	{ 0 }
};
