/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of the ring, made up, for the tests of what reads them. */
#pragma once

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "trace/collect.h"

#define NOBODY      4194305U /* above the kernel's highest PID */
#define NOBODY_ELSE 4194306U
#define PAGE        4096UL

/* A stack of so many frames, all 0, of a process named "worker", at 1000 ns. */
struct pb_stack stack_record(uint32_t kind, uint32_t pid, uint32_t kernel, uint32_t user);
/* What the ring holds of it: up to its last frame. */
size_t record_stack_size(const struct pb_stack *r);
/* The same for a process's record. */
struct pb_process process_record(uint32_t kind, uint32_t pid);

/*
 * Hands over `size` bytes as the ring does: read-only, and nothing behind them. Where size is no
 * multiple of 8, only the sanitizers notice a read behind them.
 */
void record_send(struct collect *c, const void *record, size_t size);
