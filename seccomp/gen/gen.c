/* SPDX-License-Identifier: MIT */
/*
 * Build-time program: policy.def -> BPF, by libseccomp.
 *
 * usage: gen > filters.h
 *        gen -d > seccomp.md
 *
 * Prints, for each role, two programs: one that refuses with EPERM what has no
 * row, and one that only has the kernel note it.  mote itself carries the
 * finished programs, so a start costs one system call a thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAIN = 1, VCPU = 2, IO = 4, MONITOR = 8, MIGRATION = 16, PLUGIN = 32,
       KEEPER = 64, ALL = 127 };

struct cond {
	int any;
	unsigned arg;
	enum scmp_compare op;
	unsigned long a, b;
};

struct row {
	int kill, roles;
	const char *role, *name, *condition, *reason;
	struct cond cond;
};

#define ANY             { .any = 1 }
#define EQ(n, v)        { .arg = (n), .op = SCMP_CMP_EQ, .a = (v) }
#define MASKED(n, m, v) { .arg = (n), .op = SCMP_CMP_MASKED_EQ, .a = (m), .b = (v) }
#define ALLOW(role, call, cond, reason) \
	{ 0, role, #role, #call, #cond, reason, cond },
#define KILL(role, call, cond, reason)  \
	{ 1, role, #role, #call, #cond, reason, cond },

static const struct row rows[] = {
#include "seccomp/policy.def"
};

static const struct { int bit; const char *name; } roles[] = {
	{ MAIN, "main" }, { VCPU, "vcpu" }, { IO, "io" },
	{ MONITOR, "monitor" }, { MIGRATION, "migration" },
	{ PLUGIN, "plugin" }, { KEEPER, "keeper" },
};

static int fail(const char *what, int rc)
{
	fprintf(stderr, "seccomp/gen: %s: %s\n", what, strerror(-rc));
	return rc;
}

static int add(scmp_filter_ctx ctx, const struct row *r)
{
	unsigned act = r->kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp cmp = { r->cond.arg, r->cond.op, r->cond.a,
				    r->cond.b };
	int nr = seccomp_syscall_resolve_name(r->name), rc;

	if (nr == __NR_SCMP_ERROR)
		return fail(r->name, -ENOSYS);
	rc = r->cond.any ? seccomp_rule_add_exact(ctx, act, nr, 0)
			 : seccomp_rule_add_exact_array(ctx, act, nr, 1, &cmp);
	if (rc < 0 && rc != -EEXIST)
		return fail(r->name, rc);
	return 0;
}

static int main_allows(const struct row *wanted)
{
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
		if (rows[n].roles & MAIN && !rows[n].kill &&
		    !strcmp(rows[n].name, wanted->name) &&
		    (rows[n].cond.any ||
		     !strcmp(rows[n].condition, wanted->condition)))
			return 1;
	return 0;
}

/* A thread made while the VM runs has the main loop's filter below its own. */
static int check_rows(void)
{
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
		if (!rows[n].kill && !main_allows(&rows[n])) {
			fprintf(stderr, "seccomp/gen: %s may %s, but MAIN, "
				"which makes such threads, may not\n",
				rows[n].role, rows[n].name);
			return -EINVAL;
		}
	return 0;
}

static int print_program(scmp_filter_ctx ctx, const char *role,
			  const char *mode)
{
	FILE *f = tmpfile();
	struct sock_filter i;
	int rc;

	if (!f)
		return fail("temporary file", -errno);
	rc = seccomp_export_bpf(ctx, fileno(f));
	if (rc < 0) {
		fclose(f);
		return fail("seccomp_export_bpf", rc);
	}
	rewind(f);
	printf("static const struct sock_filter filter_%s_%s[] = {\n", role,
	       mode);
	while (fread(&i, sizeof(i), 1, f) == 1)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", i.code, i.jt, i.jf,
		       i.k);
	printf("};\n");
	fclose(f);
	return 0;
}

static int one(unsigned role, const char *mode, unsigned act)
{
	scmp_filter_ctx ctx = seccomp_init(act);
	int rc = 0;

	if (!ctx)
		return fail("seccomp_init", -ENOMEM);
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]) && !rc; n++)
		if (rows[n].roles & roles[role].bit)
			rc = add(ctx, &rows[n]);
	if (!rc)
		rc = print_program(ctx, roles[role].name, mode);
	seccomp_release(ctx);
	return rc;
}

static void print_page(void)
{
	printf("# System calls by thread\n\n"
	       "Generated from `seccomp/policy.def` by `make docs-ref`. "
	       "What has no row is refused with EPERM.\n\n"
	       "| threads | call | condition | |\n|---|---|---|---|\n");
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
		printf("| %s | `%s` | %s | %s%s |\n", rows[n].role,
		       rows[n].name, rows[n].condition,
		       rows[n].kill ? "**ends the process**: " : "",
		       rows[n].reason);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "-d")) {
		print_page();
		return 0;
	}
	if (check_rows() < 0)
		return 1;
	printf("/* made by seccomp/gen from policy.def */\n");
	for (unsigned r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
		if (one(r, "on", SCMP_ACT_ERRNO(EPERM)) < 0 ||
		    one(r, "log", SCMP_ACT_LOG) < 0)
			return 1;
	}
	return 0;
}
