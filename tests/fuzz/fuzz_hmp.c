/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: lines of the human monitor, over page tables made of the input.
 */
#include "tests/fuzz/mon_rig.h"

#include "monitor/readline.h"

int LLVMFuzzerTestOneInput(const u8 *p, size_t n)
{
	struct qmp_fake q;
	char line[4096];
	const u8 *end = p + n;

	rig_init(&q);
	rig_memory(&q, p, n);
	while (p < end && !q.f.vm.quitting) {
		const u8 *lf = memchr(p, '\n', end - p);
		size_t k = (lf ? lf : end) - p;

		if (k < sizeof(line)) {
			memcpy(line, p, k);
			line[k] = '\0';
			said(&q.f, line);
		}
		p += k + 1;
	}
	rig_fini(&q);
	return 0;
}
