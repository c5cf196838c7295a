/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, times, percentages, rates and process IDs. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "lib/parse.h"

#define HOUR_NS UINT64_C(3600000000000)

struct duration {
	char text[32];
	uint64_t ns; /* 0: refused */
};

ParameterizedTestParameters(parse, durations_have_decimals_and_units)
{
	static struct duration cases[] = {
		{ "1", 1000000000 },
		{ "0.5", 500000000 },
		{ ".5", 500000000 },
		{ "10s", 10000000000 },
		{ "500ms", 500000000 },
		{ "1.5ms", 1500000 },
		{ "2m", 120000000000 },
		{ "0.5h", HOUR_NS / 2 },
		{ "1h", HOUR_NS },
		{ "7us", 7000 },
		{ "9ns", 9 },
		{ "0.000000001", 1 },
		{ "0.0000000019", 1 },
		{ "1.1h", 0 }, /* above the limit */
		{ "99999999999999999999", 0 },
		{ "18446744073709551615h", 0 },
		{ "", 0 },
		{ "0", 0 },
		{ "0.0000000001", 0 },
		{ "-1", 0 },
		{ "+1", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "1d", 0 },
		{ "1.", 0 },
		{ ".", 0 },
		{ "1.2.3", 0 },
		{ "1e3", 0 },
		{ "0x10", 0 },
		{ "inf", 0 },
		{ "ms", 0 },
	};

	return cr_make_param_array(struct duration, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct duration *c, parse, durations_have_decimals_and_units)
{
	uint64_t ns = 77;
	char why[128] = "";
	int err = parse_duration(c->text, HOUR_NS, &ns, why, sizeof(why));

	if (c->ns) {
		cr_assert_eq(err, 0, "'%s': %s", c->text, why);
		cr_assert_eq(ns, c->ns, "'%s' gave %lu", c->text, ns);
	} else {
		cr_assert_eq(err, -EINVAL, "'%s' gave %lu", c->text, ns);
		cr_assert_eq(ns, 77, "'%s' touched the result", c->text);
		cr_assert(strstr(why, c->text), "'%s'", why);
	}
}

Test(parse, numbers_keep_to_their_range)
{
	uint64_t n = 0;
	char why[128];

	cr_assert_eq(parse_number("5", 5, 9, &n, why, sizeof(why)), 0);
	cr_assert_eq(n, 5);
	cr_assert_eq(parse_number("18446744073709551615", 0, UINT64_MAX, &n, why, sizeof(why)), 0);
	cr_assert_eq(n, UINT64_MAX);
	cr_assert_eq(parse_number("18446744073709551616", 0, UINT64_MAX, &n, why, sizeof(why)),
		     -EINVAL);
	cr_assert_eq(parse_number("4", 5, 9, &n, why, sizeof(why)), -EINVAL);
	cr_assert_str_eq(why, "4 is not within 5 to 9");
	cr_assert_eq(parse_number("10", 5, 9, &n, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_number("x", 5, 9, &n, why, sizeof(why)), -EINVAL);
	cr_assert_str_eq(why, "'x' is not a whole number");
	cr_assert_eq(parse_number("7.0", 5, 9, &n, why, sizeof(why)), -EINVAL);
	cr_assert_eq(n, UINT64_MAX);
}

Test(parse, percentages_may_carry_their_sign)
{
	double v = 0;
	char why[128];

	cr_assert_eq(parse_percent("0.5", 0, 100, &v, why, sizeof(why)), 0);
	cr_assert_float_eq(v, 0.5, 1e-9);
	cr_assert_eq(parse_percent("2%", 0, 100, &v, why, sizeof(why)), 0);
	cr_assert_float_eq(v, 2, 1e-9);
	cr_assert_eq(parse_percent("101", 0, 100, &v, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_percent("-1", 0, 100, &v, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_percent("2%%", 0, 100, &v, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_percent("%", 0, 100, &v, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_percent("nan", 0, 100, &v, why, sizeof(why)), -EINVAL);
	cr_assert_float_eq(v, 2, 1e-9);
}

Test(parse, frequencies_go_from_1_to_49999)
{
	uint32_t hz = 0;
	char why[128];

	cr_assert_eq(parse_frequency("99", &hz, why, sizeof(why)), 0);
	cr_assert_eq(hz, 99);
	cr_assert_eq(parse_frequency("49999Hz", &hz, why, sizeof(why)), 0);
	cr_assert_eq(hz, 49999);
	cr_assert_eq(parse_frequency("0", &hz, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_frequency("50000", &hz, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_frequency("4294967395", &hz, why, sizeof(why)), -EINVAL);
	cr_assert_eq(parse_frequency("99kHz", &hz, why, sizeof(why)), -EINVAL);
	cr_assert_eq(hz, 49999);
}

Test(parse, process_ids_come_in_lists)
{
	u32_vec pids = {};
	char why[128];

	cr_assert_eq(parse_pids("1,22,4194304", &pids, why, sizeof(why)), 0);
	cr_assert_eq(pids.n, 3);
	cr_assert_eq(pids.v[1], 22);
	cr_assert_eq(pids.v[2], 4194304);
	vec_done(&pids);
}

Test(parse, a_wrong_list_of_process_ids_adds_nothing)
{
	static const char *const wrong[] = {
		"",    "5,", ",5", "5,,6", "0",   "5,5",   "4194305",
		"5,x", "-5", "5 ", "7",    "5;6", "5,1e3", "99999999999999999999"
	};
	u32_vec pids = {};
	char why[128];

	cr_assert_eq(vec_push(&pids, 7), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		*why = '\0';
		cr_assert_eq(parse_pids(wrong[i], &pids, why, sizeof(why)), -EINVAL, "'%s'",
			     wrong[i]);
		cr_assert_neq(*why, '\0');
		cr_assert_eq(pids.n, 1);
	}
	parse_pids("5,5", &pids, why, sizeof(why));
	cr_assert_str_eq(why, "process 5 is named twice");
	vec_done(&pids);
}

Test(parse, messages_fit_small_buffers)
{
	uint64_t n;
	char why[8];

	cr_assert_eq(parse_number("not a number at all", 0, 1, &n, why, sizeof(why)), -EINVAL);
	cr_assert_eq(strlen(why), sizeof(why) - 1);
}

Test(parse, sizes_have_powers_of_1024)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "0", 0 },
		{ "1048576", 1048576 },
		{ "7B", 7 },
		{ "64K", 65536 },
		{ "64KiB", 65536 },
		{ "100M", 104857600 },
		{ "100MB", 104857600 },
		{ "1.5G", 1610612736 },
		{ "2T", 2199023255552 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const wrong[] = { "",         "M",   "1m",    "1Kb",
					     "1KiBs",    "1 K", "-1",    "1e6",
					     ".",        "1.",  "1..2K", "18446744073709551616",
					     "16777216T" };
	char why[128];
	uint64_t v;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cr_assert_eq(parse_bytes(sizes[i].text, &v, why, sizeof(why)), 0, "%s",
			     sizes[i].text);
		cr_assert_eq(v, sizes[i].bytes, "%s", sizes[i].text);
	}
	v = 42;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(parse_bytes(wrong[i], &v, why, sizeof(why)), -EINVAL, "'%s'",
			     wrong[i]);
	cr_assert_eq(v, 42, "nothing is set by a failure");
}
