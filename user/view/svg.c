/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A still flame graph as one SVG file: no script, no reference to anything outside. It draws
 * on-CPU stacks, or off-CPU ones when nothing else was sampled. Tooltips are <title> elements.
 */
#include "view/view.h"

#include <inttypes.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/flame.h"

#define WIDTH      1200
#define MARGIN     16
#define HEAD       78 /* above the frames: title, subtitle, legend */
#define ROW        17
#define TEXT_DROP  12   /* from a row's top to its base line */
#define CHAR_WIDTH 6.65 /* of the 11 px monospace font */
#define MIN_WIDTH  0.3  /* narrower frames are left out, px */
#define MIN_CHARS  3

static const char *const style =
    "text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "fill:#1c2330}"
    ".bg{fill:#fff}.h{font:600 17px system-ui,sans-serif}.s{font:12px system-ui,sans-serif;"
    "fill:#5b6472}"
    "rect{rx:1.5px}"
    ".p rect{fill:#d6dbe4}.u rect{fill:#f2b27e}.v rect{fill:#f6c193}.k rect{fill:#9cbfe8}"
    ".i rect{fill:#efd88a}.y rect{fill:#a9d3a0}.t rect{fill:#e3e3e3;stroke:#8a8a8a;"
    "stroke-dasharray:3 2}"
    "g:hover>rect{stroke:#1c2330;stroke-width:1}"
    "@media (prefers-color-scheme:dark){.bg{fill:#14171c}.h{fill:#eef1f5}.s{fill:#9aa4b2}}";

/* Name in the legend and class of each kind; process names come after the frame kinds. */
#define KIND_PROCESS (FRAME_TRUNCATED + 1)
static const struct {
	const char *class, *label;
} kinds[] = {
	[FRAME_USER] = { "u", "user" },           [FRAME_KERNEL] = { "k", "kernel" },
	[FRAME_INLINED] = { "i", "inlined" },     [FRAME_INTERPRETED] = { "y", "interpreted" },
	[FRAME_TRUNCATED] = { "t", "truncated" }, [KIND_PROCESS] = { "p", "process" },
};

struct drawing {
	const struct report *r;
	FILE *out;
	enum flame_kind kind;
	struct flame_sites sites;
	struct flame flame;
	double *x;      /* left edge of each node in values, as a share of everything */
	uint32_t depth; /* of the deepest node that is drawn */
	bool used[KIND_PROCESS + 1];
	struct buf label; /* scratch */
};

static void drawing_done(struct drawing *d)
{
	flame_done(&d->flame);
	flame_sites_done(&d->sites);
	free(d->x);
	buf_done(&d->label);
}

/* Text is UTF-8 without control characters by now; only XML's own characters are left. */
static void put_xml(FILE *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (s[i]) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(s[i], out);
		}
	}
}

static uint64_t total(const struct drawing *d)
{
	return flame_total(&d->flame.nodes.v[0]);
}

static double width(const struct drawing *d, const struct flame_node *n)
{
	return total(d) ? (double)flame_total(n) / (double)total(d) * (WIDTH - 2 * MARGIN) : 0;
}

static bool is_drawn(const struct drawing *d, const struct flame_node *n)
{
	return width(d, n) >= MIN_WIDTH;
}

static unsigned int kind_of(const struct drawing *d, const struct flame_node *n)
{
	const struct flame_site *s = &d->sites.v.v[n->site];

	return s->comm ? KIND_PROCESS : d->r->frames.v[s->frame].kind;
}

/* Parents stand before their children, so one pass places every node. */
static int place(struct drawing *d)
{
	size_t n = d->flame.nodes.n;

	d->x = calloc(n, sizeof(*d->x));
	if (!d->x)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct flame_node *node = &d->flame.nodes.v[i];
		double x = d->x[i];

		if (i && is_drawn(d, node)) {
			d->used[kind_of(d, node)] = true;
			if (node->depth > d->depth)
				d->depth = node->depth;
		}
		for (uint32_t c = node->child; c != FLAME_NONE; c = d->flame.nodes.v[c].next) {
			d->x[c] = x;
			x += width(d, &d->flame.nodes.v[c]);
		}
	}
	return 0;
}

static void put_value(const struct drawing *d, uint64_t value)
{
	if (d->kind == FLAME_CPU)
		fprintf(d->out, "%" PRIu64 " sample%s", value, value == 1 ? "" : "s");
	else if (value >= 1000000000)
		fprintf(d->out, "%.2f s", (double)value / 1e9);
	else
		fprintf(d->out, "%.3f ms", (double)value / 1e6);
}

static void put_title(struct drawing *d, const struct flame_node *n)
{
	const struct flame_site *s = &d->sites.v.v[n->site];
	const struct frame *f = s->comm ? NULL : &d->r->frames.v[s->frame];

	fputs("<title>", d->out);
	put_xml(d->out, d->label.data, d->label.len);
	if (f && f->object < d->r->objects.n) {
		struct buf object = {};

		text_clean(&object, d->r->objects.v[f->object].name);
		fputs(" (", d->out);
		put_xml(d->out, buf_str(&object), object.len);
		fputc(')', d->out);
		buf_done(&object);
	}
	fputs(", ", d->out);
	put_value(d, flame_total(n));
	fprintf(d->out, ", %.2f%%</title>", 100.0 * (double)flame_total(n) / (double)total(d));
}

