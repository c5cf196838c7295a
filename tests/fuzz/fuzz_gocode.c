/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code of Go's runtime, read for what its tables do not tell: the input is the sizes of a
 * function's frame, then its code. Whatever is said of it must be about it, in order.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sym/gocode.h"

#define ADDR 0x401000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

struct walk {
	uint64_t last, end;
};

static int visit_state(uint64_t addr, const struct cfi_state *state, void *arg)
{
	const struct cfi_rule *r = &state->rule;
	struct walk *w = arg;

	require(addr >= w->last && addr < w->end);
	require(r->base <= CFI_BASE_GO_CALLBACK && r->rbp <= CFI_LOST);
	require(r->base != CFI_BASE_REG || (r->offset > 0 && !(r->offset % 8)));
	require(r->base != CFI_BASE_GO_C || r->rbx_words > 0);
	w->last = addr;
	return 0;
}

static void check_frames(const struct go_code *code, const struct gopclntab *t,
			 const struct go_record *r)
{
	const struct go_frames kinds[] = { {}, { .ends = true }, { .c_slot = 6 } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct walk w = { .end = code->addr + code->size };
		const struct cfi_visitor visitor = { .state = visit_state, .arg = &w };

		gocode_frames(code, t, r, &kinds[i], &visitor);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = size > 8 ? malloc(size) : NULL;
	size_t sizes = size > 8 ? data[0] % (size - 1) + 1 : 0;
	struct gopclntab t = { .data = bytes, .size = sizes };
	struct go_record r = { .addr = ADDR, .size = size - sizes, .frame_sizes = 1 };
	struct go_code code = { .addr = ADDR, .bytes = data + sizes, .size = size - sizes };
	struct go_thread thread;
	struct go_values v;
	uint64_t leaves, returns;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	if (gocode_thread(&code, &thread))
		require(thread.goroutine && !(thread.goroutine % 8));
	gocode_switch(&code, &leaves, &returns);
	require(leaves <= ADDR + code.size && returns <= ADDR + code.size && leaves <= returns);
	require(gocode_c_slot(&code) < 512);
	require(gocode_saves_rbp(&code, &t, &r) <= INT16_MAX);
	require(gocode_return_register(&code) < 16 ||
		gocode_return_register(&code) == CFI_REG_NONE);
	gofunc_values(&t, &r, 1, &v);
	while (gofunc_values_next(&v))
		require(v.end > v.start && v.end <= v.limit);
	check_frames(&code, &t, &r);
	free(bytes);
	return 0;
}
