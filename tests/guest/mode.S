/* SPDX-License-Identifier: MIT */
/*
 * One paging mode each, then halt with known registers: what `info mem`,
 * `info tlb`, gva2gpa and x are shown on.  MODE 0 none, 1 32-bit with 4 MiB
 * pages, 2 PAE, 3 four levels, 4 five levels.
 *
 * Each mode has the same little zoo in its first 2 MiB (user, read-only, NX,
 * uncached, absent, global pages) and large pages behind.  The entries are a
 * table of (address, low, high) stores, after a run of identity leaves.
 *
 * With the word "exit" in its command line it prints a checksum of what it
 * reads through the mapping and leaves by isa-debug-exit instead.
 */
#if MODE == 1
#define LEAVES 0x11000
#define ENTRY  4
#elif MODE == 2
#define LEAVES 0x12000
#define ENTRY  8
#else
#define LEAVES 0x13000
#define ENTRY  8
#endif
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	mov	$0x80000, %esp

	/* "exit" on the command line?  Looked for while nothing is accessed */
	xor	%ebp, %ebp
	mov	16(%ebx), %esi
4:	lodsb
	test	%al, %al
	jz	5f
	cmp	$' ', %al
	jne	4b
	cmpl	$0x74697865, (%esi)	/* "exit" */
	jne	4b
	inc	%ebp
5:
	mov	$0x9000, %edi		/* room for the tables */
	mov	$0x17000 / 4, %ecx
	xor	%eax, %eax
	rep stosl

#if MODE
	/* 512 identity leaves, writable and the kernel's */
	mov	$LEAVES, %edi
	mov	$3, %eax
	mov	$512, %ecx
1:	mov	%eax, (%edi)
	add	$ENTRY, %edi
	add	$0x1000, %eax
	loop	1b
	/* the entries that differ */
	mov	$entries, %esi
2:	lodsl
	test	%eax, %eax
	jz	3f
	mov	%eax, %edi
	movsl
	lodsl
#if MODE > 1
	mov	%eax, (%edi)
#endif
	jmp	2b
3:
#endif

#if MODE == 1
	mov	$0x10000, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x90, %eax		/* PSE, PGE */
	mov	%eax, %cr4
#elif MODE == 2
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x800, %eax		/* NXE */
	wrmsr
	mov	$0x10000, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0xb0, %eax
	mov	%eax, %cr4
#elif MODE > 2
#if MODE == 4
	mov	$7, %eax
	xor	%ecx, %ecx
	cpuid
	bt	$16, %ecx
	jc	7f
	mov	$no_la57, %esi
	mov	$0x3f8, %dx
8:	lodsb
	test	%al, %al
	jz	9f
	outb	%al, %dx
	jmp	8b
9:	mov	$0xf4, %edx
	mov	$0x20, %eax
	outl	%eax, %dx
no_la57: .asciz	"no five-level paging here\n"
7:
#endif
	mov	%cr4, %eax
	or	$0xa0, %eax		/* PAE, PGE */
#if MODE == 4
	or	$0x1000, %eax		/* LA57 */
	mov	$0x9000, %edx
#else
	mov	$0x10000, %edx
#endif
	mov	%eax, %cr4
	mov	%edx, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x901, %eax		/* SCE, LME, NXE */
	wrmsr
	lgdt	gdtr
#endif
#if MODE
	mov	%cr0, %eax
	or	$0x80010000, %eax	/* PG, WP */
	mov	%eax, %cr0
#endif

	test	%ebp, %ebp
	jz	halt
	mov	$0x100000, %esi		/* ourselves, through the mapping */
	mov	$0x800, %ecx
	xor	%ebx, %ebx
	xor	%eax, %eax
5:	lodsb
	rol	$5, %ebx
	xor	%eax, %ebx
	loop	5b
	mov	$0x3f8, %edx
	mov	$'0' + MODE, %al
	outb	%al, %dx
	mov	$'\n', %al
	outb	%al, %dx
	mov	$0xf4, %edx
	mov	$0x10, %eax
	outl	%eax, %dx

halt:
#if MODE > 2
	ljmp	$8, $long_mode
	.code64
