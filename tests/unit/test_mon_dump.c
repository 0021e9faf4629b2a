/* SPDX-License-Identifier: MIT */
/* Unit test: dump-guest-memory and calc_dirty_rate over the fake machine. */
#include "tests/unit/qmp_fake.h"

#include <elf.h>
#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "monitor/dirty_rate.h"
#include "monitor/dump.h"
#include "vmm/core/loop.h"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static u8 *slurp(const char *name, size_t *n)
{
	FILE *f = fopen(path_of(name), "rb");
	struct stat st;
	u8 *p;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	assert_int_equal(fread(p, 1, *n, f), *n);
	fclose(f);
	return p;
}

static const char *dump(struct qmp_fake *q, const char *flags,
			const char *name, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), "dump-guest-memory %s %s %s", flags,
		 path_of(name), rest);
	return said(&q->f, line);
}

/* The segment that holds guest-physical `at`; vaddr -1: any. */
static const Elf64_Phdr *segment(const u8 *file, u64 at, u64 vaddr)
{
	const Elf64_Ehdr *h = (const void *)file;
	const Elf64_Phdr *p = (const void *)(file + h->e_phoff);

	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_paddr <= at &&
		    at < p[i].p_paddr + p[i].p_filesz &&
		    (vaddr == ~0ull || p[i].p_vaddr == vaddr))
			return &p[i];
	return NULL;
}

static void a_core_holds_memory_and_registers(void **state)
{
	struct qmp_fake q;
	const Elf64_Phdr *p;
	const Elf64_Ehdr *h;
	const u8 *note;
	size_t n;
	u8 *file;

	(void)state;
	qmp_fake_init(&q, false);
	fake_long_mode();
	fake_regs.gp.rip = 0xffffffff81000000ull;
	gmem_write(q.f.vm.gmem, 0x12345, "hello", 5);
	assert_string_equal(dump(&q, "", "core", ""), "");
	assert_says(&q.f, "info dump", "Status: completed\n");
	file = slurp("core", &n);
	h = (const void *)file;
	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_machine, EM_X86_64);
	assert_int_equal(h->e_type, ET_CORE);
	p = segment(file, 0x12345, 0);
	assert_non_null(p);
	assert_true(p->p_offset + p->p_filesz <= n);
	assert_memory_equal(file + p->p_offset + 0x12345 - p->p_paddr,
			    "hello", 5);
	p = (const void *)(file + h->e_phoff);
	assert_int_equal(p->p_type, PT_NOTE);
	note = file + p->p_offset;
	assert_int_equal(((const Elf64_Nhdr *)note)->n_type, NT_PRSTATUS);
	assert_string_equal((const char *)note + sizeof(Elf64_Nhdr), "CORE");
	/* pr_reg[16] is rip */
	assert_memory_equal(note + sizeof(Elf64_Nhdr) + 8 + 112 + 16 * 8,
			    &fake_regs.gp.rip, 8);
	free(file);
	qmp_fake_fini(&q);
}

static void a_range_is_clipped_and_a_hole_is_no_memory(void **state)
{
	struct qmp_fake q;
	const Elf64_Phdr *p;
	size_t n;
	u8 *file;

	(void)state;
	qmp_fake_init(&q, false);
	fake_long_mode();
	gmem_write(q.f.vm.gmem, 0x2000, "two", 3);
	assert_string_equal(dump(&q, "", "range", "0x2000 0x800"), "");
	file = slurp("range", &n);
	p = segment(file, 0x2000, 0);
	assert_int_equal(p->p_paddr, 0x2000);
	assert_int_equal(p->p_filesz, 0x800);
	assert_memory_equal(file + p->p_offset, "two", 3);
	assert_null(segment(file, 0x2800, ~0ull));
	free(file);
	assert_string_equal(dump(&q, "", "hole", "0x10000000 4096"),
			    "Error: dump: no guest memory to dump\n");
	assert_says(&q.f, "info dump", "Status: failed\n");
	assert_string_equal(dump(&q, "", "none", "0 0"),
			    "Error: Invalid parameter 'length'\n");
	assert_string_equal(dump(&q, "", "none", "0"),
			    "Error: Parameter 'length' is missing\n");
	assert_string_equal(dump(&q, "-z", "none", "0 4096"),
		"Error: kdump-compressed format doesn't support paging or "
		"filter\n");
	assert_string_equal(dump(&q, "-z -l", "none", ""),
		"Error: only one of '-z|-l|-s|-w' can be set\n");
	qmp_fake_fini(&q);
}

static void put_table(struct qmp_fake *q, gpa_t at, u64 entry)
{
	gmem_write(q->f.vm.gmem, at, &entry, sizeof(entry));
}

static void paging_adds_what_the_page_tables_map(void **state)
{
	struct qmp_fake q;
	const Elf64_Phdr *p;
	size_t n;
	u8 *file;

	(void)state;
	qmp_fake_init(&q, false);
	fake_long_mode();
	fake_regs.s.cr3 = 0x1000;
	put_table(&q, 0x1000 + 8 * 511, 0x2003);       /* top of space */
	put_table(&q, 0x2000 + 8 * 510, 0x3003);
	put_table(&q, 0x3000, 0x200000 | 0x83);        /* 2 MiB page */
	gmem_write(q.f.vm.gmem, 0x200010, "kernel", 6);
	assert_string_equal(dump(&q, "-p", "paged", ""), "");
	file = slurp("paged", &n);
	p = segment(file, 0x200000, 0xffffffff80000000ull);
	assert_non_null(p);
	assert_int_equal(p->p_filesz, 2 << 20);
	assert_memory_equal(file + p->p_offset + 0x10, "kernel", 6);
	assert_non_null(segment(file, 0x100, 0));
	free(file);
	qmp_fake_fini(&q);
}

/* --- kdump: records put in place, then a page looked up as crash does --- */

static u8 *unflatten(const u8 *file, size_t n, size_t *len)
{
	u8 *out = calloc(1, 64 << 20);

	assert_string_equal((const char *)file, "makedumpfile");
	*len = 0;
	for (size_t at = 4096;;) {
		u64 off, size;

		assert_true(at + 16 <= n);
		memcpy(&off, file + at, 8);
		memcpy(&size, file + at + 8, 8);
		off = be64toh(off);
		size = be64toh(size);
		if (off == ~0ull)
			return out;
		assert_true(off + size <= 64 << 20 && at + 16 + size <= n);
		memcpy(out + off, file + at + 16, size);
		*len = MAX(*len, off + size);
		at += 16 + size;
	}
}

