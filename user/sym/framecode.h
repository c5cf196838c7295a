/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether machine code that nothing describes keeps a frame pointer, as its instructions tell. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_segment;

/*
 * `code` is a function's, from its start. Is the caller of the instruction at byte `at` found by
 * rbp, or at the top of the stack by what is to be seen there? True: push %rbp and mov %rsp,%rbp
 * stand before it, or that is about to be done, or it is a ret. False: it may not be.
 */
bool framecode_finds_caller(const uint8_t *code, size_t size, size_t at);

/*
 * The same for an instruction of a function that begins nobody knows where: `code` are bytes before
 * it, too. True: the push and the mov stand before it, and no other function begins in between.
 */
bool framecode_has_frame(const uint8_t *code, size_t size, size_t at);

/*
 * Was this code compiled so that functions that call others keep a frame pointer? By a sample of
 * it: most functions that are called there begin with push %rbp and mov %rsp,%rbp. For code without
 * symbols; `fd` is the object's. False also when that cannot be told.
 */
bool framecode_keeps_frames(int fd, const struct elf_segment *code);
