/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report as one HTML file that works from disk and asks nobody for anything. Its parts,
 * user/view/html/, are built in; the report itself is data beside the script (html_data.c).
 *
 * Names from the target are hostile. They reach the page as JSON in a script element that does
 * not run, and as text nodes; should one slip through all the same, the page's own policy runs
 * no script but those whose digests were known when pathbpf was built.
 */
#include "view/view.h"

#include <errno.h>
#include <string.h>

#include "data/report.h"
#include "lib/cleanup.h"
#include "view/flame.h"
#include "view/html_data.h"

/* Made by tools/embed.sh. */
#define PART(name) extern const char html_##name[], html_##name##_sha256[]
PART(page_html);
PART(style_css);
PART(tree_js);
PART(chart_js);
PART(tables_js);
PART(page_js);
PART(start_js);

static const struct {
	const char *text, *digest;
} scripts[] = {
	{ html_tree_js, html_tree_js_sha256 },     { html_chart_js, html_chart_js_sha256 },
	{ html_tables_js, html_tables_js_sha256 }, { html_page_js, html_page_js_sha256 },
	{ html_start_js, html_start_js_sha256 },
};

#define SCRIPTS (sizeof(scripts) / sizeof(scripts[0]))

static int put_title(const struct report *r, FILE *out)
{
	struct buf title = {};
	int err;

	flame_title(&title, r);
	for (const char *s = buf_str(&title); *s; s++) {
		if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '&')
			fputs("&amp;", out);
		else
			fputc(*s, out);
	}
	err = title.err;
	buf_done(&title);
	return err;
}

static int put_data(const struct report *r, FILE *out)
{
	struct buf data = {};
	int err = html_data(&data, r);

	if (!err)
		fwrite(data.data, 1, data.len, out);
	buf_done(&data);
	return err;
}

/* What stands in the page for a mark @NAME@. */
static int put_mark(const struct report *r, const char *name, size_t len, FILE *out)
{
	if (len == 5 && !memcmp(name, "TITLE", len))
		return put_title(r, out);
	if (len == 4 && !memcmp(name, "DATA", len))
		return put_data(r, out);
	if (len == 5 && !memcmp(name, "STYLE", len)) {
		fputs(html_style_css, out);
	} else if (len == 10 && !memcmp(name, "STYLE_HASH", len)) {
		fprintf(out, "'sha256-%s'", html_style_css_sha256);
	} else if (len == 7 && !memcmp(name, "SCRIPTS", len)) {
		for (size_t i = 0; i < SCRIPTS; i++)
			fprintf(out, "<script>%s</script>\n", scripts[i].text);
	} else if (len == 13 && !memcmp(name, "SCRIPT_HASHES", len)) {
		for (size_t i = 0; i < SCRIPTS; i++)
			fprintf(out, "%s'sha256-%s'", i ? " " : "", scripts[i].digest);
	} else {
		return -EINVAL;
	}
	return 0;
}

static int html_render(const struct report *r, FILE *out)
{
	const char *s = html_page_html, *mark, *end;
	int err = 0;

	while (!err && (mark = strchr(s, '@')) && (end = strchr(mark + 1, '@'))) {
		fwrite(s, 1, (size_t)(mark - s), out);
		err = put_mark(r, mark + 1, (size_t)(end - mark - 1), out);
		s = end + 1;
	}
	fputs(s, out);
	return err;
}

const struct view view_html = { .name = "html", .suffix = ".html", .render = html_render };
