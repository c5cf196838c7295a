/* SPDX-License-Identifier: GPL-2.0-only */
/* The list of all views. */
#include "view/view.h"

#include <stddef.h>
#include <string.h>

/* A view stands here once for every suffix that chooses it; its own suffix first. */
static const struct {
	const char *suffix;
	const struct view *view;
} choices[] = {
	{ ".txt", &view_text },          { ".json", &view_json },
	{ ".folded", &view_folded },     { ".html", &view_html },
	{ ".svg", &view_svg },           { ".csv", &view_csv },
	{ ".pb.gz", &view_pprof },       { ".pprof", &view_pprof },
	{ ".pftrace", &view_perfetto },  { ".perfetto-trace", &view_perfetto },
	{ ".trace.json", &view_chrome }, { ".plugins.folded", &view_plugins_folded },
};

#define CHOICES (sizeof(choices) / sizeof(choices[0]))

const struct view *view_by_name(const char *name)
{
	for (size_t i = 0; i < CHOICES; i++) {
		if (!strcmp(choices[i].view->name, name))
			return choices[i].view;
	}
	return NULL;
}

const struct view *view_by_suffix(const char *file)
{
	const struct view *best = NULL;
	size_t len = strlen(file), best_len = 0;

	for (size_t i = 0; i < CHOICES; i++) {
		size_t n = strlen(choices[i].suffix);

		if (n > best_len && n <= len && !strcmp(file + len - n, choices[i].suffix)) {
			best = choices[i].view;
			best_len = n;
		}
	}
	return best;
}

const char *view_names(void)
{
	return "text json folded html svg csv pprof perfetto chrome plugins-folded";
}
