/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzzes the parser of -t. What it accepts is complete; what it refuses is explained. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct spec *s)
{
	if (!s->globs.n || (s->kind == SPEC_USDT) != !!s->provider)
		abort();
	if (s->kind == SPEC_USDT && !s->binary)
		abort();
	if ((s->kind == SPEC_KERNEL || s->kind == SPEC_SYSCALL) && s->binary)
		abort();
	vec_foreach (g, &s->globs)
		if (!*g->glob || (g->negative && g->pred.op))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct spec s = {};
	struct spec_pred pred;
	char why[200];
	int err;

	if (!text)
		return 0;
	err = spec_parse(text, &s, why, sizeof(why));
	if (err) {
		if (err != -EINVAL || !*why || s.globs.v || s.binary || s.provider)
			abort();
	} else {
		check(&s);
		spec_match(&s, "ns::f<int, long>(char)", &pred);
		spec_match(&s, text, NULL);
	}
	spec_done(&s);
	free(text);
	return 0;
}
