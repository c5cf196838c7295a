/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that runs Python, made of bytes: objects at addresses, for tests and fuzzers. */
#pragma once

#include "runtime/python_memory.h"

#define FAKE_BASE 0x10000ULL
#define FAKE_SIZE 0x4000

struct fake_process {
	uint8_t bytes[FAKE_SIZE]; /* at FAKE_BASE; nothing else is mapped */
	struct python_memory memory;
};

/* Nothing but zeros. */
void fake_init(struct fake_process *f);
void fake_word(struct fake_process *f, uint64_t addr, uint64_t value);
void fake_bytes(struct fake_process *f, uint64_t addr, const void *data, size_t size);