/* As much of the name as fits, in whole characters. */
static void put_name(const struct drawing *d, double x, double y, double w)
{
	const char *s = buf_str(&d->label);
	size_t fits = (size_t)(w > 6 ? (w - 6) / CHAR_WIDTH : 0), chars = 0, end = 0, cut = 0;

	if (fits < MIN_CHARS)
		return;
	for (; s[end]; end++) {
		if ((s[end] & 0xc0) == 0x80)
			continue;
		if (++chars == fits)
			cut = end;
		if (chars > fits)
			break;
	}
	fprintf(d->out, "<text x=\"%.1f\" y=\"%.0f\">", x + 3, y + TEXT_DROP);
	put_xml(d->out, s, chars > fits ? cut : end);
	fputs(chars > fits ? "\u2026</text>" : "</text>", d->out);
}

static void draw_node(struct drawing *d, uint32_t i)
{
	const struct flame_node *n = &d->flame.nodes.v[i];
	double x = MARGIN + d->x[i], w = width(d, n);
	double y = HEAD + (double)(d->depth - n->depth) * ROW;
	unsigned int kind = kind_of(d, n);
	const char *class = kinds[kind].class;

	buf_clear(&d->label);
	flame_label(&d->label, d->r, &d->sites.v.v[n->site]);
	/* Two tints, chosen by name, tell neighbours apart. */
	if (kind == FRAME_USER && table_hash(d->label.data, d->label.len) >> 63)
		class = "v";
	fprintf(d->out, "<g class=\"%s\">", class);
	put_title(d, n);
	fprintf(d->out, "<rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\"/>", x, y,
		w > 1.5 ? w - 0.5 : w, ROW - 1);
	put_name(d, x, y, w);
	fputs("</g>\n", d->out);
}

static void put_legend(const struct drawing *d)
{
	double x = MARGIN;

	for (unsigned int k = 0; k <= KIND_PROCESS; k++) {
		if (!d->used[k])
			continue;
		fprintf(d->out,
			"<g class=\"%s\"><rect x=\"%.0f\" y=\"56\" width=\"11\" height=\"11\"/>"
			"<text class=\"s\" x=\"%.0f\" y=\"66\">%s</text></g>\n",
			kinds[k].class, x, x + 16, kinds[k].label);
		x += 34 + 6.5 * (double)strlen(kinds[k].label);
	}
}

static void put_head(struct drawing *d, double height)
{
	const struct report *r = d->r;
	uint64_t part = d->kind == FLAME_CPU ? r->cpu.truncated : r->offcpu.truncated_ns;
	const char *what = d->kind == FLAME_CPU ? "on-CPU" : "off-CPU";

	buf_clear(&d->label);
	flame_title(&d->label, r);
	fprintf(d->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>",
		WIDTH, height, WIDTH, height);
	put_xml(d->out, buf_str(&d->label), d->label.len);
	fprintf(d->out, ": %s flame graph</title>\n<style>%s</style>\n", what, style);
	fputs("<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n", d->out);
	fprintf(d->out, "<text class=\"h\" x=\"%d\" y=\"27\">", MARGIN);
	put_xml(d->out, buf_str(&d->label), d->label.len);
	fprintf(d->out, "</text>\n<text class=\"s\" x=\"%d\" y=\"46\">%s: ", MARGIN,
		d->kind == FLAME_CPU ? "On-CPU" : "Off-CPU");
	put_value(d, total(d));
	fprintf(d->out, " in %.1f s", (double)r->duration_ns / 1e9);
	if (part && total(d))
		fprintf(d->out, ", %.1f%% with incomplete stacks",
			100.0 * (double)part / (double)total(d));
	fputs("</text>\n", d->out);
}

static int draw(struct drawing *d)
{
	int err = flame_build(d->r, d->kind, &d->sites, &d->flame);

	err = err ?: place(d);
	if (err)
		return err;
	put_head(d, HEAD + (d->depth ? d->depth : 2) * ROW + MARGIN);
	put_legend(d);
	if (!total(d))
		fprintf(d->out,
			"<text class=\"s\" x=\"%d\" y=\"%d\">No stacks were recorded."
			"</text>\n",
			MARGIN, HEAD + ROW);
	for (uint32_t i = 1; i < d->flame.nodes.n; i++) {
		if (is_drawn(d, &d->flame.nodes.v[i]))
			draw_node(d, i);
	}
	fputs("</svg>\n", d->out);
	return d->label.err;
}

static int svg_render(const struct report *r, FILE *out)
{
	_cleanup_(drawing_done) struct drawing d = { .r = r, .out = out };

	if (!r->cpu_samples.n && r->offcpu_samples.n)
		d.kind = FLAME_OFFCPU;
	return draw(&d);
}

const struct view view_svg = { .name = "svg", .suffix = ".svg", .render = svg_render };
