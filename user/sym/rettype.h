/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What functions return, as debug information tells it: whether a negative value, a null or an
 * `error` can mean that a call failed. C, C++, Rust, Go and whatever else is described alike.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum return_kind {
	RETURN_UNKNOWN, /* not told, or two descriptions of the same code differ */
	RETURN_VOID,
	RETURN_INT, /* signed; of enums those with a negative value */
	RETURN_UNSIGNED,
	RETURN_BOOL,
	RETURN_POINTER, /* one that may be null: no C++ reference, no Rust reference or Box */
	RETURN_OTHER, /* struct, floating point, enum of Rust, results of Go without an error … */
	RETURN_GO_ERROR,
};

struct return_type {
	uint8_t kind;  /* enum return_kind */
	uint8_t width; /* bytes that count in the return register: 1, 2, 4, 8; else 0 */
	/*
	 * RETURN_GO_ERROR: which result register holds the type word of the (last) error, nil when
	 * there is none, in the order rax rbx rcx rdi rsi r8 r9 r10 r11.
	 */
	uint8_t reg;
};

struct return_types;

/*
 * Of an object, or its separate debug file; fd stays the caller's, path and root as in
 * symbols_open(). 0, -ENODATA (there is no debug information), -EFBIG, -ENOEXEC, -ENOMEM, …
 */
int return_types_open(int fd, const char *path, const char *root, struct return_types **ret);
void return_types_free(struct return_types *t);

/*
 * What the function returns whose first instruction lies at an ELF virtual address. False: no
 * such function is described, or the time that one object may cost is used up.
 */
bool return_type_of(struct return_types *t, uint64_t addr, struct return_type *ret);

/*
 * Does a function compare or subtract, by its name, so that a negative result is no failure? Its
 * last component, mangled or not, has a word such as cmp, compare, collate or diff, or it begins
 * or ends with one of the short ones (strcmp, cmpint). "order" counts beside "by" or "sort" only:
 * an order is more often placed than compared.
 */
bool return_is_comparison(const char *name);
