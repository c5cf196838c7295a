/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BEAM's machine code tells of its structures: where fields lie differs from release to
 * release, the few instructions that use them do not (seen in OTP 24 to 28).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the fragment process_main, which makes the C stack's frame that all compiled code runs on. */
struct beam_main {
	uint32_t slot;          /* from rsp in it to the lowest place of its return address */
	uint32_t registers;     /* rbx minus rsp */
	uint32_t scheduler_rsp; /* where a scheduler keeps that rsp */
	uint32_t stop;          /* the stack pointer of a process that is not on it */
};

/* Its code; false: it is not as expected. */
bool beam_code_main(const uint8_t *code, size_t size, struct beam_main *ret);
/* erts_get_scheduler_data() at addr: the variable that holds the key of its thread-specific data.
 */
bool beam_code_key(const uint8_t *code, size_t size, uint64_t addr, uint64_t *ret);
/* enif_thread_type(): the offset of a scheduler's type. */
bool beam_code_type(const uint8_t *code, size_t size, uint32_t *ret);
