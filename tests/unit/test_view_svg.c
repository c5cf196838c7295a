/* SPDX-License-Identifier: GPL-2.0-only */
/* The still flame graph: well-formed whatever the names, widths in proportion. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sample_report.h"
#include "view/view.h"

static struct report *r;
static char *text;
static size_t len;

static void setup(void)
{
	r = sample_report();
	cr_assert_not_null(r);
}

static void teardown(void)
{
	free(text);
	report_free(r);
}

TestSuite(view_svg, .init = setup, .fini = teardown);

static void render(void)
{
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(view_svg.render(r, out), 0);
	fclose(out);
}

static size_t count(const char *what)
{
	size_t n = 0;

	for (const char *s = text; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

/* Every element is closed in order, and '&' begins an entity: what an XML reader insists on. */
static void assert_well_formed(void)
{
	char open[64][16];
	int depth = 0;

	cr_assert_eq(strlen(text), len, "no zero byte");
	for (const char *s = text; *s; s++) {
		const char *end;

		cr_assert(*s == '\n' || !iscntrl((unsigned char)*s), "control character %d", *s);
		if (*s == '&')
			cr_assert(!strncmp(s, "&lt;", 4) || !strncmp(s, "&gt;", 4) ||
				  !strncmp(s, "&amp;", 5) || !strncmp(s, "&quot;", 6));
		if (*s != '<' || s[1] == '?')
			continue;
		end = strchr(s, '>');
		cr_assert_not_null(end);
		if (s[1] == '/') {
			cr_assert_gt(depth, 0);
			depth--;
			cr_assert_eq(strncmp(s + 2, open[depth], strlen(open[depth])), 0,
				     "%s closed by %.12s", open[depth], s);
		} else if (end[-1] != '/') {
			cr_assert_lt(depth, 64);
			cr_assert(isalpha((unsigned char)s[1]), "%.20s", s);
			snprintf(open[depth++], 16, "%.*s", (int)strcspn(s + 1, " >"), s + 1);
		}
	}
	cr_assert_eq(depth, 0);
}

Test(view_svg, hostile_names_leave_it_well_formed)
{
	render();
	assert_well_formed();
	cr_assert_not_null(strstr(text, "&lt;/script&gt;&lt;b&gt;&amp;&quot;"));
	cr_assert_null(strstr(text, "<script"));
}

Test(view_svg, a_hostile_process_name_leaves_it_well_formed)
{
	r->targets.v[0].comm = report_str(r, "</title><x y=\"\x01\xff&");
	render();
	assert_well_formed();
}

Test(view_svg, it_names_targets_total_and_share_of_incomplete_stacks)
{
	render();
	cr_assert_not_null(strstr(text, "webd (4242), webd-worker (4243)</text>"));
	cr_assert_not_null(strstr(text, "On-CPU: 490 samples in 10.0 s, 1.8% with incomplete"));
}

Test(view_svg, a_frame_is_as_wide_as_its_share)
{
	render();
	/* 180 + 95 of 490 samples on 1168 px, half a pixel apart. */
	cr_assert_not_null(strstr(text,
				  "<title>parse_request (webd), 275 samples, 56.12%</title>"
				  "<rect x=\"16.00\" y=\"95\" width=\"655.01\" height=\"16\"/>"));
}

Test(view_svg, it_draws_a_frame_of_each_kind_and_its_legend)
{
	render();
	for (const char *s = "pkity"; *s; s++) {
		char class[16];

		snprintf(class, sizeof(class), "<g class=\"%c\">", *s);
		cr_assert_geq(count(class), 2, "%s", class);
	}
}

Test(view_svg, names_are_cut_to_their_frame)
{
	render();
	cr_assert_not_null(strstr(text, "std::_Rb\u2026</text>"));
	cr_assert_not_null(strstr(text, "std::_Rb_tree&lt;std::__cxx11::basic_string"));
}

Test(view_svg, cutting_spares_whole_characters)
{
	r->targets.v[1].comm = report_str(r, "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
					     "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
					     "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
					     "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
					     "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4");
	render();
	cr_assert_not_null(strstr(text, "\u00e4\u00e4\u2026</text>"));
}

Test(view_svg, frames_too_narrow_to_see_are_left_out)
{
	size_t drawn;

	render();
	drawn = count("<rect");
	free(text);
	r->cpu_samples.v[0].count = 1000000;
	render();
	cr_assert_lt(count("<rect"), drawn);
	cr_assert_not_null(strstr(text, ">parse_request</text>"));
	cr_assert_null(strstr(text, "vfs_read"));
}

Test(view_svg, without_samples_it_draws_time_off_cpu)
{
	r->cpu_samples.n = 0;
	render();
	assert_well_formed();
	cr_assert_not_null(strstr(text, "Off-CPU: 44.13 s in 10.0 s, 13.6% with incomplete"));
	cr_assert_not_null(strstr(text, ">schedule</text>"));
}

Test(view_svg, with_nothing_at_all_it_says_so)
{
	r->cpu_samples.n = r->offcpu_samples.n = 0;
	render();
	assert_well_formed();
	cr_assert_not_null(strstr(text, "No stacks were recorded."));
}

Test(view_svg, an_empty_report_is_no_trouble)
{
	report_free(r);
	r = report_new();
	render();
	assert_well_formed();
}

Test(view_svg, it_refers_to_nothing_outside)
{
	render();
	cr_assert_eq(count("://"), 1, "the name of SVG alone");
	cr_assert_null(strstr(text, "href"));
	cr_assert_null(strstr(text, "@import"));
}
