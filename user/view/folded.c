/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: "COMM;root;…;leaf COUNT",
 * one line a distinct text, sorted. The on-CPU file counts samples; its companion, off CPU,
 * microseconds. A third file has the stacks of plugins alone, "COMM;PLUGIN;frame;…", each
 * beginning where the plugin is entered: grep for one to have its own flame graph.
 */
#include "view/view.h"

#include <inttypes.h>

#include "lib/cleanup.h"
#include "view/fold.h"

/* `within`: what to put behind the process name; NULL: nothing. */
static int print_lines(FILE *out, const struct fold *f, bool offcpu, const char *within)
{
	_cleanup_(buf_done) struct buf b = {};

	vec_foreach (line, &f->lines) {
		uint64_t value = offcpu ? fold_us(line->value) : line->value;

		if (!value)
			continue;
		buf_clear(&b);
		if (within)
			fold_format_within(&b, f, line, within);
		else
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
	return print_lines(out, &f, false, NULL);
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
	return print_lines(out, &f, true, NULL);
}

static int render_plugin(const struct report *r, const struct plugin *p, bool offcpu, FILE *out)
{
	_cleanup_(fold_done) struct fold f = {};
	int err = fold_init(&f, r);

	if (!err)
		err = fold_object(&f, p->object, offcpu);
	if (err)
		return err;
	fold_sort_by_text(&f);
	return print_lines(out, &f, offcpu, p->id);
}

static int render_plugins(const struct report *r, FILE *out)
{
	int err = 0;

	for (size_t i = 0; i < r->plugins.n && !err; i++)
		err = render_plugin(r, &r->plugins.v[i], false, out);
	return err;
}

static int render_plugins_offcpu(const struct report *r, FILE *out)
{
	int err = 0;

	for (size_t i = 0; i < r->plugins.n && !err; i++)
		err = render_plugin(r, &r->plugins.v[i], true, out);
	return err;
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

static const struct view view_plugins_folded_offcpu = {
	.name = "plugins-folded",
	.suffix = ".plugins.folded",
	.render = render_plugins_offcpu,
};

const struct view view_plugins_folded = {
	.name = "plugins-folded",
	.suffix = ".plugins.folded",
	.render = render_plugins,
	.companion = &view_plugins_folded_offcpu,
};
