/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assembly as people write it: sizes and unwind information left out here and there, and between
 * exported functions others that only an unstripped object names.
 */
	.text

	/* Neither a size nor unwind information: where it ends only its author knows. */
	.globl	bare
	.type	bare, @function
bare:
	.fill	64, 1, 0x90
	ret

	.type	local_after_bare, @function
local_after_bare:
	.fill	64, 1, 0x90
	ret
	.size	local_after_bare, . - local_after_bare

	.globl	sized
	.type	sized, @function
sized:
	.cfi_startproc
	.fill	64, 1, 0x90
	ret
	.cfi_endproc
	.size	sized, . - sized

	.type	local_after_sized, @function
local_after_sized:
	.fill	64, 1, 0x90
	ret
	.size	local_after_sized, . - local_after_sized

	/* No size, but unwind information. */
	.globl	unwound
	.type	unwound, @function
unwound:
	.cfi_startproc
	.fill	64, 1, 0x90
	ret
	.cfi_endproc

	.type	local_after_unwound, @function
local_after_unwound:
	.cfi_startproc
	.fill	64, 1, 0x90
	ret
	.cfi_endproc
	.size	local_after_unwound, . - local_after_unwound

	/* An exported label in a local function: its name is not the function's. */
	.type	local_around, @function
local_around:
	.cfi_startproc
	.fill	32, 1, 0x90
	.globl	label_inside
	.type	label_inside, @function
label_inside:
	.fill	32, 1, 0x90
	ret
	.cfi_endproc
	.size	local_around, . - local_around

	.section .note.GNU-stack, "", @progbits
