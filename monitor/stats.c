/* SPDX-License-Identifier: MIT */
/*
 * info stats: the kernel's binary statistics (KVM API 4.133), and exits
 * counted by mote for a provider that has none.
 *
 * The file is the kernel's, but nothing in it is believed: sizes and offsets
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

enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 256, VALUES_MAX = 64 };

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

static const char *const types[] = { "cumulative", "instant", "peak",
				     "linear-histogram", "log2-histogram" };

static const char *unit_name(u32 flags)
{
	switch (flags & KVM_STATS_UNIT_MASK) {
	case KVM_STATS_UNIT_BYTES:   return "bytes";
	case KVM_STATS_UNIT_SECONDS: return "s";
	case KVM_STATS_UNIT_CYCLES:  return "cycles";
	case 4 << KVM_STATS_UNIT_SHIFT: return "boolean";
	default:                     return NULL;
	}
}

static void add_kind(struct strbuf *out, const struct kvm_stats_desc *d)
{
	const unsigned type = d->flags & KVM_STATS_TYPE_MASK;
	const char *unit = unit_name(d->flags);

	strbuf_addf(out, " (%s", type < ARRAY_LEN(types) ? types[type] : "?");
	if (unit && !strcmp(unit, "s") && d->exponent == -9)
		strbuf_addstr(out, ", ns");
	else if (unit && d->exponent)
		strbuf_addf(out, ", * %d^%d %s",
			    (d->flags & KVM_STATS_BASE_MASK) ? 2 : 10,
			    d->exponent, unit);
	else if (unit)
		strbuf_addf(out, ", %s", unit);
	strbuf_addstr(out, "): ");
}

static void add_values(struct strbuf *out, const struct kvm_stats_desc *d,
		       const u8 *p)
{
	const char *unit = unit_name(d->flags);
	u64 v;

	for (unsigned i = 0; i < d->size; i++) {
		memcpy(&v, p + i * sizeof(v), sizeof(v));
		if (d->size > 1)
			strbuf_addf(out, "[%u]=%llu ", i + 1,
				    (unsigned long long)v);
		else if (unit && !strcmp(unit, "boolean"))
			strbuf_addstr(out, v ? "yes" : "no");
		else
			strbuf_addf(out, "%llu", (unsigned long long)v);
	}
	strbuf_addc(out, '\n');
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

static void add_stats(const struct stats_file *f, const char *names,
		      struct strbuf *out)
{
	const u64 each = sizeof(struct kvm_stats_desc) + f->head.name_size;

	for (u32 i = f->head.num_desc; i-- > 0;) {
		const u8 *p = at(f, f->head.desc_offset + i * each, each);
		char name[NAME_MAX_LEN + 1] = "";
		struct kvm_stats_desc d;

		if (!p)
			return;
		memcpy(&d, p, sizeof(d));
		memcpy(name, p + sizeof(d), f->head.name_size);
		p = at(f, (u64)f->head.data_offset + d.offset, d.size * 8ull);
		if (!p || d.size > VALUES_MAX || !wanted(names, name))
			continue;
		strbuf_addf(out, "    %s", name);
		add_kind(out, &d);
		add_values(out, &d, p);
	}
}

/* --- without the kernel's --- */

static const struct { unsigned reason; const char *name; } exit_names[] = {
	{ KVM_EXIT_IO, "io_exits" }, { KVM_EXIT_MMIO, "mmio_exits" },
	{ KVM_EXIT_HLT, "halt_exits" }, { KVM_EXIT_INTR, "signal_exits" },
	{ KVM_EXIT_SHUTDOWN, "shutdown_exits" },
	{ KVM_EXIT_DEBUG, "debug_exits" },
	{ KVM_EXIT_INTERNAL_ERROR, "internal_error_exits" },
};

static void add_exits(const struct vcpu *v, const char *names,
		      struct strbuf *out)
{
	u64 all = 0;

	for (unsigned i = 0; i < ARRAY_LEN(v->exits); i++)
		all += v->exits[i];
	if (wanted(names, "exits"))
		strbuf_addf(out, "    exits (cumulative): %llu\n",
			    (unsigned long long)all);
	for (unsigned i = 0; i < ARRAY_LEN(exit_names); i++)
		if (wanted(names, exit_names[i].name))
			strbuf_addf(out, "    %s (cumulative): %llu\n",
				    exit_names[i].name, (unsigned long long)
				    v->exits[exit_names[i].reason]);
}

/* --- */

int stats_print(struct vm *vm, struct vcpu *v, const char *names, bool head,
		struct strbuf *out)
{
	struct stats_file f = { .data = NULL };
	struct strbuf text = STRBUF_INIT;
	int fd = -ENOTTY, rc;

	if (v)
		vcpu_call(v, vcpu_fd, &fd);
	else
		fd = kvm_vm_ioctl(&vm->kvm, KVM_GET_STATS_FD, NULL);
	rc = fd < 0 ? fd : read_file(fd, &f);
	if (rc >= 0)
		add_stats(&f, names, &text);
	else if (v)
		add_exits(v, names, &text);
	if (text.len && head)
		strbuf_addf(out, "provider: %s\n", rc >= 0 ? "kvm" : "mote");
	strbuf_add(out, text.buf, text.len);
	strbuf_fini(&text);
	free(f.data);
	return rc;
}
