/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages on standard error. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <string.h>

#include "lib/log.h"

Test(log, an_error_appends_its_text_and_is_handed_on, .init = cr_redirect_stderr)
{
	cr_assert_eq(log_err(-ENOENT, "cannot read '%s'", "x"), -ENOENT);
	cr_assert_eq(log_err(0, "plain"), 0);
	fflush(stderr);
	cr_assert_stderr_eq_str("pathbpf: cannot read 'x': No such file or directory\n"
				"pathbpf: plain\n");
}

Test(log, hostile_bytes_stay_on_the_line, .init = cr_redirect_stderr)
{
	log_err(0, "cannot read '%s'", "a\x1b[31m\nb\x80 ä");
	fflush(stderr);
	cr_assert_stderr_eq_str("pathbpf: cannot read 'a?[31m?b? ä'\n");
}

Test(log, a_long_message_is_cut_between_characters, .init = cr_redirect_stderr)
{
	char name[2048], expected[2048] = "pathbpf: ";

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "ä", 2);
	name[sizeof(name) - 2] = '\0';
	log_err(0, "%s", name);
	for (size_t i = 0; i < 511; i++)
		strcat(expected, "ä");
	strcat(expected, "?\n");
	fflush(stderr);
	cr_assert_stderr_eq_str(expected);
}

Test(log, levels_above_the_chosen_one_are_dropped, .init = cr_redirect_stderr)
{
	log_set_level(LOG_ERR);
	log_warn(0, "unheard");
	log_set_level(LOG_DEBUG);
	log_debug("two\nlines");
	fflush(stderr);
	cr_assert_stderr_eq_str("pathbpf: two\nlines\n");
}
