/* SPDX-License-Identifier: MIT */
/*
 * Entry and trap stubs of the test guests, for 32- and 64-bit guests.
 *
 * 64-bit guests identity-map the first 4 GiB with user-accessible 2 MiB
 * pages; tables are at pml4 (6 pages).
 */
#ifdef __x86_64__
#define AX %rax
#define BX %rbx
#define BP %rbp
#define SP %rsp
#define ARG0 %rdi
#define ARG1 %rsi
#define WORD 8
#else
#define AX %eax
#define BX %ebx
#define BP %ebp
#define SP %esp
#define WORD 4
#endif
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	mov	$stack_end, %esp
	mov	%ebx, multiboot_info
#ifdef __x86_64__
	mov	$pml4, %edi
	lea	0x1007(%edi), %eax
	mov	%eax, (%edi)
	lea	0x2007(%edi), %eax
	mov	$4, %ecx
	lea	0x1000(%edi), %edx
1:	mov	%eax, (%edx)
	add	$8, %edx
	add	$0x1000, %eax
	loop	1b
	lea	0x2000(%edi), %edx
	mov	$0x87, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edx)
	add	$8, %edx
	add	$0x200000, %eax
	loop	1b
	mov	%edi, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x901, %eax			/* SCE, LME, NXE */
	wrmsr
	lgdt	boot_gdtr
	mov	%cr0, %eax
	or	$0x80010001, %eax		/* PG, WP, PE */
	mov	%eax, %cr0
	ljmp	$0x10, $1f
	.code64
1:
#else
	lgdt	boot_gdtr
	ljmp	$0x10, $1f
1:
#endif
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	$stack_end, %esp
	call	rt_main
2:	hlt
	jmp	2b

/* int try(void (*fn)(ul), ul arg) */
	.globl	try
try:
#ifdef __x86_64__
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	resume_sp
	mov	%rsp, resume_sp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	xor	%eax, %eax
	jmp	leave_try

	.globl	resume
resume:
	mov	resume_sp, %rsp
	mov	$1, %eax
leave_try:
	pop	resume_sp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
#else
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	push	resume_sp
	mov	%esp, resume_sp
	mov	24(%esp), %eax
	push	28(%esp)
	call	*%eax
	add	$4, %esp
	xor	%eax, %eax
	jmp	leave_try

	.globl	resume
resume:
	mov	resume_sp, %esp
	mov	$1, %eax
leave_try:
	mov	$0x18, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	mov	%ecx, %ss
	pop	resume_sp
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret
#endif

/* int user(void (*fn)(ul), ul arg): ends by returning or with a trap. */
	.globl	user
user:
#ifdef __x86_64__
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	resume_sp
	mov	%rsp, resume_sp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	push	$0x2b
	movabs	$user_stack_end - 8, %rcx
	push	%rcx
	movabs	$user_done, %rdx
	mov	%rdx, (%rcx)
	push	$2
	push	$0x33
	push	%rax
	iretq
#else
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	push	resume_sp
	mov	%esp, resume_sp
	mov	24(%esp), %eax
	mov	28(%esp), %edx
	mov	$user_stack_end - 8, %ecx
	movl	$user_done, (%ecx)
	mov	%edx, 4(%ecx)
	mov	$0x2b, %edx
	mov	%edx, %ds
	mov	%edx, %es
	push	$0x2b
	push	%ecx
	push	$2
	push	$0x33
	push	%eax
	iretl
#endif
/* Not int $0x80: some hosts' KVM cannot deliver it.  rt_trap knows the place. */
	.globl	user_done
user_done:
	ud2

/* --- trap stubs: 256 of them, stub_size apart --- */
	.align	16
	.globl	stubs
stubs:
	.set	vector, 0
	.rept	256
	.align	16
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	push	$0
	.endif
	push	$vector
	.byte	0xe9
	.long	common - (. + 4)
	.set	vector, vector + 1
	.endr
	.globl	stub_size
stub_size:
	.long	16

common:
#ifdef __x86_64__
	cmpq	$user_done, 16(%rsp)
	jne	1f
	mov	resume_sp, %rsp			/* the end of user() */
	xor	%eax, %eax
	jmp	leave_try
1:	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	cld
	call	rt_trap
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq
#else
	cmpl	$user_done, 8(%esp)
	jne	1f
	mov	resume_sp, %esp
	xor	%eax, %eax
	jmp	leave_try
1:	push	%eax
	push	%ebx
	push	%ecx
	push	%edx
	push	%ebp
	push	%esi
	push	%edi
	mov	%esp, %eax
	mov	$0x18, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	cld
	push	%eax
	call	rt_trap
	add	$4, %esp
	testl	$3, 40(%esp)			/* back to ring 3? */
	jz	2f
	mov	$0x2b, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
2:	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%edx
	pop	%ecx
	pop	%ebx
	pop	%eax
	add	$8, %esp
	iretl
#endif

	.data
	.align	8
boot_gdt:
	.quad	0, 0
#ifdef __x86_64__
	.quad	0x00af9b000000ffff
#else
	.quad	0x00cf9b000000ffff
#endif
	.quad	0x00cf93000000ffff
boot_gdtr:
	.word	31
	.long	boot_gdt, 0
	.globl	resume_sp, multiboot_info
	.align	8
resume_sp:
	.quad	0
multiboot_info:
	.quad	0

	.bss
	.align	4096
	.globl	pml4, user_stack_end
pml4:	.skip	6 * 4096
	.skip	8192
user_stack_end:
	.skip	16384
stack_end:
