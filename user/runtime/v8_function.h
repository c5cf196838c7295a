/* SPDX-License-Identifier: GPL-2.0-only */
/* JavaScript functions: what a SharedFunctionInfo tells of the code that its closures share. */
#pragma once

#include "runtime/v8_heap.h"

struct v8_function {
	char *name;      /* heap */
	char *file;      /* heap; NULL: the script has no name */
	uint64_t script; /* 0: it has none */
	uint64_t data;   /* how it is run: bytecode, or baseline code */
	int32_t start;   /* where it begins in the script; -1: unknown */
};

void v8_function_done(struct v8_function *f);

/* 0; -EINVAL: this is no function of a program; or -ENOMEM. */
int v8_function_read(const struct v8_heap *h, uint64_t shared, struct v8_function *ret);

/*
 * The bits by which a SharedFunctionInfo is known again, of the words that hold its name and
 * its script: as v8_check() of bpf/v8.bpf.h. False: it cannot be read.
 */
bool v8_function_check(const struct v8_heap *h, uint64_t shared, uint32_t *ret);

/* The BytecodeArray of what shared_data, or the data of baseline code, is; 0: there is none. */
uint64_t v8_bytecode_of(const struct v8_heap *h, uint64_t data);
/* The source position of a bytecode; -1: unknown. */
int32_t v8_bytecode_position(const struct v8_heap *h, uint64_t bytecode, uint32_t offset);
