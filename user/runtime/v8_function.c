/* SPDX-License-Identifier: GPL-2.0-only */
/* Names, files and positions of functions. */
#include "runtime/v8_function.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "lib/cleanup.h"
#include "runtime/v8_positions.h"

/* Bits of a ScopeInfo (src/objects/scope-info.tq), the same in all versions that we know. */
#define SCOPE_RECEIVER(f)  ((f) >> 7 & 3) /* where `this` is: 1, 2: on the stack, in the context */
#define SCOPE_SAVED_CLASS  (1U << 10)
#define SCOPE_FUNCTION     (3U << 12) /* whose name has a variable, of whatever kind */
#define SCOPE_INFERRED     (1U << 14)
#define LOCALS_INLINED_MAX 75 /* more of them have a table */
#define LOCALS_MAX         100000

#define BASELINE_DATA     16 /* of a BaselineData, which V8 9 has: what was compiled */
#define INTERPRETER_ARRAY 8  /* of an InterpreterData: the BytecodeArray */

#define POSITIONS_MAX (256U << 10)

void v8_function_done(struct v8_function *f)
{
	free(f->name);
	free(f->file);
	f->name = f->file = NULL;
}

bool v8_function_check(const struct v8_heap *h, uint64_t shared, uint32_t *ret)
{
	uint64_t name, script;

	if (v8_type(h, shared) != h->layout->type_shared ||
	    !v8_field(h, shared, h->layout->shared_name, &name) ||
	    !v8_field(h, shared, h->layout->shared_script, &script))
		return false;
	*ret = (uint32_t)PB_V8_CHECK(name, script);
	return true;
}

/* A scope's parts behind its variables, one after another. */
struct scope {
	uint64_t info;
	uint32_t flags;
	int at; /* the next part */
};

static bool scope_begin(const struct v8_heap *h, uint64_t info, struct scope *ret)
{
	const struct v8_layout *l = h->layout;
	struct scope s = { .info = info };
	int32_t locals;
	uint64_t flags;

	if (!v8_field(h, info, l->scope_flags, &flags) ||
	    !v8_small_field(h, info, l->scope_locals, &locals) || locals < 0 || locals > LOCALS_MAX)
		return false;
	s.flags = (uint32_t)(v8_is_small(flags) ? flags >> 32 : flags);
	s.at = l->scope_names + 8 * (locals < LOCALS_INLINED_MAX ? 2 * locals : 1 + locals);
	if (l->version < V8_VERSION(10, 0) && SCOPE_RECEIVER(s.flags) % 3)
		s.at += 8; /* there was a slot for it once */
	if (s.flags & SCOPE_SAVED_CLASS)
		s.at += 8;
	*ret = s;
	return true;
}

/* The names that the function has, and is known by otherwise; 0: none. */
static bool scope_names(const struct v8_heap *h, struct scope *s, uint64_t names[2])
{
	int32_t slot;

	names[0] = names[1] = 0;
	if (s->flags & SCOPE_FUNCTION) {
		if (!v8_field(h, s->info, s->at, &names[0]) ||
		    !v8_small_field(h, s->info, s->at + 8, &slot))
			return false;
		s->at += 16;
	}
	if (s->flags & SCOPE_INFERRED) {
		if (!v8_field(h, s->info, s->at, &names[1]))
			return false;
		s->at += 8;
	}
	return true;
}

/* What lies in a SharedFunctionInfo's name_or_scope_info: the names, and where it begins. */
static bool read_info(const struct v8_heap *h, uint64_t info, uint64_t names[2], int32_t *start)
{
	struct scope s;

	names[0] = info;
	names[1] = 0;
	if (v8_type(h, info) != h->layout->type_scope)
		return true;
	if (!scope_begin(h, info, &s) || !scope_names(h, &s, names))
		return false;
	if (h->layout->scope_start >= 0)
		s.at = h->layout->scope_start;
	if (!v8_small_field(h, info, s.at, start))
		*start = -1;
	return true;
}

static bool is_string(const struct v8_heap *h, uint64_t object)
{
	int type = v8_type(h, object);

	return type >= 0 && type < h->layout->first_nonstring;
}

/* NULL: damaged, or out of memory. */
static char *name_of(const struct v8_heap *h, uint64_t info, int32_t *start)
{
	uint64_t names[2];

	if (!read_info(h, info, names, start))
		return NULL;
	for (int i = 0; i < 2; i++) {
		char *name;

		if (!is_string(h, names[i]))
			continue;
		name = v8_string(h, names[i]);
		if (!name || *name)
			return name;
		free(name);
	}
	return strdup("(anonymous)");
}

static char *file_of(const struct v8_heap *h, uint64_t script)
{
	static const char scheme[] = "file://";
	uint64_t string;
	char *file;

	if (!v8_field(h, script, h->layout->script_name, &string))
		return NULL;
	file = v8_string(h, string);
	if (file && !strncmp(file, scheme, sizeof(scheme) - 1))
		memmove(file, file + sizeof(scheme) - 1, strlen(file) - sizeof(scheme) + 2);
	if (file && !*file) {
		free(file);
		return NULL;
	}
	return file;
}

int v8_function_read(const struct v8_heap *h, uint64_t shared, struct v8_function *ret)
{
	const struct v8_layout *l = h->layout;
	struct v8_function f = { .start = -1 };
	uint64_t info;

	if (v8_type(h, shared) != l->type_shared || !v8_field(h, shared, l->shared_name, &info) ||
	    !v8_field(h, shared, l->shared_script, &f.script) ||
	    !v8_field(h, shared, l->shared_data, &f.data))
		return -EINVAL;
	if (v8_type(h, f.script) != l->type_script)
		f.script = 0;
	f.name = name_of(h, info, &f.start);
	if (!f.name)
		return -EINVAL;
	if (f.script)
		f.file = file_of(h, f.script);
	*ret = f;
	return 0;
}

uint64_t v8_bytecode_of(const struct v8_heap *h, uint64_t data)
{
	for (int i = 0; i < 4; i++) {
		int type = v8_type(h, data), next = -1;

		if (type < 0)
			return 0;
		if (type == h->layout->type_bytecode)
			return data;
		if (type == h->layout->type_interpreter_data)
			next = INTERPRETER_ARRAY;
		else if (type == h->layout->type_code)
			next = h->layout->code_data;
		else if (h->layout->version < V8_VERSION(10, 0))
			next = BASELINE_DATA;
		/* In V8 12 and later the first field of an InterpreterData is that, too. */
		if (next < 0 || !v8_field(h, data, next, &data))
			return 0;
	}
	return 0;
}

int32_t v8_bytecode_position(const struct v8_heap *h, uint64_t bytecode, uint32_t offset)
{
	_cleanup_free_ uint8_t *table = NULL;
	struct v8_position p;
	uint64_t positions;
	int32_t length;
	int n;

	if (v8_type(h, bytecode) != h->layout->type_bytecode ||
	    !v8_small_field(h, bytecode, h->layout->bytecode_length, &length) ||
	    offset >= (uint32_t)length ||
	    !v8_field(h, bytecode, h->layout->bytecode_positions, &positions))
		return -1;
	table = malloc(POSITIONS_MAX);
	n = table ? v8_bytes(h, positions, table, POSITIONS_MAX) : -ENOMEM;
	return n > 0 && v8_position_find(table, (size_t)n, h->layout->position_flags, offset,
					 (uint32_t)length, &p)
		   ? p.offset
		   : -1;
}
