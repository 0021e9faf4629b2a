/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: a QMP client's bytes, with and without negotiation.  Whatever
 * is answered must be JSON.
 */
#include "tests/fuzz/mon_rig.h"

static void answers_are_json(const char *s)
{
	while (*s) {
		const char *end = strstr(s, "\r\n");
		json_t *v;

		assert(end);
		v = json_loadb(s, end - s, JSON_ALLOW_NUL, NULL);
		assert(v);
		json_decref(v);
		s = end + 2;
	}
}

int LLVMFuzzerTestOneInput(const u8 *p, size_t n)
{
	static const char hello[] = "{'execute':'qmp_capabilities',"
				    "'arguments':{'enable':['oob']}}";
	struct qmp_fake q;

	rig_init(&q);
	heard(&q);
	if (n && *p != '!') {
		tell(&q, hello, sizeof(hello) - 1);
		answers_are_json(heard(&q));
	}
	for (size_t used = 0; used < n && !q.f.vm.quitting;)
		used += qmp_bytes(&q.m, p + used, n - used);
	answers_are_json(heard(&q));
	rig_fini(&q);
	return 0;
}
