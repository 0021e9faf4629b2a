/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/device_table.c: every row is complete and every default
 * parses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/strbuf.h"
#include "vmm/core/device.h"

static void names_are_unique_and_found(void **state)
{
	unsigned n = 0;

	for (; device_classes[n]; n++) {
		const struct device_class *c = device_classes[n];

		assert_ptr_equal(device_class_find(c->name), c);
		assert_true(c->summary && strlen(c->summary) > 5);
		assert_non_null(c->bus);
	}
	assert_true(n > 0);
	assert_null(device_class_find("no-such-device"));
}

static void every_default_parses_and_reads_back(void **state)
{
	static const struct device_env env;

	for (unsigned i = 0; device_classes[i]; i++) {
		const struct device_class *c = device_classes[i];
		struct device *d = device_create(c, NULL, &env);

		for (const struct device_prop *p = c->props; p && p->name; p++) {
			struct strbuf s = STRBUF_INIT;

			assert_int_equal(device_get_prop(d, p->name, &s), 0);
			assert_true(p->help && *p->help);
			strbuf_fini(&s);
		}
		device_destroy(d);
	}
}

static void state_tables_are_sound(void **state)
{
	for (unsigned i = 0; device_classes[i]; i++) {
		const struct state_desc *s = device_classes[i]->state;

		if (!s)
			continue;
		assert_true(s->oldest >= 1 && s->oldest <= s->version);
		for (const struct state_field *f = s->fields;
		     f->type != STATE_T_END; f++) {
			assert_true(f->since >= 1 && f->since <= s->version);
			assert_true(f->offset + (u64)f->len * f->count <=
				    device_classes[i]->size);
			assert_int_equal(f->type == STATE_T_STRUCT, !!f->sub);
		}
	}
}

static void a_short_name_is_the_class_that_fits_the_machine(void **state)
{
	(void)state;
	assert_string_equal(device_class_named("virtio-blk", true)->name,
			    "virtio-blk-pci");
	assert_string_equal(device_class_named("virtio-blk", false)->name,
			    "virtio-blk-device");
	assert_string_equal(device_class_named("virtio-blk-pci", false)->name,
			    "virtio-blk-pci");
	assert_string_equal(device_class_named("i6300esb", true)->name,
			    "i6300esb");
	assert_null(device_class_named("virtio-none", true));
	assert_null(device_class_named("i6300esb-pci", true));
}

static void what_is_behind_a_device_does_not_depend_on_its_transport(void **state)
{
	(void)state;
	for (unsigned i = 0; device_classes[i]; i++) {
		const struct device_class *pci = device_classes[i], *mmio;
		char name[64];

		if (!pci->virtio || !pci->pci)
			continue;
		snprintf(name, sizeof(name), "%.*s-device",
			 (int)(strlen(pci->name) - 4), pci->name);
		mmio = device_class_find(name);
		assert_non_null(mmio);
		assert_ptr_equal(mmio->virtio, pci->virtio);
		assert_string_equal(mmio->hosts ? mmio->hosts : "",
				    pci->hosts ? pci->hosts : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_found),
		cmocka_unit_test(every_default_parses_and_reads_back),
		cmocka_unit_test(state_tables_are_sound),
		cmocka_unit_test(what_is_behind_a_device_does_not_depend_on_its_transport),
		cmocka_unit_test(a_short_name_is_the_class_that_fits_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
