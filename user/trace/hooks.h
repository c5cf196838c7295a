/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of language runtimes that are probed beside those that the user names, because they
 * tell how calls fail: the unwinder's, the C++ runtime's, Go's and CPython's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/vec.h"
#include "sym/symbols.h"

enum hook_kind {
	HOOK_RAISE,     /* an exception is raised */
	HOOK_LAND,      /* control goes to a handler or a cleanup */
	HOOK_CATCH,     /* a handler begins */
	HOOK_GO_PANIC,  /* a goroutine panics */
	HOOK_GO_EXIT,   /* it ends from within */
	HOOK_PYTHON,    /* PyErr_SetObject(type, …) */
	HOOK_PYTHON_IN, /* _PyErr_SetObject(thread state, type, …) */
	HOOKS,
};

struct hook {
	uint32_t object; /* index into the object files */
	uint64_t offset; /* file offset */
	uint8_t kind;    /* enum hook_kind */
	bool attached;
	bool refused; /* it could not be probed */
};

typedef VEC(struct hook) hook_vec;

/* The function that a hook stands on, or one of them: static. */
const char *hook_name(enum hook_kind kind);
/* Adds an object's hooks, looked up by name; 0 or -ENOMEM. */
int hooks_find(uint32_t object, const struct symbols *symbols, hook_vec *ret);
