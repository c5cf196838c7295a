/* SPDX-License-Identifier: GPL-2.0-only */
/* The argument of -t. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "trace/spec.h"

struct form {
	char text[80], parsed[128]; /* as describe() writes it */
};

/* "KIND|BINARY|PROVIDER|GLOB !GLOB GLOB 1:str <-1:long" */
static void describe(struct buf *b, const struct spec *s)
{
	static const char *const kinds[] = { "f", "usdt", "k", "sys" },
				 *const ops[] = { "", "<", "==", "!=" },
				 *const widths[] = { "int", "long", "ptr" },
				 *const types[] = { "int", "long", "ptr", "str" };
	const char *blank = "";

	buf_printf(b, "%s|%s|%s|", kinds[s->kind], s->binary ? s->binary : "",
		   s->provider ? s->provider : "");
	vec_foreach (g, &s->globs) {
		buf_printf(b, "%s%s%s", blank, g->negative ? "!" : "", g->glob);
		for (uint32_t i = 0; i < g->args.n; i++)
			buf_printf(b, " %u:%s", g->args.v[i].number, types[g->args.v[i].type]);
		if (g->pred.op == SPEC_PRED_NEVER)
			buf_printf(b, " never");
		else if (g->pred.op)
			buf_printf(b, " %s%" PRId64 ":%s", ops[g->pred.op], g->pred.value,
				   widths[g->pred.width]);
		blank = " ";
	}
}

