/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that do next to nothing, each beginning with the instruction that it is named after:
 * what a probe costs is decided by the instruction under it. nest_1 to nest_4 call one another;
 * leaf_ret is where leaf returns.
 */

.macro begin name
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
.endm

.macro finish name
	ret
	.cfi_endproc
	.size \name, . - \name
.endm

	.text

begin leaf
	push %rbp
	.cfi_adjust_cfa_offset 8
	mov %rsp, %rbp
	pop %rbp
	.cfi_adjust_cfa_offset -8
	.globl leaf_ret
leaf_ret:
finish leaf

begin site_endbr
	endbr64
	push %rbp
	.cfi_adjust_cfa_offset 8
	pop %rbp
	.cfi_adjust_cfa_offset -8
finish site_endbr

begin site_nop1
	nop
finish site_nop1

begin site_nop4
	.byte 0x0f, 0x1f, 0x40, 0x00
finish site_nop4

begin site_nop5
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
finish site_nop5

begin site_jmp
	jmp 1f
1:
finish site_jmp

begin site_mov
	mov %rdi, %rax
finish site_mov

begin site_sub
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	add $8, %rsp
	.cfi_adjust_cfa_offset -8
finish site_sub

.macro nested name callee
begin \name
	push %rbp
	.cfi_adjust_cfa_offset 8
	mov %rsp, %rbp
	call \callee
	pop %rbp
	.cfi_adjust_cfa_offset -8
finish \name
.endm

	nested nest_1, nest_2
	nested nest_2, nest_3
	nested nest_3, nest_4

begin nest_4
	push %rbp
	.cfi_adjust_cfa_offset 8
	mov %rsp, %rbp
	pop %rbp
	.cfi_adjust_cfa_offset -8
finish nest_4

	.section .note.GNU-stack, "", @progbits
