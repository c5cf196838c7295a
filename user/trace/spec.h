/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The argument of -t: which functions become spans, and what counts as an error of theirs.
 *
 *	GLOB                       functions of the target's executable
 *	BINARY:GLOB                functions of a mapped object
 *	usdt:BINARY:PROVIDER:NAME  static probes
 *	k:GLOB                     kernel functions
 *	sys:NAME                   system calls
 *
 * GLOB and NAME may be lists with commas, in which `!GLOB` takes away, `GLOB@PRED` says what an
 * error is, and `GLOB(arg1:str,arg2)` names arguments to record (before a predicate); BINARY,
 *PROVIDER and the prefix hold for the whole list.
 *
 * C++ names contain colons, commas and brackets, so these rules decide. Escaped bytes (`\:`),
 * classes and what stands in (), <> or {} never separate; an unmatched bracket is an ordinary
 * byte. BINARY ends at the first single ':'. Two colons belong to a name (`ns::f*` has no
 * BINARY), as does any even run; of an odd run the first colon separates and the others begin
 * the name (`libx.so:::f` is `::f` in libx.so). A predicate begins at the last '@'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/vec.h"

enum spec_kind { SPEC_FUNCTION, SPEC_USDT, SPEC_KERNEL, SPEC_SYSCALL };

/*
 * SPEC_PRED_NEVER: no value is an error, whatever the function's type suggests. SPEC_PRED_ERR_PTR
 * (enum pb_pred has it, too) is never written, only suggested by a type: NULL or a small negative
 * number, as kernel functions return pointers.
 */
enum spec_pred_op {
	SPEC_PRED_NONE,
	SPEC_PRED_LT,
	SPEC_PRED_EQ,
	SPEC_PRED_NE,
	SPEC_PRED_NEVER,
	SPEC_PRED_ERR_PTR,
};

/* How much of the return register counts. */
enum spec_width { SPEC_INT, SPEC_LONG, SPEC_PTR };

/*
 * Without a width, `null` compares a pointer, a system call's result is a long, and any other
 * value is an int, or a long when it does not fit one: a function that returns int leaves the
 * register's upper half undefined.
 */
struct spec_pred {
	enum spec_pred_op op;
	enum spec_width width;
	int64_t value;
};

/* Arguments that are recorded in timelines: GLOB(arg1:str,arg2:int). */
enum spec_arg_type { SPEC_ARG_INT, SPEC_ARG_LONG, SPEC_ARG_PTR, SPEC_ARG_STR };

struct spec_arg {
	uint8_t number; /* from 1 */
	uint8_t type;   /* enum spec_arg_type */
};

#define SPEC_ARGS_MAX 6

struct spec_args {
	struct spec_arg v[SPEC_ARGS_MAX];
	uint32_t n;
};

struct spec_glob {
	char *glob; /* owned */
	bool negative;
	struct spec_pred pred;
	struct spec_args args;
	bool matched; /* spec_match() has found a name for it */
};

struct spec {
	enum spec_kind kind;
	char *binary;   /* owned: a path, a file name, or a glob of these; NULL: the executable */
	char *provider; /* owned: of SPEC_USDT, else NULL */
	VEC(struct spec_glob) globs;
	bool covered; /* the plan has met its BINARY */
	/* Of the plan's list: */
	char *text;   /* owned: as it was written */
	bool removes; /* takes away what earlier ones name: see plan_change.h */
};

/*
 * Parses one SPEC. 0, -ENOMEM, or -EINVAL with a sentence in `why` that names the place. ret is
 * set on success only; free it with spec_done().
 */
int spec_parse(const char *text, struct spec *ret, char *why, size_t size);
void spec_done(struct spec *s);

/*
 * Is a name asked for? One of the globs matches, or equals it byte for byte (so that names such
 * as `f[abi:cxx11]` can be pasted), and no negative one does, wherever it stands. ret_pred (may
 * be NULL) is the predicate of the last matching glob that has one.
 */
bool spec_match(const struct spec *s, const char *name, struct spec_pred *ret_pred);
/* The arguments asked for of a name: those of the last matching glob that has any, or NULL. */
const struct spec_args *spec_args_of(const struct spec *s, const char *name);