ParameterizedTestParameters(spec, forms_are_understood)
{
	static struct form cases[] = {
		{ "f", "f|||f" },
		{ "a*,b*,!ab", "f|||a* b* !ab" },
		{ "!ab,a*", "f|||!ab a*" },
		{ "libx.so:f*", "f|libx.so||f*" },
		{ "/usr/lib/libx.so.1:f*,g", "f|/usr/lib/libx.so.1||f* g" },
		{ "lib*.so*:!a,b", "f|lib*.so*||!a b" },
		{ "ns::f*", "f|||ns::f*" },
		{ "ns::a::f", "f|||ns::a::f" },
		{ "::f", "f|||::f" },
		{ "libx.so:ns::f", "f|libx.so||ns::f" },
		{ "libx.so:::f", "f|libx.so||::f" },
		{ "a::b:c", "f|a::b||c" },
		{ "a\\:b", "f|||a\\:b" },
		{ "a\\:b:c", "f|a\\:b||c" },
		{ "f[a:b]", "f|||f[a:b]" },
		{ "f(int, long),g", "f|||f(int, long) g" },
		{ "map<int,long>::find*,g", "f|||map<int,long>::find* g" },
		{ "{lambda(auto:1)#1}::operator()*", "f|||{lambda(auto:1)#1}::operator()*" },
		{ "operator<<*,g", "f|||operator<<* g" },
		{ "a::operator->,g>", "f|||a::operator-> g>" },
		{ "x<,g", "f|||x< g" },
		{ "k:tcp_*", "k|||tcp_*" },
		{ "k::f", "f|||k::f" },
		{ "sys:read,write*", "sys|||read write*" },
		{ "sys::f", "f|||sys::f" },
		{ "usdt:/bin/x:prov:na*,b", "usdt|/bin/x|prov|na* b" },
		{ "usdt::f", "f|||usdt::f" },
		{ "f@ret<0", "f|||f <0:int" },
		{ "f@ret<0:long", "f|||f <0:long" },
		{ "f@ret==null", "f|||f ==0:ptr" },
		{ "f@ret!=null", "f|||f !=0:ptr" },
		{ "f@ret==-1", "f|||f ==-1:int" },
		{ "f@ret==0x10:ptr", "f|||f ==16:ptr" },
		{ "f@ret==0xffffffffffffffff", "f|||f ==-1:long" },
		{ "f@ret==4294967296", "f|||f ==4294967296:long" },
		{ "f@ret==-9223372036854775808", "f|||f ==-9223372036854775808:long" },
		{ "sys:read@ret<0", "sys|||read <0:long" },
		{ "a@ret<0,b,c@ret!=0:int", "f|||a <0:int b c !=0:int" },
		{ "a@ret<0,b>,c", "f|||a <0:int b> c" },
		{ "libx.so:a@ret<0:long,b@ret==null", "f|libx.so||a <0:long b ==0:ptr" },
		{ "ns::f<a,b>@ret<0:int,g", "f|||ns::f<a,b> <0:int g" },
		{ "a\\@b@ret<0", "f|||a\\@b <0:int" },
		{ "f@never", "f|||f never" },
		{ "a@never,b@ret<0,c", "f|||a never b <0:int c" },
		{ "sys:*@never", "sys|||* never" },
		{ "f(arg1)", "f|||f 1:long" },
		{ "f(arg1:int,arg2:long,arg3:ptr,arg4:str)", "f|||f 1:int 2:long 3:ptr 4:str" },
		{ "f(arg6:str,arg1,arg6)", "f|||f 6:str 1:long 6:long" },
		{ "f(arg2:str)@ret<0:long", "f|||f 2:str <0:long" },
		{ "f(arg1)@never,g(arg2:ptr),h", "f|||f 1:long never g 2:ptr h" },
		{ "libx.so:f(arg1:str)", "f|libx.so||f 1:str" },
		{ "ns::f(int)(arg1:str)", "f|||ns::f(int) 1:str" },
		{ "f(int, char*)(arg2:str)@ret<0", "f|||f(int, char*) 2:str <0:int" },
		{ "ns::operator()(arg1)", "f|||ns::operator() 1:long" },
		{ "usdt:/bin/x:prov:name(arg1:str,arg2)", "usdt|/bin/x|prov|name 1:str 2:long" },
		{ "f(argv)", "f|||f(argv)" },
		{ "f(argument)", "f|||f(argument)" },
		{ "f()", "f|||f()" },
		{ "f(arg)", "f|||f(arg)" },
		{ "f(arg1", "f|||f(arg1" },
	};

	return cr_make_param_array(struct form, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct form *c, spec, forms_are_understood)
{
	struct spec s = {};
	struct buf b = {};
	char why[256];
	int err = spec_parse(c->text, &s, why, sizeof(why));

	cr_assert_eq(err, 0, "'%s': %s", c->text, why);
	describe(&b, &s);
	cr_assert_str_eq(buf_str(&b), c->parsed, "'%s' is %s", c->text, buf_str(&b));
	buf_done(&b);
	spec_done(&s);
}

ParameterizedTestParameters(spec, mistakes_are_named)
{
	static struct form cases[] = {
		{ "", "the SPEC is empty" },
		{ ",a", "a name is missing, at byte 1 " },
		{ "a,", "a name is missing, at the end of 'a,'" },
		{ "a,,b", "a name is missing, at byte 3 " },
		{ "libx.so:", "a name is missing" },
		{ ":f", "BINARY is missing before ':', at byte 1 " },
		{ "!", "a name is missing" },
		{ "!a", "it only takes away" },
		{ "@ret<0", "a name is missing" },
		{ "!libx.so:a", "'!' belongs before a GLOB" },
		{ "a:b,c:d", "a SPEC has one BINARY: give the next its own -t, at byte 6 " },
		{ "a:b:c", "a SPEC has one BINARY" },
		{ "k:", "a name is missing" },
		{ "sys:", "a name is missing" },
		{ "usdt:a", "expected usdt:BINARY:PROVIDER:NAME" },
		{ "usdt:a:b", "expected usdt:BINARY:PROVIDER:NAME" },
		{ "usdt:a:b@ret<0:int", "expected usdt:BINARY:PROVIDER:NAME" },
		{ "usdt:a::b", "expected usdt:BINARY:PROVIDER:NAME" },
		{ "usdt:a:b:", "a name is missing" },
		{ "a,!b@ret<0", "a glob that takes away has no predicate, at byte 5 " },
		{ "f@", "expected ret<0, ret==0" },
		{ "f@foo", "expected ret<0, ret==0" },
		{ "f@ret", "expected '<', '==' or '!='" },
		{ "f@ret>0", "expected '<', '==' or '!=' after 'ret', at byte 6 " },
		{ "f@ret==", "expected a number or 'null'" },
		{ "f@ret<null", "expected a number or 'null'" },
		{ "f@ret==-", "expected a number or 'null'" },
		{ "f@ret==1x", "unexpected text after the value, at byte 9 " },
		{ "f@ret<0:short", "unknown width: expected :int, :long or :ptr, at byte 8 " },
		{ "f@ret==4294967296:int", "does not fit an int" },
		{ "f@ret==9223372036854775808", "does not fit 64 bits" },
		{ "f@ret==0x10000000000000000", "does not fit 64 bits" },
		{ "f@nevermore", "expected ret<0, ret==0" },
		{ "a,!f@never", "a glob that takes away has no predicate" },
		{ "f(arg0)", "arguments are arg1 to arg6, at byte 6 " },
		{ "f(arg7)", "arguments are arg1 to arg6" },
		{ "f(arg1,argx)", "arguments are arg1 to arg6, at byte 11 " },
		{ "f(arg1,,arg2)", "arguments are arg1 to arg6" },
		{ "f(arg12)", "unknown type: expected :int, :long, :ptr or :str" },
		{ "f(arg1:)", "unknown type" },
		{ "f(arg1:char)", "unknown type: expected :int, :long, :ptr or :str, at byte 7 " },
		{ "f(arg1:strx)", "unknown type" },
		{ "f(arg1 )", "unknown type" },
		{ "f(arg1,arg1,arg1,arg1,arg1,arg1,arg1)", "more than 6 arguments" },
	};

	return cr_make_param_array(struct form, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct form *c, spec, mistakes_are_named)
{
	struct spec s = { .kind = SPEC_SYSCALL };
	char why[256] = "";

	cr_assert_eq(spec_parse(c->text, &s, why, sizeof(why)), -EINVAL, "'%s'", c->text);
	cr_assert(strstr(why, c->parsed), "'%s': %s", c->text, why);
	cr_assert_eq(s.kind, SPEC_SYSCALL, "the result was touched");
	cr_assert_null(s.globs.v);
}

Test(spec, matches_names_and_finds_the_predicate)
{
	struct spec s = {};
	struct spec_pred pred = {};
	char why[256];

	cr_assert_eq(spec_parse("read*@ret<0,readdir@ret==null,!read_x,w", &s, why, sizeof(why)),
		     0);
	cr_assert(spec_match(&s, "read", &pred));
	cr_assert_eq(pred.op, SPEC_PRED_LT);
	cr_assert(spec_match(&s, "readdir", &pred));
	cr_assert_eq(pred.op, SPEC_PRED_EQ);
	cr_assert_eq(pred.width, SPEC_PTR);
	cr_assert(spec_match(&s, "w", &pred));
	cr_assert_eq(pred.op, SPEC_PRED_NONE);
	cr_assert_not(spec_match(&s, "read_x", &pred));
	cr_assert_not(spec_match(&s, "x", NULL));
	spec_done(&s);
}

Test(spec, never_overrides_what_stands_before_it)
{
	struct spec s = {};
	struct spec_pred pred = {};
	char why[256];

	cr_assert_eq(spec_parse("*@ret<0,quiet@never", &s, why, sizeof(why)), 0, "%s", why);
	cr_assert(spec_match(&s, "loud", &pred));
	cr_assert_eq(pred.op, SPEC_PRED_LT);
	cr_assert(spec_match(&s, "quiet", &pred));
	cr_assert_eq(pred.op, SPEC_PRED_NEVER);
	spec_done(&s);
}

Test(spec, the_last_glob_that_names_arguments_decides_them)
{
	struct spec s = {};
	char why[256];

	cr_assert_eq(
	    spec_parse("*(arg1),open*(arg2:str),openat,!close(arg3)", &s, why, sizeof(why)), 0,
	    "%s", why);
	cr_assert_eq(spec_args_of(&s, "read")->n, 1);
	cr_assert_eq(spec_args_of(&s, "read")->v[0].number, 1);
	cr_assert_eq(spec_args_of(&s, "openat")->v[0].number, 2);
	cr_assert_eq(spec_args_of(&s, "openat")->v[0].type, SPEC_ARG_STR);
	cr_assert_eq(spec_args_of(&s, "close")->v[0].number, 1, "not of what takes away");
	spec_done(&s);
	cr_assert_eq(spec_parse("f,g(arg1)", &s, why, sizeof(why)), 0);
	cr_assert_null(spec_args_of(&s, "f"));
	cr_assert_null(spec_args_of(&s, "h"));
	spec_done(&s);
}

Test(spec, pasted_names_match_themselves)
{
	struct spec s = {};
	char why[256];

	cr_assert_eq(spec_parse("f[abi:cxx11](int, long)", &s, why, sizeof(why)), 0, "%s", why);
	cr_assert(spec_match(&s, "f[abi:cxx11](int, long)", NULL));
	spec_done(&s);
}

Test(spec, done_twice_is_harmless)
{
	struct spec s = {};
	char why[256];

	cr_assert_eq(spec_parse("usdt:a:b:c", &s, why, sizeof(why)), 0);
	spec_done(&s);
	spec_done(&s);
	cr_assert_null(s.binary);
}
