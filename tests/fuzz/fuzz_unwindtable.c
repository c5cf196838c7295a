/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call frame information: the bytes are the contents of .eh_frame (first byte even) or
 * .debug_frame (odd). Whatever is said of the code must be about the code, in order.
 */
#include <stdint.h>
#include <stdlib.h>

#include "sym/cfi.h"

struct state {
	struct cfi_function f;
	uint64_t last;
};

static bool visit_function(const struct cfi_function *f, void *arg)
{
	struct state *s = arg;

	if (f->end <= f->start)
		abort();
	s->f = *f;
	s->last = f->start;
	return f->end - f->start < 1 << 20;
}

static int visit_state(uint64_t addr, const struct cfi_state *state, void *arg)
{
	const struct cfi_rule *r = &state->rule;
	struct state *s = arg;

	if (addr < s->last || addr >= s->f.end || r->base > CFI_BASE_BAD || r->rbp > CFI_LOST)
		abort();
	if ((r->base == CFI_BASE_REG || r->base == CFI_BASE_DEREF || r->base == CFI_BASE_PLT) &&
	    (r->reg > 15 || (r->ra_reg > 15 && r->ra_reg != CFI_REG_NONE)))
		abort();
	if (r->rbp == CFI_IN_REG && (r->rbp_words < 0 || r->rbp_words > 15))
		abort();
	s->last = addr;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = {};
	struct cfi_visitor visitor = { visit_function, visit_state, &s };
	struct cfi_section section = { .addr = 0x400000 };

	if (!size)
		return 0;
	section.data = data + 1;
	section.size = size - 1;
	section.debug = data[0] & 1;
	section.ends_at_zero = data[0] & 2;
	cfi_walk(&section, &visitor);
	return 0;
}
