/* SPDX-License-Identifier: MIT */
/*
 * info stats: binary statistics (KVM API 4.133) of the kernel or the plugin, and
 * exits as mote counts them.
 *
 * The file is the provider's, but nothing in it is believed: sizes and offsets
 * are checked against what was read.
 *
 * Talks to: kvm's doors; vCPUs for their own descriptor.
 * Thread:   main loop.
 */
#include "monitor/stats.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 256 };

struct stats_file {
	struct kvm_stats_header head;
	u8 *data;
	size_t len;
};

/* --- the file --- */

static void vcpu_fd(struct vcpu *v, void *opaque)
{
	*(int *)opaque = kvm_vcpu_ioctl(&v->kvm, KVM_GET_STATS_FD, NULL);
}

static int read_file(int fd, struct stats_file *f)
{
	ssize_t n = -1;

	f->data = malloc(FILE_MAX);
	if (f->data)
		n = pread(fd, f->data, FILE_MAX, 0);
	close(fd);
	if (n < (ssize_t)sizeof(f->head))
		return -EIO;
	f->len = (size_t)n;
	memcpy(&f->head, f->data, sizeof(f->head));
	if (f->head.name_size > NAME_MAX_LEN || f->head.num_desc > 4096)
		return -EINVAL;
	return 0;
}

/* `len` bytes at `at`; NULL: not in the file. */
static const u8 *at(const struct stats_file *f, u64 off, u64 len)
{
	return off <= f->len && len <= f->len - off ? f->data + off : NULL;
}

/* --- one statistic --- */

const char *stat_type(const struct stat *s)
{
	static const char *const types[] = {
		"cumulative", "instant", "peak", "linear-histogram",
		"log2-histogram" };
	const unsigned type = s->flags & KVM_STATS_TYPE_MASK;

	return type < ARRAY_LEN(types) ? types[type] : "?";
}

const char *stat_unit(const struct stat *s)
{
	switch (s->flags & KVM_STATS_UNIT_MASK) {
	case KVM_STATS_UNIT_BYTES:   return "bytes";
	case KVM_STATS_UNIT_SECONDS: return "seconds";
	case KVM_STATS_UNIT_CYCLES:  return "cycles";
	case 4 << KVM_STATS_UNIT_SHIFT: return "boolean";
	default:                     return NULL;
	}
}

static bool wanted(const char *names, const char *name)
{
	const size_t n = strlen(name);

	if (!names || !strcmp(names, "*"))
		return true;
	for (const char *p = names; *p; p += strspn(p, ",")) {
		const size_t k = strcspn(p, ",");

		if (k == n && !memcmp(p, name, n))
			return true;
		p += k;
	}
	return false;
}

/* --- the provider's --- */

struct teller {
	const char *names;
	void (*fn)(const struct stat *s, void *opaque);
	void *opaque;
};

static void tell(const struct teller *t, const struct stat *s)
{
	if (wanted(t->names, s->name))
		t->fn(s, t->opaque);
}

static void tell_file(const struct stats_file *f, const struct teller *t)
{
	const u64 each = sizeof(struct kvm_stats_desc) + f->head.name_size;

	for (u32 i = f->head.num_desc; i-- > 0;) {
		const u8 *p = at(f, f->head.desc_offset + i * each, each);
		char name[NAME_MAX_LEN + 1] = "";
		struct kvm_stats_desc d;
		struct stat s;

		if (!p)
			return;
		memcpy(&d, p, sizeof(d));
		memcpy(name, p + sizeof(d), f->head.name_size);
		p = at(f, (u64)f->head.data_offset + d.offset, d.size * 8ull);
		if (!p || d.size > STATS_VALUES_MAX)
			continue;
		s = (struct stat){ .name = name, .flags = d.flags,
				   .exponent = d.exponent,
				   .bucket_size = d.bucket_size,
				   .n = d.size };
		memcpy(s.value, p, d.size * sizeof(u64));
		tell(t, &s);
	}
}

/* --- mote's --- */

static const struct { unsigned reason; const char *name; } exit_names[] = {
	{ KVM_EXIT_IO, "io_exits" }, { KVM_EXIT_MMIO, "mmio_exits" },
	{ KVM_EXIT_HLT, "halt_exits" }, { KVM_EXIT_INTR, "signal_exits" },
	{ KVM_EXIT_SHUTDOWN, "shutdown_exits" },
	{ KVM_EXIT_DEBUG, "debug_exits" },
	{ KVM_EXIT_INTERNAL_ERROR, "internal_error_exits" },
};

