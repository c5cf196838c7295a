/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a function compares, by its name. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "sym/rettype.h"

struct name_case {
	char name[80];
	bool compares;
};

ParameterizedTestParameters(comparison, is_told_by_the_last_part_of_a_name)
{
	static struct name_case cases[] = {
		{ "strcmp", true },
		{ "__strncasecmp_l_avx2", true },
		{ "cmpint", true },
		{ "compare_names", true },
		{ "nameCompare", true },
		{ "compareTo", true },
		{ "strcoll", true },
		{ "difftime", true },
		{ "ydhms_diff", true },
		{ "cmp.constprop.0", true },
		{ "ns_compare.isra.0.cold", true },
		{ "_ZN3foo7compareERKS_", true },
		{ "_ZN3foo3cmpEP10Something", true },
		{ "_ZNK3foomiERKS_", true },      /* foo::operator-(foo const&) const */
		{ "_ZN3foossERKS_", true },       /* foo::operator<=> */
		{ "_ZN3foopTEv", false },         /* foo::operator->() */
		{ "_Z3addP10Comparator", false }, /* what it is given does not count */
		{ "_ZN10Comparator3addEi", false },
		{ "_Z3addIN3cmp1xEEiT_", false },
		{ "_ZN12_GLOBAL__N_17compareEii", true },
		{ "sort.Compare", true },
		{ "main.(*T).Compare", true },
		{ "main.(*Compare).Add", false },
		{ "order_by_size", true },
		{ "sort_order", true },
		{ "place_order", false },
		{ "order_create", false },
		{ "icmp_send", false },
		{ "cmpxchg", false },
		{ "diffuse", false },
		{ "read", false },
		{ "_ZN", false },
		{ "", false },
		{ "a_name_that_is_longer_than_any_word_verylongverylongverylongverylongcmp", true },
	};

	return cr_make_param_array(struct name_case, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct name_case *c, comparison, is_told_by_the_last_part_of_a_name)
{
	cr_expect_eq(return_is_comparison(c->name), c->compares, "%s", c->name);
}
