/* SPDX-License-Identifier: GPL-2.0-only */
/* Which view a name or a file chooses. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "view/view.h"

Test(view, every_name_that_messages_list_is_a_view)
{
	char *names = strdup(view_names()), *save = NULL;
	size_t n = 0;

	for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		const struct view *view = view_by_name(name);

		cr_assert_not_null(view, "%s", name);
		cr_assert_str_eq(view->name, name);
		n++;
	}
	cr_assert_eq(n, 10);
	free(names);
}

Test(view, a_files_suffix_chooses)
{
	cr_assert_eq(view_by_suffix("x.txt"), &view_text);
	cr_assert_eq(view_by_suffix("/tmp/a.b/x.json"), &view_json);
	cr_assert_eq(view_by_suffix("x.csv"), &view_csv);
	cr_assert_eq(view_by_suffix("x.folded"), &view_folded);
	cr_assert_eq(view_by_suffix("x.html"), &view_html);
	cr_assert_eq(view_by_suffix("x.svg"), &view_svg);
	cr_assert_eq(view_by_suffix("x.pb.gz"), &view_pprof);
	cr_assert_eq(view_by_suffix("x.pprof"), &view_pprof);
	cr_assert_eq(view_by_suffix("x.pftrace"), &view_perfetto);
	cr_assert_eq(view_by_suffix("x.perfetto-trace"), &view_perfetto);
	cr_assert_eq(view_by_suffix("x.trace.json"), &view_chrome);
}

Test(view, the_off_cpu_file_is_written_beside_and_never_chosen)
{
	cr_assert_eq(view_by_suffix("x.offcpu.folded"), &view_folded);
	cr_assert_eq(view_by_name("folded"), &view_folded);
	cr_assert_eq(view_folded.companion, &view_folded_offcpu);
	cr_assert_null(view_folded_offcpu.companion);
}

Test(view, the_longest_suffix_wins)
{
	cr_assert_eq(view_by_suffix("trace.json"), &view_json);
	cr_assert_eq(view_by_suffix("x.trace.json"), &view_chrome);
	cr_assert_eq(view_by_suffix("x_trace.json"), &view_json);
	cr_assert_eq(view_by_suffix("x.plugins.folded"), &view_plugins_folded);
	cr_assert_eq(view_by_suffix("plugins.folded"), &view_folded);
}

Test(view, anything_else_chooses_nothing)
{
	cr_assert_null(view_by_suffix("x"));
	cr_assert_null(view_by_suffix(""));
	cr_assert_null(view_by_suffix("json"));
	cr_assert_null(view_by_suffix("x.gz"));
	cr_assert_null(view_by_suffix("x.json.bak"));
	cr_assert_null(view_by_name(""));
	cr_assert_null(view_by_name("JSON"));
	cr_assert_null(view_by_name("jso"));
}
