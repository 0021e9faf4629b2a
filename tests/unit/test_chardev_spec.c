/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_spec.c: every way to write a chardev. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/chardev_priv.h"

/* Options after parsing, as "key=val key=val". */
static void expect(const char *spec, bool want_mon, const char *want)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { .msg = "" };
	struct opts o;
	struct opt *p;
	bool mon;

	if (chardev_spec_parse(spec, &o, &mon, &e) < 0)
		fail_msg("%s: %s", spec, e.msg);
	assert_int_equal(mon, want_mon);
	opts_for_each(p, &o)
		strbuf_addf(&s, "%s%s=%s", s.len ? " " : "", p->key, p->val);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
	opts_fini(&o);
}

static void short_and_long_forms_mean_the_same(void **state)
{
	expect("stdio", false, "backend=stdio");
	expect("null,id=n1", false, "backend=null id=n1");
	expect("none", false, "backend=null");
	expect("id=x,backend=pty", false, "id=x backend=pty");
	expect("file:/a,b=c", false, "backend=file path=/a,b=c");
	expect("pipe:/p", false, "backend=pipe path=/p");
	expect("unix:/p=q,server=on", false,
	       "path=/p=q server=on backend=socket");
	expect("tcp::4444,server,nowait", false,
	       "server=on nowait=on backend=socket host= port=4444");
	expect("tcp:[::1]:22", false, "backend=socket host=::1 port=22");
	expect("tcp:h:1", false, "backend=socket host=h port=1");
	expect("socket,id=x,path=/a:b", false, "backend=socket id=x path=/a:b");
}

static void mon_leaves_ctrl_c_to_the_guest(void **state)
{
	expect("mon:stdio", true, "backend=stdio signal=off");
	expect("mon:stdio,signal=on", true, "backend=stdio signal=on");
	expect("mon:unix:/p,server", true, "path=/p server=on backend=socket");
}

static void refuse(const char *spec, int want_rc, const char *part)
{
	struct err e = { .msg = "" };
	struct opts o;
	bool mon;

	assert_int_equal(chardev_spec_parse(spec, &o, &mon, &e), want_rc);
	if (!strstr(e.msg, part))
		fail_msg("%s: %s", spec, e.msg);
}

static void the_rest_is_refused_by_name(void **state)
{
	refuse("", -EINVAL, "not a valid char driver");
	refuse("mon:", -EINVAL, "not a valid char driver");
	refuse("10851:x", -EINVAL, "'10851:x' is not a valid char driver");
	refuse("id=x", -EINVAL, "chardev: \"x\" missing backend");
	refuse("vc", -ENOTSUP, "'vc'");
	refuse("vc:80Cx24C", -ENOTSUP, "'vc'");
	refuse("udp:1.2.3.4:5", -ENOTSUP, "not supported yet");
	refuse("telnet:localhost:4444,server", -ENOTSUP, "'telnet'");
	refuse("/dev/ttyS0", -ENOTSUP, "'serial'");
	refuse("tcp:host", -EINVAL, "expected HOST:PORT");
	refuse("tcp:host:", -EINVAL, "expected HOST:PORT");
	refuse("tcp:host:,server", -EINVAL, "expected HOST:PORT");
}

static void the_table_of_kinds_is_complete(void **state)
{
	for (unsigned i = 0; chardev_kinds[i]; i++) {
		const struct chardev_kind *k = chardev_kinds[i];

		assert_ptr_equal(chardev_kind_find(chardev_kind_name(k)), k);
		assert_true(strlen(chardev_kind_summary(k)) > 10);
		assert_true(k->mux || k->send);
		assert_non_null(k->start);
	}
	assert_null(chardev_kind_find("bogus"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_long_forms_mean_the_same),
		cmocka_unit_test(mon_leaves_ctrl_c_to_the_guest),
		cmocka_unit_test(the_rest_is_refused_by_name),
		cmocka_unit_test(the_table_of_kinds_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
