/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest that says it runs: one byte to COM1, then nothing.
 *
 * An ELF32 image both by multiboot and by PVH; either way it is entered in
 * flat 32-bit protected mode with interrupts off.
 */
	.set	MAGIC, 0x1badb002
	.set	XEN_ELFNOTE_PHYS32_ENTRY, 18

	.section .text.start, "ax"
	.align	4
multiboot:
	.long	MAGIC, 0, -MAGIC

	.globl	_start
_start:
	mov	$0x3f8, %dx
	mov	$'!', %al
	out	%al, %dx
1:	hlt
	jmp	1b

	.section .note.Xen, "a", @note
	.align	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	_start
	.section .note.GNU-stack, "", @progbits