long_mode:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	fninit
	movabs	$0x1111111122222222, %rax
	movabs	$0x3333333344444444, %rbx
	movabs	$0x5555555566666666, %rcx
	movabs	$0x7777777788888888, %rdx
	movabs	$0xaaaaaaaabbbbbbbb, %rsi
	movabs	$0xccccccccdddddddd, %rdi
	movabs	$0x0123456789abcdef, %r8
	mov	$9, %r9
	mov	$10, %r10
	mov	$11, %r11
	mov	$12, %r12
	mov	$13, %r13
	mov	$14, %r14
	mov	$-1, %r15
	mov	$0x80000, %rsp
	xor	%ebp, %ebp
	fld1
	fldpi
#else
	fninit
	mov	$0x11111111, %eax
	mov	$0x22222222, %ebx
	mov	$0x33333333, %ecx
	mov	$0x44444444, %edx
	mov	$0x55555555, %esi
	mov	$0x66666666, %edi
	mov	$0x77777777, %ebp
#endif
6:	hlt
	jmp	6b

	.code32
	.align	8
gdt:	.quad	0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdtr:	.word	23
	.long	gdt

	.align	4
#define E(at, low, high) .long at, low, high;
#if MODE
entries:
#endif
#if MODE == 1
	E(0x10000, 0x00011027, 0)	/* the table of leaves       */
	E(0x10004, 0x004000e7, 0)	/* 4 MiB, user               */
	E(0x10c00, 0x000001a3, 0)	/* 4 MiB at 3 GiB, global    */
	E(LEAVES + 4 * 0x90, 0x00090007, 0)
	E(LEAVES + 4 * 0x91, 0x00091001, 0)
	E(LEAVES + 4 * 0x92, 0x0009201b, 0)
	E(LEAVES + 4 * 0x93, 0x00000000, 0)
	E(LEAVES + 4 * 0x94, 0x00094103, 0)
	E(LEAVES + 4 * 0x95, 0x000b8005, 0)
	.long	0
#elif MODE == 2
	E(0x10000, 0x00011001, 0)
	E(0x10018, 0x00014001, 0)
	E(0x11000, 0x00012027, 0)
	E(0x11008, 0x002000e7, 0)	/* 2 MiB, user               */
	E(0x11010, 0x004001a1, 0)	/* read-only, global         */
	E(0x11018, 0x006000a3, 0x80000000)	/* no-execute        */
	E(0x14000, 0x000001a3, 0)
	E(LEAVES + 8 * 0x90, 0x00090007, 0)
	E(LEAVES + 8 * 0x91, 0x00091001, 0)
	E(LEAVES + 8 * 0x92, 0x00092003, 0x80000000)
	E(LEAVES + 8 * 0x93, 0x00000000, 0)
	.long	0
#elif MODE > 2
#if MODE == 4
	E(0x9000, 0x00010027, 0)
	E(0x9000 + 8 * 511, 0x00010023, 0)
#endif
	E(0x10000, 0x00011027, 0)
	E(0x10000 + 8 * 256, 0x00014023, 0)
	E(0x10000 + 8 * 511, 0x00015023, 0)
	E(0x11000, 0x00012027, 0)
	E(0x11008, 0x400000e7, 0)	/* 1 GiB, user               */
	E(0x14000, 0x000000e3, 0x80000000)	/* 1 GiB, no-execute */
	E(0x15000 + 8 * 510, 0x00016023, 0)
	E(0x16000, 0x000001e1, 0)
	E(0x16008, 0x002001a3, 0)
	E(0x16010, 0x004000a3, 0x80000000)
	E(0x12000, 0x00013027, 0)
	E(0x12008, 0x002000e7, 0)
	E(0x12010, 0x004000a1, 0)
	E(0x12018, 0x006000a3, 0x80000000)
	E(LEAVES + 8 * 0x90, 0x00090007, 0)
	E(LEAVES + 8 * 0x91, 0x00091001, 0)
	E(LEAVES + 8 * 0x92, 0x00092003, 0x80000000)
	E(LEAVES + 8 * 0x93, 0x00000000, 0)
	E(LEAVES + 8 * 0x94, 0x0009401b, 0)
	E(LEAVES + 8 * 0x95, 0x00095103, 0)
	.long	0
#endif
