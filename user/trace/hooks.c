/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of language runtimes that tell how calls fail. */
#include "trace/hooks.h"

#include <string.h>

static const struct {
	const char *name;
	enum hook_kind kind;
} known[] = {
	{ "_Unwind_RaiseException", HOOK_RAISE }, { "_Unwind_Resume_or_Rethrow", HOOK_RAISE },
	{ "_Unwind_SetIP", HOOK_LAND },           { "__cxa_begin_catch", HOOK_CATCH },
	{ "runtime.gopanic", HOOK_GO_PANIC },     { "runtime.Goexit", HOOK_GO_EXIT },
	{ "_PyErr_SetObject", HOOK_PYTHON_IN },   { "PyErr_SetObject", HOOK_PYTHON },
};

struct search {
	uint32_t object;
	hook_vec *ret;
};

static int consider(const struct symbol *sym, void *arg)
{
	struct search *s = arg;

	struct hook hook = { .object = s->object, .offset = sym->offset };

	if (sym->ifunc)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(sym->name, known[i].name) != 0)
			continue;
		hook.kind = known[i].kind;
		return vec_push(s->ret, hook);
	}
	return 0;
}

/* CPython's public function calls the other: one of them is enough. */
static void choose_python(hook_vec *v, size_t first)
{
	bool has_inner = false;
	size_t kept = first;

	for (size_t i = first; i < v->n; i++)
		has_inner |= v->v[i].kind == HOOK_PYTHON_IN;
	for (size_t i = first; i < v->n; i++) {
		if (!has_inner || v->v[i].kind != HOOK_PYTHON)
			v->v[kept++] = v->v[i];
	}
	v->n = kept;
}

int hooks_find(uint32_t object, const struct symbols *symbols, hook_vec *ret)
{
	struct search s = { .object = object, .ret = ret };
	size_t first = ret->n;
	int err = symbols_each(symbols, consider, &s);

	choose_python(ret, first);
	return err;
}

const char *hook_name(enum hook_kind kind)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].kind == kind)
			return known[i].name;
	}
	return "?";
}
