/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: "COMM;root;…;leaf COUNT",
 * one line a distinct text, sorted. The on-CPU file counts samples; its companion, off CPU,
 * microseconds.
 */
#include "view/view.h"

#include <inttypes.h>

#include "lib/cleanup.h"
#include "view/fold.h"

static int print_lines(FILE *out, const struct fold *f, bool offcpu)
{
	_cleanup_(buf_done) struct buf b = {};

	vec_foreach (line, &f->lines) {
		uint64_t value = offcpu ? fold_us(line->value) : line->value;

		if (!value)
			continue;
		buf_clear(&b);
		fold_format(&b, f, line);
		buf_printf(&b, " %" PRIu64 "\n", value);
		if (b.err)
			return b.err;
		fwrite(b.data, 1, b.len, out);
	}
	return 0;
}

static int render_cpu(const struct report *r, FILE *out)
{
	_cleanup_(fold_done) struct fold f = {};
	int err = fold_init(&f, r);

	if (!err)
		err = fold_cpu(&f);
	if (err)
		return err;
	fold_sort_by_text(&f);
	return print_lines(out, &f, false);
}

static int render_offcpu(const struct report *r, FILE *out)
{
	_cleanup_(fold_done) struct fold f = {};
	int err = fold_init(&f, r);

	if (!err)
		err = fold_offcpu(&f, FOLD_MERGED);
	if (err)
		return err;
	fold_sort_by_text(&f);
	return print_lines(out, &f, true);
}

const struct view view_folded_offcpu = {
	.name = "folded",
	.suffix = ".folded",
	.render = render_offcpu,
};

const struct view view_folded = {
	.name = "folded",
	.suffix = ".folded",
	.render = render_cpu,
	.companion = &view_folded_offcpu,
};
