/* SPDX-License-Identifier: MIT */
/*
 * Real mode: from protected mode through 16-bit segments down, then
 * segments, stacks, interrupts by the IVT, strings, divide errors, BCD, far
 * calls, and "unreal" limits.  Results go to the UART as hexadecimal words.
 */
#define SEG 0x1000			/* code, data and stack at 0x10000 */
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	mov	$code16, %esi
	mov	$SEG << 4, %edi
	mov	$code16_end - code16, %ecx
	rep movsb
	lgdt	gdtr
	lidt	ivt
	ljmp	$0x08, $0		/* 16-bit protected mode, base SEG << 4 */
gdt:	.quad	0
	.quad	0x00009b010000ffff	/* 16-bit code, base 0x10000 */
	.quad	0x000093000000ffff	/* 16-bit data */
	.quad	0x00cf93000000ffff	/* 4 GiB data */
gdtr:	.word	31
	.long	gdt
ivt:	.word	0x3ff
	.long	0

	.code16
code16:
#define AT(x) (x - code16)
	mov	$0x18, %ax
	mov	%ax, %fs		/* keeps its 4 GiB limit */
	mov	$0x10, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %gs
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$~1, %eax
	mov	%eax, %cr0
	ljmp	$SEG, $AT(real)
real:
	mov	%cs, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0xfff0, %sp
	mov	$AT(hello), %si
	call	puts

	/* IVT: divide error, overflow, int 0x60 */
	xor	%ax, %ax
	mov	%ax, %gs
	movw	$AT(on_divide), %gs:0
	movw	$SEG, %gs:2
	movw	$AT(on_overflow), %gs:4*4
	movw	$SEG, %gs:4*4+2
	movw	$AT(on_int), %gs:0x60*4
	movw	$SEG, %gs:0x60*4+2

	/* software interrupt: flags and return address are pushed */
	mov	$0x1234, %ax
	int	$0x60
	call	word			/* 1235 */

	/* divide error returns to the div itself */
	mov	$1, %ax
	xor	%dx, %dx
	xor	%cx, %cx
	div	%cx
	call	word			/* 0001 after on_divide made cx 1 */

	/* into */
	mov	$0x7fff, %ax
	inc	%ax
	into
	mov	%bx, %ax
	call	word			/* 0444 */

	/* effective addresses wrap at 64 KiB, the stack too */
	mov	$0xfffe, %bx
	movw	$0xbeef, 4(%bx)		/* offset 2 */
	mov	AT(code16) + 2, %ax
	call	word
	mov	%sp, %bp
	mov	$2, %sp
	pushw	$0x1111
	pushw	$0x2222			/* sp wraps to 0xfffe */
	mov	%sp, %ax
	mov	%bp, %sp
	call	word			/* fffe */

	/* linear = segment * 16 + offset */
	mov	$SEG + 0x10, %ax
	mov	%ax, %es
	movw	$0xcafe, %es:0xf000
	mov	0xf100, %ax
	call	word
	mov	%cs, %ax
	mov	%ax, %es

	/* strings, backwards too */
	mov	$AT(hello), %si
	mov	$0xe000, %di
	mov	$5, %cx
	rep movsb
	mov	%di, %ax
	call	word			/* e005 */
	mov	$0xe000, %di
	mov	$'l', %al
	mov	$5, %cx
	repne scasb
	mov	%cx, %ax
	call	word			/* 0002 */
	std
	mov	$AT(hello) + 4, %si
	lodsb
	lodsb
	cld
	xor	%ah, %ah
	call	word			/* 'l' 006c */

	/* BCD and ASCII arithmetic */
	mov	$0x0042, %ax
	sub	$0x27, %al
	das
	call	word			/* 0015 */
	mov	$63, %ax
	aam
	call	word			/* 0603 */
	aad
	call	word			/* 003f */

	/* far call and return, 32-bit operands in 16-bit code */
	lcall	$SEG, $AT(far_code)
	call	word			/* fa4c */
	mov	$0x12345678, %eax
	rol	$8, %eax
	push	%eax
	call	word
	pop	%eax
	shr	$16, %eax
	call	word

	/* enter/leave, pusha/popa, xlat, loop, les */
	push	%bp
	enter	$8, $0
	mov	%bp, %ax
	sub	%sp, %ax
	leave
	pop	%bp
	call	word			/* 0008 */
	mov	$AT(table), %bx
	mov	$2, %al
	xlat
	xor	%ah, %ah
	call	word			/* 0030 */
	mov	$5, %cx
	xor	%ax, %ax
1:	add	%cx, %ax
	loop	1b
	call	word			/* 000f */
	les	AT(pointer), %di
	mov	%es, %ax
	call	word			/* 5678 */
	mov	%di, %ax
	call	word			/* 1234 */
	mov	%cs, %ax
	mov	%ax, %es

	/* fs kept its limit: a word above 1 MiB */
	movl	$0x200000, %ebx
	movw	$0x7777, %fs:(%ebx)
	mov	%fs:(%ebx), %ax
	call	word

	/* and back up, to see that we can */
	mov	$AT(bye), %si
	call	puts
	mov	$0xf4, %dx
	mov	$0x10, %eax
	outl	%eax, %dx
1:	hlt
	jmp	1b

on_int:
	push	%bp
	mov	%sp, %bp
	cmpw	$SEG, 4(%bp)
	jne	1f
	inc	%ax
1:	pop	%bp
	iret
on_divide:
	mov	$1, %cx
	iret
on_overflow:
	mov	$0x444, %bx
	iret
far_code:
	mov	$0xfa4c, %ax
	lret

/* %ax as four digits and a newline; keeps registers. */
word:
	pusha
	mov	%ax, %bx
	mov	$4, %cx
1:	rol	$4, %bx
	mov	%bl, %al
	and	$15, %al
	cmp	$10, %al
	jb	2f
	add	$'a' - '0' - 10, %al
2:	add	$'0', %al
	call	putc
	loop	1b
	mov	$'\n', %al
	call	putc
	popa
	ret
puts:
	lodsb
	test	%al, %al
	jz	1f
	call	putc
	jmp	puts
1:	ret
putc:
	push	%dx
	mov	$0x3f8, %dx
	outb	%al, %dx
	pop	%dx
	ret
hello:	.asciz	"hello, real mode\n"
bye:	.asciz	"done\n"
table:	.byte	0x10, 0x20, 0x30
pointer: .word	0x1234, 0x5678
code16_end:
