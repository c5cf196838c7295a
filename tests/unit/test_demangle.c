/* SPDX-License-Identifier: GPL-2.0-only */
/* Readable names of mangled symbols. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/buf.h"
#include "sym/demangle.h"

struct name {
	char mangled[128], readable[160]; /* "": not a mangled name */
};

ParameterizedTestParameters(demangle, makes_names_readable)
{
	static struct name cases[] = {
		{ "_ZN3foo3barEi", "foo::bar(int)" },
		{ "_ZNSt6vectorIiSaIiEE9push_backERKi",
		  "std::vector<int, std::allocator<int> >::push_back(int const&)" },
		{ "_ZN3foo3barEi.cold", "foo::bar(int) [clone .cold]" },
		{ "_ZN3foo3barEi@plt", "foo::bar(int)@plt" },
		{ "_ZTV3foo", "vtable for foo" },
		{ "_ZN3std2io5Write9write_fmt17h0123456789abcdefE", "std::io::Write::write_fmt" },
		{ "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.123456",
		  "core::fmt::Formatter::pad" },
		{ "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$"
		  "3fmt17h0123456789abcdefE.cold.1",
		  "<alloc::string::String as core::fmt::Display>::fmt [clone .cold.1]" },
		{ "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
		{ "_RNvCs1234_7mycrate3foo.llvm.17", "mycrate::foo" },
		{ "_RNvCs1234_7mycrate3foo.cold", "mycrate::foo [clone .cold]" },
		{ "_ZN12_GLOBAL__N_13HidD2Ev.part.0.constprop.0.lto_priv.3",
		  "(anonymous namespace)::Hid::~Hid() [clone .part.0] [clone .constprop.0] "
		  "[clone .lto_priv.3]" },
		{ "_ZZ4mainENKUliE_clEi.isra.0@plt",
		  "main::{lambda(int)#1}::operator()(int) const [clone .isra.0]@plt" },
		{ "_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>" },
		{ "_D3std5stdio7writelnFZv", "std.stdio.writeln()" },
		{ "_D3std5stdio7writelnFZv.part.0.cold",
		  "std.stdio.writeln() [clone .part.0] [clone .cold]" },
		{ "_D4shop4saveFNkMAiZv", "shop.save(scope return int[])" },
		{ "_D4shop6aNkMbcFNkMAiZv", "" },
		{ "main", "" },
		{ "main.(*T).Method", "" },
		{ "", "" },
		{ "_", "" },
		{ "_Z", "" },
		{ "_ZN", "" },
		{ "_R", "" },
		{ "_D", "" },
		{ "_Zebra", "" },
		{ "@plt", "" },
		{ "_Z@plt", "" },
	};

	return cr_make_param_array(struct name, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct name *c, demangle, makes_names_readable)
{
	char *text = demangle(c->mangled);

	cr_expect_str_eq(text ? text : "", c->readable, "%s", c->mangled);
	free(text);
}

static void expect_soon(const char *name)
{
	clock_t start = clock();
	char *text = demangle(name);

	cr_expect(!text || strlen(text) <= 65536 + 16);
	cr_expect_lt((double)(clock() - start) / CLOCKS_PER_SEC, 1.0);
	free(text);
}

static void add_reference(struct buf *b, unsigned int n)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (n > 36)
		buf_printf(b, "S%c%c_", digits[(n - 1) / 36], digits[(n - 1) % 36]);
	else if (n)
		buf_printf(b, "S%c_", digits[n - 1]);
	else
		buf_add_str(b, "S_");
}

Test(demangle, gives_up_on_references_that_double_each_time)
{
	struct buf b = {};

	/* f(pair<int,int>, pair<first, first>, pair<second, second>, …) */
	buf_add_str(&b, "_Z1fSt4pairIiiE");
	for (unsigned int i = 1; i < 60; i++) {
		buf_add_str(&b, "S_I");
		add_reference(&b, i);
		add_reference(&b, i);
		buf_add_char(&b, 'E');
	}
	expect_soon(buf_str(&b));
	buf_done(&b);
}

Test(demangle, bounds_depth_and_length)
{
	static const char *const prefixes[] = { "_Z1fP", "_R", "_RNvC1aTTTTTT", "_D1aP", "_ZN" };
	static const char fillers[] = "PKFTINSARQB0";

	for (size_t p = 0; p < sizeof(prefixes) / sizeof(*prefixes); p++) {
		for (const char *c = fillers; *c; c++) {
			char name[8192];
			size_t len = strlen(prefixes[p]);

			strcpy(name, prefixes[p]);
			memset(name + len, *c, 4000 - len);
			name[4000] = '\0';
			expect_soon(name);
			memset(name + len, *c, sizeof(name) - len);
			name[sizeof(name) - 1] = '\0';
			cr_expect_null(demangle(name));
		}
	}
}

ParameterizedTestParameters(demangle, makes_names_of_types_readable)
{
	static struct name cases[] = {
		{ "St13runtime_error", "std::runtime_error" },
		{ "N3foo3barE", "foo::bar" },
		{ "i", "int" },
		{ "PKc", "char const*" },
		{ "3Foo", "Foo" },
		{ "*N12_GLOBAL__N_13FooE", "(anonymous namespace)::Foo" },
		{ "St6vectorIiSaIiEE", "std::vector<int, std::allocator<int> >" },
		{ "N5boost10wrapexceptISt13runtime_errorEE",
		  "boost::wrapexcept<std::runtime_error>" },
		{ "Z4mainE5Local", "main::Local" },
		{ "Dn", "decltype(nullptr)" },
		{ "main", "" },
		{ "Foo", "" },
		{ "_Z3foov", "" },
		{ "_ZN3foo3barE", "" },
		{ "3foo3bar", "" },
		{ "9foo", "" },
		{ "*", "" },
		{ "", "" },
	};

	return cr_make_param_array(struct name, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct name *c, demangle, makes_names_of_types_readable)
{
	char *text = demangle_type(c->mangled);

	cr_expect_str_eq(text ? text : "", c->readable, "%s", c->mangled);
	free(text);
}

Test(demangle, bounds_names_of_types)
{
	char name[8192], *text;

	memset(name, 'P', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_expect_null(demangle_type(name));
	/* Short enough, but nested deeper than the demangler goes. */
	name[3999] = 'i';
	name[4000] = '\0';
	cr_expect_null(demangle_type(name));
	text = demangle_type(name + 3950);
	cr_assert_not_null(text);
	cr_expect_eq(strlen(text), strlen("int") + 49);
	free(text);
}
