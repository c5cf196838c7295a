/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of CPython, read from a process that may change or free them meanwhile. */
#pragma once

#include "lib/cleanup.h"
#include "runtime/python_layout.h"

struct python_types {
	uint64_t code, str, bytes; /* addresses; str and bytes are 0 until one was seen */
};

/* Is there a type of this name? */
bool python_is_type(const struct python_memory *m, const struct python_layout *l, uint64_t type,
		    const char *name);

/*
 * A string in UTF-8; long ones are cut, surrogates and control characters replaced. The caller
 * frees it. 0, -EINVAL (no string of this layout is there), -EFAULT, -ESRCH, or -ENOMEM.
 */
int python_string(const struct python_memory *m, const struct python_layout *l,
		  struct python_types *types, uint64_t str, char **ret);

struct python_code {
	char *name, *file; /* owned; of the qualified name if the version has it */
	uint8_t *table;    /* owned; NULL: it could not be read */
	size_t table_size;
	uint32_t line;  /* the first */
	uint32_t check; /* as BPF made it */
	bool hidden;    /* the interpreter's own, no part of the program */
};

void python_code_done(struct python_code *c);

/* 0, -EINVAL (there is no code object, or it changes), or as above. */
int python_code_read(const struct python_memory *m, const struct python_layout *l,
		     struct python_types *types, uint64_t code, struct python_code *ret);
