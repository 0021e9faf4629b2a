/* SPDX-License-Identifier: MIT */
/*
 * Other processors: INIT and start-up IPIs, real-mode entry, locked
 * arithmetic, IPIs both ways, hlt and wake.
 */
#include "ap.h"

enum { ROUNDS = 2000 };

static volatile u32 go, finished, shared, calls[MAX + 1];
static volatile u32 plain[MAX];

static void on_call(struct frame *f)
{
	__sync_fetch_and_add(&calls[apic_id()], 1);
	apic_write(EOI, 0);
}

void ap_main(void)
{
	u32 me = apic_id();

	ap_init();
	while (!go)
		__asm__ volatile("pause");
	for (u32 i = 0; i < ROUNDS; i++) {
		__sync_fetch_and_add(&shared, 1);
		plain[me]++;
	}
	__sync_fetch_and_add(&finished, 1);
	while (calls[me] < 10)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	ipi(0, 0x80 + me);             /* vectors of one IRR bit each */
	for (;;)
		__asm__ volatile("sti; hlt");
}

void main(void)
{
	u32 n, waited = 0;

	handlers[0x70] = on_call;
	n = start_all();
	say("processors: %d\n", (int)alive + 1);
	go = 1;
	for (u32 i = 0; i < ROUNDS; i++)
		__sync_fetch_and_add(&shared, 1);
	while (finished < n - 1)
		__asm__ volatile("pause");
	say("shared count %d\n", (int)shared);
	for (u32 id = 1; id < n; id++) {
		say("cpu %d counted %d\n", (int)id, (int)plain[id]);
		for (u32 k = 0; k < 10; k++) {
			u32 was = calls[id];

			ipi(id, 0x70);
			while (calls[id] == was)
				__asm__ volatile("pause");
		}
	}
	for (u32 id = 1; id < n; id++)
		handlers[0x80 + id] = on_call;
	while (calls[0] < n - 1 && waited++ < 30000000)
		__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	say("answers %d\n", (int)calls[0]);
	say("done\n");
}
