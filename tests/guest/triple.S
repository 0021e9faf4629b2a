/* SPDX-License-Identifier: MIT */
/* A triple fault: an empty IDT and an undefined instruction. */
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.text
	.code32
	.globl _start
_start:
	mov	$message, %esi
	mov	$0x3f8, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	lidt	nothing
	ud2
	hlt
message:
	.asciz	"triple fault\n"
nothing:
	.word	0
	.long	0
