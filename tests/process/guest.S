/* SPDX-License-Identifier: MIT */
/*
 * A multiboot guest that does what the first letter of its command line says:
 * e: exit by isa-debug-exit with 16 (the process ends with 33)
 * t: triple fault      h: halt, after a byte to COM1
 */
	.set	MAGIC, 0x1badb002

	.text
	.align	4
	.long	MAGIC, 0, -MAGIC

	.globl	_start
_start:
	mov	$0x80000, %esp
	mov	16(%ebx), %esi          /* multiboot_info.cmdline */
1:	lodsb                           /* the last word of it */
	test	%al, %al
	jz	2f
	mov	%al, %cl
	jmp	1b
2:	cmp	$'e', %cl
	je	exit
	cmp	$'t', %cl
	je	triple
	mov	$0x3f8, %dx
	mov	$'!', %al
	out	%al, %dx
3:	hlt
	jmp	3b
exit:
	mov	$16, %al
	out	%al, $0xf4
	jmp	3b
triple:
	lidt	none
	ud2
	.align	8
none:	.word	0
	.long	0
	.section .note.GNU-stack, "", @progbits
