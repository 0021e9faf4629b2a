/* SPDX-License-Identifier: MIT */
/* The debug guest's tests in ring 0. */
#define main ring3_main
#include "debug.c"
#undef main

void main(void)
{
	say("debug, ring 0\n");
	handlers[1] = on_debug;
	handlers[3] = on_int3;
	all(try);
	begin();
	report(" int3", try(int3_user, 0));
	told(" int3");
	(void)ring3_main;
	say("done\n");
}
