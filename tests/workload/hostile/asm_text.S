/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that no compiler writes. None has a frame description unless it says so.
 *
 *   asm_plain      an ordinary leaf
 *   asm_no_size    a symbol of type function and size 0
 *   asm_no_type    a symbol without type and size
 *   asm_data       jumps over constants that lie in its middle and decode as rets and pushes
 *   asm_table      data only, which decodes well; a symbol without type
 *   asm_loop       whose loop goes back to its own first instruction
 *   asm_two_doors  which has a second entry, asm_back_door, in its middle, and runs on into it
 *   asm_overlap    jumps into the middle of one of its own instructions
 *   asm_push_ret   leaves by pushing an address and `ret`
 *   asm_pop_jmp    leaves by popping its return address and jumping there
 *   asm_ret_imm    leaves by `ret $16`, as its caller has pushed two arguments
 *   asm_shared_a/b jump to a tail that both share and that belongs to neither
 *   asm_red_zone   keeps its values below the stack pointer
 *   asm_rip        begins with an instruction that is relative to its own address
 *   asm_flags      takes its argument in the carry flag and gives its result in it
 *   asm_one_byte   is one `ret`
 */
	.text

	.globl	asm_plain
	.type	asm_plain, @function
asm_plain:
	lea	1(%rdi), %rax
	ret
	.size	asm_plain, . - asm_plain

	.globl	asm_no_size
	.type	asm_no_size, @function
asm_no_size:
	lea	2(%rdi), %rax
	ret

	.globl	asm_no_type
asm_no_type:
	lea	3(%rdi), %rax
	ret

	.globl	asm_data
	.globl	asm_data_bytes
	.type	asm_data, @function
asm_data:
	push	%rbx
	lea	asm_data_bytes(%rip), %rbx
	xor	%eax, %eax
	xor	%ecx, %ecx
	jmp	1f
asm_data_bytes:
	.byte	0xc3, 0xc3, 0x55, 0x53, 0xf3, 0xc3, 0xc2, 0x08
	.byte	0xc3, 0x55, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3
1:	movzbl	(%rbx,%rcx), %edx
	add	%rdx, %rax
	inc	%ecx
	cmp	$16, %ecx
	jne	1b
	add	%rdi, %rax
	pop	%rbx
	ret
	.size	asm_data, . - asm_data

	.globl	asm_table
asm_table:
	.byte	0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3, 0xf3, 0x0f
	.byte	0x1e, 0xfa, 0xc3, 0x90, 0x90, 0xc3, 0x55, 0xc3
	.size	asm_table, . - asm_table

	.globl	asm_loop
	.type	asm_loop, @function
asm_loop:
	dec	%rdi
	jnz	asm_loop
	mov	$4, %eax
	ret
	.size	asm_loop, . - asm_loop

	.globl	asm_two_doors
	.globl	asm_back_door
	.type	asm_two_doors, @function
asm_two_doors:
	push	%rbp
	mov	%rsp, %rbp
	add	$10, %rdi
	pop	%rbp
	.type	asm_back_door, @function
asm_back_door:
	lea	5(%rdi), %rax
	ret
	.size	asm_two_doors, . - asm_two_doors
	.size	asm_back_door, . - asm_back_door

	.globl	asm_overlap
	.type	asm_overlap, @function
asm_overlap:
	lea	6(%rdi), %rax
	jmp	2f + 1
	/* mov $imm32,%ecx, whose immediate is: inc %rax; nop; ret */
2:	.byte	0xb9, 0x48, 0xff, 0xc0, 0xc3
	ud2
	.size	asm_overlap, . - asm_overlap

	.globl	asm_push_ret
	.type	asm_push_ret, @function
asm_push_ret:
	lea	3f(%rip), %rax
	push	%rax
	lea	7(%rdi), %rax
	ret
3:	inc	%rax
	ret
	.size	asm_push_ret, . - asm_push_ret

	.globl	asm_pop_jmp
	.type	asm_pop_jmp, @function
asm_pop_jmp:
	lea	8(%rdi), %rax
	pop	%rcx
	jmp	*%rcx
	.size	asm_pop_jmp, . - asm_pop_jmp

	.globl	asm_ret_imm
	.type	asm_ret_imm, @function
asm_ret_imm:
	mov	8(%rsp), %rax
	add	16(%rsp), %rax
	ret	$16
	.size	asm_ret_imm, . - asm_ret_imm

	/* uint64_t call_ret_imm(uint64_t a, uint64_t b) */
	.globl	call_ret_imm
	.type	call_ret_imm, @function
call_ret_imm:
	push	%rsi
	push	%rdi
	call	asm_ret_imm
	ret
	.size	call_ret_imm, . - call_ret_imm

	.globl	asm_shared_a
	.type	asm_shared_a, @function
asm_shared_a:
	push	%rbx
	mov	$100, %ebx
	jmp	shared_tail
	.size	asm_shared_a, . - asm_shared_a

	.globl	asm_shared_b
	.type	asm_shared_b, @function
asm_shared_b:
	push	%rbx
	mov	$200, %ebx
	jmp	shared_tail
	.size	asm_shared_b, . - asm_shared_b

shared_tail:
	lea	(%rdi,%rbx), %rax
	pop	%rbx
	ret

	.globl	asm_red_zone
	.type	asm_red_zone, @function
asm_red_zone:
	mov	%rdi, -8(%rsp)
	mov	%rdi, -64(%rsp)
	mov	%rdi, -128(%rsp)
	nopl	0(%rax,%rax,1)
	mov	-8(%rsp), %rax
	add	-64(%rsp), %rax
	add	-128(%rsp), %rax
	ret
	.size	asm_red_zone, . - asm_red_zone

	.globl	asm_rip
	.type	asm_rip, @function
asm_rip:
	mov	asm_number(%rip), %rax
	add	%rdi, %rax
	ret
	.size	asm_rip, . - asm_rip

	.globl	asm_flags
	.type	asm_flags, @function
asm_flags:
	sbb	%rax, %rax
	cmp	$1, %rax
	ret
	.size	asm_flags, . - asm_flags

	/* uint64_t call_flags(uint64_t carry): the carry after asm_flags() */
	.globl	call_flags
	.type	call_flags, @function
call_flags:
	neg	%rdi
	call	asm_flags
	sbb	%rax, %rax
	neg	%rax
	ret
	.size	call_flags, . - call_flags

	.globl	asm_one_byte
	.type	asm_one_byte, @function
asm_one_byte:
	ret
	.size	asm_one_byte, . - asm_one_byte

	.section .rodata
asm_number:
	.quad	41

	.section .note.GNU-stack, "", @progbits