static u32 word(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static void read_page(const u8 *k, u64 pfn, u8 page[4096])
{
	const u32 sub = word(k + 432), maps = word(k + 436);
	const u8 *bitmap = k + (1ull + sub) * 4096, *desc;
	uLongf n = 4096;
	u64 off, index = 0;

	assert_true(bitmap[pfn / 8] & 1 << pfn % 8);
	for (u64 i = 0; i < pfn; i++)
		index += bitmap[i / 8] >> i % 8 & 1;
	desc = k + (1ull + sub + maps) * 4096 + index * 24;
	memcpy(&off, desc, 8);
	if (word(desc + 12))
		assert_int_equal(uncompress(page, &n, k + off, word(desc + 8)),
				 Z_OK);
	else
		memcpy(page, k + off, 4096);
}

static void check_kdump(const u8 *k, size_t len)
{
	u8 page[4096];

	assert_memory_equal(k, "KDUMP   ", 8);
	assert_int_equal(word(k + 8), 6);
	assert_true(len > 8192);
	read_page(k, 0x12, page);
	assert_memory_equal(page + 0x345, "hello", 5);
	read_page(k, 0x13, page);
	for (unsigned i = 0; i < sizeof(page); i++)
		assert_int_equal(page[i], 0);
	read_page(k, 0x20, page);      /* random: not compressed */
	assert_int_equal(page[1], (u8)(1 * 167));
}

static void fill(struct qmp_fake *q)
{
	u8 page[4096];

	fake_long_mode();
	gmem_write(q->f.vm.gmem, 0x12345, "hello", 5);
	for (unsigned i = 0; i < sizeof(page); i++)
		page[i] = (u8)(i * 167 ^ (i >> 3) * 31 ^ (i * i) >> 5);
	page[1] = (u8)(1 * 167);
	gmem_write(q->f.vm.gmem, 0x20000, page, sizeof(page));
}

static void a_flattened_kdump_can_be_read_back(void **state)
{
	struct qmp_fake q;
	u8 *file, *k;
	size_t n, len;

	(void)state;
	qmp_fake_init(&q, false);
	fill(&q);
	assert_string_equal(dump(&q, "-z", "kdump", ""), "");
	file = slurp("kdump", &n);
	k = unflatten(file, n, &len);
	check_kdump(k, len);
	free(k);
	free(file);
	qmp_fake_fini(&q);
}

static void a_raw_kdump_is_the_same_in_place(void **state)
{
	struct qmp_fake q;
	size_t n;
	u8 *file;

	(void)state;
	qmp_fake_init(&q, false);
	fill(&q);
	assert_string_equal(dump(&q, "-z -R", "raw", ""), "");
	file = slurp("raw", &n);
	check_kdump(file, n);
	free(file);
	assert_string_equal(dump(&q, "-R", "raw2", ""),
		"Error: -R is for kdump-compressed formats (-z)\n");
	qmp_fake_fini(&q);
}

static void qmp_dumps_by_path_and_says_when_it_is_done(void **state)
{
	struct qmp_fake q;
	char text[256];

	(void)state;
	qmp_fake_init(&q, false);
	negotiate(&q);
	snprintf(text, sizeof(text), "{'execute': 'dump-guest-memory', "
		 "'arguments': {'paging': false, 'protocol': 'file:%s'}}",
		 path_of("qmp"));
	assert_non_null(strstr(answer_to(&q, text), "DUMP_COMPLETED"));
	assert_non_null(strstr(answer_to(&q, "{'execute': 'query-dump'}"),
			       "\"completed\""));
	assert_non_null(strstr(answer_to(&q, "{'execute': 'dump-guest-memory',"
		"'arguments': {'paging': false, 'protocol': 'ftp:x'}}"),
		"'protocol'"));
	assert_non_null(strstr(answer_to(&q, "{'execute': 'dump-guest-memory',"
		"'arguments': {'paging': false, 'protocol': 'fd:no'}}"),
		"'no' has not been found"));
	qmp_fake_fini(&q);
}

/* --- dirty rates --- */

static void spin(struct loop *l, s64 ns)
{
	struct timer t = { 0 };

	timer_init(&t, l, NULL, (void (*)(void *))loop_stop, l);
	timer_set(&t, clock_host_ns() + ns);
	loop_run(l);
	timer_fini(&t);
}

static void a_rate_is_measured_by_samples(void **state)
{
	struct rate_wish w = { RATE_SAMPLING, 1000, 16384 };
	static u8 page[4096];
	struct qmp_fake q;
	struct err e;

	(void)state;
	qmp_fake_init(&q, false);
	q.f.vm.loop = loop_create("main", NULL);
	assert_int_equal(dirty_rate_report(&q.mons).status, RATE_UNSTARTED);
	assert_int_equal(dirty_rate_start(&q.mons, &w, NULL), 0);
	assert_int_equal(dirty_rate_start(&q.mons, &w, &e), -EBUSY);
	assert_int_equal(dirty_rate_report(&q.mons).status, RATE_MEASURING);
	memset(page, 0xa5, sizeof(page));
	for (gpa_t at = 0; at < FAKE_RAM; at += 4096)  /* every page */
		gmem_write(q.f.vm.gmem, at, page, sizeof(page));
	spin(q.f.vm.loop, 1100000000);
	assert_int_equal(dirty_rate_report(&q.mons).status, RATE_MEASURED);
	assert_in_range(dirty_rate_report(&q.mons).mib_per_s, 0,
			FAKE_RAM >> 20);
	w.samples = 10;
	assert_int_equal(dirty_rate_start(&q.mons, &w, &e), -EINVAL);
	assert_string_equal(e.msg, "sample-pages is out of range[128, "
			    "16384].");
	w.period_ms = 61000;
	assert_int_equal(dirty_rate_start(&q.mons, &w, &e), -EINVAL);
	assert_string_equal(e.msg, "calc-time is out of range[1, 60].");
	qmp_fake_fini(&q);
	loop_destroy(q.f.vm.loop);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mote-dump-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "core", "range", "hole", "none",
		"paged", "kdump", "raw", "raw2", "qmp" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		unlink(path_of(names[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_core_holds_memory_and_registers),
		cmocka_unit_test(a_range_is_clipped_and_a_hole_is_no_memory),
		cmocka_unit_test(paging_adds_what_the_page_tables_map),
		cmocka_unit_test(a_flattened_kdump_can_be_read_back),
		cmocka_unit_test(a_raw_kdump_is_the_same_in_place),
		cmocka_unit_test(qmp_dumps_by_path_and_says_when_it_is_done),
		cmocka_unit_test(a_rate_is_measured_by_samples),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
