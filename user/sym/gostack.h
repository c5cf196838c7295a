/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the callers of Go's functions are found: by the sizes of frames that Go's own table has for
 * every instruction, and where the runtime goes from one stack to another by where it keeps the
 * other. A goroutine has a stack of its own, a thread another (g0's), on which the scheduler and
 * C code run. In these rules `add` leads from rsp, on the stack that is gone to, to the frame's
 * base:
 *
 * CFI_BASE_GO_SYSTEM    runtime.systemstack: rsp is sched.sp of the thread's goroutine (m.curg)
 * CFI_BASE_GO_GROW      runtime.morestack: that goroutine goes on at sched.pc and sched.sp; none:
 *                       it has left the thread, and the stack ends
 * CFI_BASE_GO_C         runtime.asmcgocall, which calls C: rbx_words above rsp stands the
 *                       goroutine, a word below how far its rsp lay from the end of its stack; or
 *                       0, and below that rsp itself
 * CFI_BASE_GO_CALLBACK  runtime.cgocallback, which C calls: rsp is sched.sp of g0, or of an outer
 *                       callback what the inner one has saved there
 *
 * They hold from where the function has gone to the other stack up to where it is back. But for
 * CFI_BASE_GO_C, `offset` and `reg` tell how the thread finds its runtime.g: at fs + offset (reg
 * 0), or at fs + the word at offset, counted from the object's lowest code (reg 1); rbx_words is
 * the offset of m.curg, in words.
 *
 * In every rule of Go's, rbx is lost.
 */
#pragma once

#include "sym/cfi.h"
#include "sym/elf.h"

/*
 * Visits Go's functions, in order of addresses, and what holds in them; `base` is the address of
 * the object's lowest code. A file that is no Go program has none. 0, -ENOMEM, or what state()
 * returned.
 */
int gostack_walk(const struct elf_file *f, uint64_t base, const struct cfi_visitor *visitor);