static void tell_exits(const struct vcpu *v, const struct teller *t)
{
	struct stat s = { .name = "exits", .n = 1 };

	for (unsigned i = 0; i < ARRAY_LEN(v->exits); i++)
		s.value[0] += v->exits[i];
	tell(t, &s);
	for (unsigned i = 0; i < ARRAY_LEN(exit_names); i++) {
		s.name = exit_names[i].name;
		s.value[0] = v->exits[exit_names[i].reason];
		tell(t, &s);
	}
	s.name = "called_away";
	s.value[0] = v->calls;
	tell(t, &s);
}

static bool runs_the_guest(const struct vm *vm, const char *source)
{
	return vm->provider && !strcmp(vm->provider->name, source);
}

/* The kernel answers for a vCPU when it is out of the guest; the plugin at any
 * time and to anybody. */
static int stats_fd(struct vm *vm, struct vcpu *v)
{
	int fd = -ENOTTY;

	if (kvm_vm_check(&vm->kvm, KVM_CAP_BINARY_STATS_FD) <= 0)
		return fd;
	if (!v)
		return kvm_vm_ioctl(&vm->kvm, KVM_GET_STATS_FD, NULL);
	if (runs_the_guest(vm, "tcg"))
		vcpu_fd(v, &fd);
	else
		vcpu_call(v, vcpu_fd, &fd);
	return fd;
}

static void tell_binary(struct vm *vm, struct vcpu *v, const struct teller *t)
{
	struct stats_file f = { .data = NULL };
	int fd = stats_fd(vm, v);

	if (fd >= 0 && read_file(fd, &f) >= 0)
		tell_file(&f, t);
	free(f.data);
}

/* --- whose --- */

const char *const stats_sources[] = { "kvm", "tcg", "mote", NULL };

bool stats_source_known(const char *source)
{
	for (unsigned i = 0; stats_sources[i]; i++)
		if (!strcmp(stats_sources[i], source))
			return true;
	return false;
}

bool stats_source_usual(struct vm *vm, const char *source)
{
	return strcmp(source, "mote") || !runs_the_guest(vm, "kvm") ||
	       kvm_vm_check(&vm->kvm, KVM_CAP_BINARY_STATS_FD) <= 0;
}

void stats_each(struct vm *vm, struct vcpu *v, const char *source,
		const char *names,
		void (*fn)(const struct stat *s, void *opaque), void *opaque)
{
	const struct teller t = { names, fn, opaque };

	if (runs_the_guest(vm, source))
		tell_binary(vm, v, &t);
	else if (v && !strcmp(source, "mote"))
		tell_exits(v, &t);
}

/* --- as text --- */

static void add_kind(struct strbuf *out, const struct stat *s)
{
	const char *unit = stat_unit(s);

	strbuf_addf(out, " (%s", stat_type(s));
	if (unit && !strcmp(unit, "seconds") && s->exponent == -9)
		strbuf_addstr(out, ", ns");
	else if (unit && s->exponent)
		strbuf_addf(out, ", * %d^%d %s",
			    (s->flags & KVM_STATS_BASE_MASK) ? 2 : 10,
			    s->exponent, unit);
	else if (unit)
		strbuf_addf(out, ", %s", unit);
	strbuf_addstr(out, "): ");
}

static void print_stat(const struct stat *s, void *opaque)
{
	const char *unit = stat_unit(s);
	struct strbuf *out = opaque;

	strbuf_addf(out, "    %s", s->name);
	add_kind(out, s);
	for (unsigned i = 0; i < s->n; i++) {
		const unsigned long long v = s->value[i];

		if (s->n > 1)
			strbuf_addf(out, "[%u]=%llu ", i + 1, v);
		else if (unit && !strcmp(unit, "boolean"))
			strbuf_addstr(out, v ? "yes" : "no");
		else
			strbuf_addf(out, "%llu", v);
	}
	strbuf_addc(out, '\n');
}

void stats_print(struct vm *vm, struct vcpu *v, const char *source,
		 const char *names, struct strbuf *out)
{
	for (unsigned i = 0; stats_sources[i]; i++) {
		const char *who = stats_sources[i];
		struct strbuf text = STRBUF_INIT;

		if (source ? !strcmp(source, who) : stats_source_usual(vm, who))
			stats_each(vm, v, who, names, print_stat, &text);
		if (text.len && !source)
			strbuf_addf(out, "provider: %s\n", who);
		strbuf_add(out, text.buf, text.len);
		strbuf_fini(&text);
	}
}
