/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer without libFuzzer: every file named is one input.  TAP.
 *
 * usage: fuzz_NAME FILE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/types.h"

int LLVMFuzzerTestOneInput(const u8 *p, size_t n);
int __attribute__((weak)) LLVMFuzzerInitialize(int *argc, char ***argv);

/* Where fopen is wrapped, that is for what is tested. */
FILE *__attribute__((weak)) __real_fopen(const char *path, const char *mode);

int main(int argc, char **argv)
{
	static u8 buf[1 << 20];

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv))
		return 1;
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		FILE *f = __real_fopen ? __real_fopen(argv[i], "r")
				       : fopen(argv[i], "r");
		const size_t n = f ? fread(buf, 1, sizeof(buf), f) : 0;

		if (f)
			fclose(f);
		alarm(60);
		LLVMFuzzerTestOneInput(buf, n);
		printf("%sok %d - %s\n", f ? "" : "not ", i, argv[i]);
		fflush(stdout);
	}
	return 0;
}
