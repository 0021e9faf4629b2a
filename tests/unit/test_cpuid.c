/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/cpuid.c over a made-up provider's list. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu_features.h"
#include "arch/x86/cpuid.h"
#include "vmm/base/strbuf.h"

static void leaf(struct cpuid_list *l, u32 fn, u32 index, bool indexed, u32 a,
		 u32 b, u32 c, u32 d)
{
	l->head.entries[l->head.nent++] = (struct kvm_cpuid_entry2){
		.function = fn, .index = index, .eax = a, .ebx = b, .ecx = c,
		.edx = d,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
}

/* An AMD-like host with everything on. */
static struct cpuid_list *provider(void)
{
	struct cpuid_list *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	leaf(l, 0, 0, false, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
	leaf(l, 1, 0, false, 0xa10f11, 0, ~0u, ~0u);
	leaf(l, 7, 0, true, 0, ~0u, ~0u, ~0u);
	leaf(l, 0xd, 0, true, 7, 0x340, 0x340, 0);
	leaf(l, 0xd, 1, true, 0xf, 0, 0, 0);
	leaf(l, 0x80000000, 0, false, 0x8000001e, 0, 0, 0);
	leaf(l, 0x80000001, 0, false, 0, 0, ~0u, ~0u);
	leaf(l, 0x80000008, 0, false, 0x3030, 0, 0, 0);
	leaf(l, 0x8000001d, 0, true, 0x121, 0, 0, 0);
	leaf(l, 0x8000001d, 3, true, 0x163, 0, 0, 0);
	leaf(l, 0x8000001e, 0, false, 0, 0, 0, 0);
	return l;
}

static u32 ecx1(struct cpuid_list *l)
{
	return cpuid_find(l, 1, 0)->ecx;
}

static void max_keeps_everything(void **s)
{
	struct cpuid_list *l = provider();

	assert_int_equal(cpuid_apply_model(l, "max", NULL, NULL), 0);
	assert_int_equal(ecx1(l), ~BIT(27));           /* but OSXSAVE */
	assert_int_equal(cpuid_find(l, 7, 0)->ebx, ~0u);
	assert_int_equal(cpuid_signature(l), 0xa10f11);
	free(l);
}

static void no_model_means_max(void **s)
{
	struct cpuid_list *l = provider();

	assert_int_equal(cpuid_apply_model(l, NULL, NULL, NULL), 0);
	assert_int_equal(cpuid_find(l, 7, 0)->ebx, ~0u);
	free(l);
}

static void a_minus_takes_a_feature_and_those_built_on_it(void **s)
{
	struct cpuid_list *l = provider();

	assert_int_equal(cpuid_apply_model(l, "host,-xsave", NULL, NULL), 0);
	assert_int_equal(ecx1(l) & (BIT(26) | BIT(28) | BIT(12) | BIT(29)), 0);
	assert_int_equal(cpuid_find(l, 7, 0)->ebx & (BIT(5) | BIT(16)), 0);
	assert_null(cpuid_find(l, 0xd, 0));
	free(l);
}

static void flags_may_be_written_with_on_and_off(void **s)
{
	struct cpuid_list *l = provider();
	struct err e = { 0 };

	assert_int_equal(cpuid_apply_model(l, "max,avx2=off,aes=on", NULL,
					   NULL), 0);
	assert_int_equal(cpuid_find(l, 7, 0)->ebx & BIT(5), 0);
	assert_true(ecx1(l) & BIT(25));
	assert_int_equal(cpuid_apply_model(l, "max,avx2=maybe", NULL, &e), -22);
	free(l);
}

static void named_models_are_what_they_say(void **s)
{
	struct cpuid_list *l = provider();

	assert_int_equal(cpuid_apply_model(l, "x86-64-v2", NULL, NULL), 0);
	assert_true(ecx1(l) & BIT(20));                /* SSE4.2 */
	assert_true(ecx1(l) & BIT(0));                 /* SSE3 by alias */
	assert_false(ecx1(l) & BIT(28));               /* no AVX */
	assert_int_equal(cpuid_find(l, 7, 0)->ebx & BIT(5), 0);
	assert_null(cpuid_find(l, 0xd, 0));
	free(l);
	l = provider();
	assert_int_equal(cpuid_apply_model(l, "x86-64-v3,+sha-ni", NULL, NULL),
			 0);
	assert_true(cpuid_find(l, 7, 0)->ebx & BIT(5));
	assert_true(cpuid_find(l, 7, 0)->ebx & BIT(29));
	assert_false(cpuid_find(l, 7, 0)->ebx & BIT(16));
	free(l);
	l = provider();
	assert_int_equal(cpuid_apply_model(l, "qemu64", NULL, NULL), 0);
	assert_int_equal(cpuid_signature(l), 0x60fb1);
	assert_memory_equal(&cpuid_find(l, 0x80000002, 0)->eax, "QEMU", 4);
	free(l);
}

static void a_plus_cannot_give_what_the_provider_lacks(void **s)
{
	struct cpuid_list *l = provider();
	struct strbuf missing = STRBUF_INIT;

	cpuid_find(l, 7, 0)->ebx = 0;
	assert_int_equal(cpuid_apply_model(l, "max,+avx2,+bmi1", &missing,
					   NULL), 0);
	assert_string_equal(missing.buf, "avx2, bmi1");
	assert_int_equal(cpuid_find(l, 7, 0)->ebx, 0);
	strbuf_fini(&missing);
	free(l);
}

static void without_avx_xsave_has_no_room_for_it(void **s)
{
	struct cpuid_list *l = provider();

	leaf(l, 0xd, 2, true, 256, 576, 0, 0);
	assert_int_equal(cpuid_apply_model(l, "max,-avx", NULL, NULL), 0);
	assert_int_equal(cpuid_find(l, 0xd, 0)->eax, 3);
	assert_int_equal(cpuid_find(l, 0xd, 0)->ecx, 576);
	assert_int_equal(cpuid_find(l, 0xd, 2)->eax, 0);
	assert_false(cpuid_find(l, 7, 0)->ebx & BIT(5));
	free(l);
}

static void a_level_that_is_not_whole_says_what_it_lacks(void **s)
{
	struct cpuid_list *l = provider();
	struct strbuf missing = STRBUF_INIT;

	cpuid_find(l, 7, 0)->ebx &= ~(BIT(5) | BIT(8));
	assert_int_equal(cpuid_apply_model(l, "x86-64-v3", &missing, NULL), 0);
	assert_non_null(strstr(missing.buf, "avx2"));
	assert_non_null(strstr(missing.buf, "bmi2"));
	assert_null(strstr(missing.buf, "bmi1"));
	assert_null(strstr(missing.buf, "vme"));
	strbuf_fini(&missing);
	free(l);
}

static void unknown_names_are_answered_with_near_ones(void **s)
{
	struct cpuid_list *l = provider();
	struct err e = { 0 };

	assert_int_equal(cpuid_apply_model(l, "x86-64-v9", NULL, &e), -22);
	assert_non_null(strstr(e.msg, "x86-64-v3"));
	assert_int_equal(cpuid_apply_model(l, "zzz", NULL, &e), -22);
	assert_non_null(strstr(e.msg, "qemu64"));
	assert_int_equal(cpuid_apply_model(l, "max,+avx3", NULL, &e), -22);
	assert_non_null(strstr(e.msg, "avx2"));
	assert_int_equal(cpuid_apply_model(l, "", NULL, &e), -22);
	free(l);
}

static void apic_ids_pack_threads_cores_and_sockets(void **s)
{
	const struct cpuid_topology t = { 12, 2, 3, 2 };

	assert_int_equal(cpuid_apic_id(&t, 0), 0);
	assert_int_equal(cpuid_apic_id(&t, 1), 1);
	assert_int_equal(cpuid_apic_id(&t, 5), 5);     /* core 2, thread 1 */
	assert_int_equal(cpuid_apic_id(&t, 6), 8);     /* next socket */
}

static void topology_leaves_agree(void **s)
{
	const struct cpuid_topology t = { 8, 2, 2, 2 };
	struct cpuid_list *l = provider();
	struct kvm_cpuid_entry2 *e;

	cpuid_apply_model(l, "max", NULL, NULL);
	cpuid_set_topology(l, &t, 5);
	e = cpuid_find(l, 1, 0);
	assert_int_equal(e->ebx >> 24, 5);
	assert_int_equal((e->ebx >> 16) & 0xff, 4);
	assert_true(e->ecx & BIT(31));
	assert_true(e->edx & BIT(28));
	e = cpuid_find(l, 0xb, 0);
	assert_int_equal(e->eax, 1);
	assert_int_equal(e->ebx, 2);
	assert_int_equal(e->edx, 5);
	e = cpuid_find(l, 0xb, 1);
	assert_int_equal(e->eax, 2);
	assert_int_equal(e->ebx, 4);
	assert_int_equal(e->ecx, 0x201);
	e = cpuid_find(l, 0x80000008, 0);
	assert_int_equal(e->ecx & 0xff, 3);
	assert_int_equal(e->ecx >> 12 & 0xf, 2);
	e = cpuid_find(l, 0x8000001e, 0);
	assert_int_equal(e->eax, 5);
	assert_int_equal(e->ebx, 0x102);
	assert_int_equal(e->ecx, 1);
	e = cpuid_find(l, 0x8000001d, 3);
	assert_int_equal(e->eax >> 14 & 0xfff, 3);
	e = cpuid_find(l, 0x8000001d, 0);
	assert_int_equal(e->eax >> 14 & 0xfff, 1);
	free(l);
}

static void the_hypervisor_signature_is_there(void **s)
{
	const struct cpuid_topology t = { 1, 1, 1, 1 };
	struct cpuid_list *l = provider();

	cpuid_apply_model(l, "max", NULL, NULL);
	cpuid_set_topology(l, &t, 0);
	assert_memory_equal(&cpuid_find(l, 0x40000000, 0)->ebx, "KVMK", 4);
	assert_false(cpuid_find(l, 1, 0)->edx & BIT(28));
	free(l);
}

static void every_need_is_a_feature(void **s)
{
	for (const struct cpu_feature *f = cpu_features; f->name; f++)
		if (f->needs)
			assert_non_null(cpu_feature_find(f->needs));
}

static void without_a_feature_there_is_none_of_its_state(void **s)
{
	struct cpuid_list *l = provider();

	cpuid_find(l, 0xd, 0)->eax = 0x2e7;
	leaf(l, 0xd, 2, true, 256, 576, 0, 0);
	leaf(l, 0xd, 5, true, 64, 1088, 0, 0);
	leaf(l, 0xd, 6, true, 512, 1152, 0, 0);
	leaf(l, 0xd, 7, true, 1024, 1664, 0, 0);
	leaf(l, 0xd, 9, true, 8, 2688, 0, 0);
	assert_int_equal(cpuid_apply_model(l, "max", NULL, NULL), 0);
	assert_int_equal(cpuid_find(l, 0xd, 0)->eax, 0x2e7);
	assert_int_equal(cpuid_find(l, 0xd, 0)->ecx, 2696);
	assert_int_equal(cpuid_apply_model(l, "max,-pku", NULL, NULL), 0);
	assert_int_equal(cpuid_find(l, 0xd, 0)->eax, 0xe7);
	assert_int_equal(cpuid_find(l, 0xd, 0)->ecx, 2688);
	assert_int_equal(cpuid_find(l, 0xd, 9)->eax, 0);
	assert_int_equal(cpuid_apply_model(l, "max,-avx512f", NULL, NULL), 0);
	assert_int_equal(cpuid_find(l, 0xd, 0)->eax, 7);
	assert_int_equal(cpuid_find(l, 0xd, 0)->ecx, 832);
	free(l);
}

static void every_model_names_features_there_are(void **s)
{
	for (const struct cpu_model *m = cpu_models; m->name; m++) {
		char *text = strdup(m->features ? m->features : ""), *save;

		for (char *w = strtok_r(text, " ", &save); w;
		     w = strtok_r(NULL, " ", &save))
			if (!cpu_feature_find(w))
				fail_msg("%s: %s", m->name, w);
		free(text);
	}
}

/* --- what two providers both have --- */

static void common_features_are_those_of_both(void **s)
{
	struct cpuid_list *a = provider(), *b = provider();

	cpuid_find(b, 1, 0)->ecx = BIT(13);
	cpuid_find(b, 7, 0)->ebx = 0x1000;
	cpuid_find(b, 0xd, 0)->eax = 3;
	cpuid_find(b, 0xd, 0)->ebx = 0x240;
	cpuid_find(b, 0x80000008, 0)->eax = 0x392e;
	cpuid_find(b, 0, 0)->eax = 7;
	cpuid_keep_common(a, b);
	assert_int_equal(ecx1(a), BIT(13));
	assert_int_equal(cpuid_find(a, 7, 0)->ebx, 0x1000);
	assert_int_equal(cpuid_find(a, 0xd, 0)->eax, 3);
	assert_int_equal(cpuid_find(a, 0xd, 0)->ebx, 0x240);
	assert_int_equal(cpuid_find(a, 0x80000008, 0)->eax, 0x302e);
	assert_int_equal(cpuid_find(a, 0, 0)->eax, 7);
	assert_int_equal(cpuid_signature(a), 0xa10f11);
	free(a);
	free(b);
}

static void leaves_of_one_go_unless_they_promise_nothing(void **s)
{
	struct cpuid_list *a = provider(), *b = provider();

	leaf(a, 0xa, 0, false, 2, 0, 0, 0);
	leaf(a, 0x80000005, 0, false, 0x1234, 0, 0, 0);
	cpuid_keep_common(a, b);
	assert_null(cpuid_find(a, 0xa, 0));
	assert_int_equal(cpuid_find(a, 0x80000005, 0)->eax, 0x1234);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(max_keeps_everything),
		cmocka_unit_test(no_model_means_max),
		cmocka_unit_test(a_minus_takes_a_feature_and_those_built_on_it),
		cmocka_unit_test(flags_may_be_written_with_on_and_off),
		cmocka_unit_test(named_models_are_what_they_say),
		cmocka_unit_test(a_plus_cannot_give_what_the_provider_lacks),
		cmocka_unit_test(without_avx_xsave_has_no_room_for_it),
		cmocka_unit_test(without_a_feature_there_is_none_of_its_state),
		cmocka_unit_test(a_level_that_is_not_whole_says_what_it_lacks),
		cmocka_unit_test(unknown_names_are_answered_with_near_ones),
		cmocka_unit_test(apic_ids_pack_threads_cores_and_sockets),
		cmocka_unit_test(topology_leaves_agree),
		cmocka_unit_test(the_hypervisor_signature_is_there),
		cmocka_unit_test(common_features_are_those_of_both),
		cmocka_unit_test(leaves_of_one_go_unless_they_promise_nothing),
		cmocka_unit_test(every_need_is_a_feature),
		cmocka_unit_test(every_model_names_features_there_are),
	};

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
