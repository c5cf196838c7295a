/* SPDX-License-Identifier: GPL-2.0-only */
/* What functions return, by the debug information of several compilers. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiled.h"
#include "elf_image.h"
#include "sym/rettype.h"
#include "sym/symbols.h"

struct expectation {
	const char *function;
	enum return_kind kind;
	uint8_t width, reg;
};

static const char c_source[] =
    "#include <sys/types.h>\n#include <stdbool.h>\n"
    "enum negative { NONE = -1, SOME }; enum positive { A, B };\n"
    "struct s { int a; }; typedef int (*callback)(void); typedef const volatile int cvint;\n"
    "typedef void nothing;\n"
    "int f_int(void) { return 1; }\n"
    "ssize_t f_ssize(void) { return 1; }\n"
    "off_t f_off(void) { return 1; }\n"
    "short f_short(void) { return 1; }\n"
    "cvint f_cvint(void) { return 1; }\n"
    "unsigned f_unsigned(void) { return 1; }\n"
    "size_t f_size(void) { return 1; }\n"
    "unsigned char f_uchar(void) { return 1; }\n"
    "bool f_bool(void) { return 1; }\n"
    "void f_void(void) {}\n"
    "nothing f_nothing(void) {}\n"
    "char *f_string(void) { return 0; }\n"
    "void *f_pointer(void) { return 0; }\n"
    "callback f_callback(void) { return 0; }\n"
    "enum negative f_negative(void) { return NONE; }\n"
    "enum positive f_positive(void) { return A; }\n"
    "struct s f_struct(void) { struct s s = { 1 }; return s; }\n"
    "double f_double(void) { return 1; }\n"
    "__int128 f_int128(void) { return 1; }\n"
    "static __attribute__((noinline)) int f_static(int i) { static volatile int v; return v + i; }"
    "\nint f_calls(int i) { return f_static(i); }\n";

static const struct expectation c_expected[] = {
	{ "f_int", RETURN_INT, 4, 0 },         { "f_ssize", RETURN_INT, 8, 0 },
	{ "f_off", RETURN_INT, 8, 0 },         { "f_short", RETURN_INT, 2, 0 },
	{ "f_cvint", RETURN_INT, 4, 0 },       { "f_unsigned", RETURN_UNSIGNED, 4, 0 },
	{ "f_size", RETURN_UNSIGNED, 8, 0 },   { "f_uchar", RETURN_UNSIGNED, 1, 0 },
	{ "f_bool", RETURN_BOOL, 1, 0 },       { "f_void", RETURN_VOID, 0, 0 },
	{ "f_nothing", RETURN_VOID, 0, 0 },    { "f_string", RETURN_POINTER, 8, 0 },
	{ "f_pointer", RETURN_POINTER, 8, 0 }, { "f_callback", RETURN_POINTER, 8, 0 },
	{ "f_negative", RETURN_INT, 4, 0 },    { "f_positive", RETURN_UNSIGNED, 4, 0 },
	{ "f_struct", RETURN_OTHER, 0, 0 },    { "f_double", RETURN_OTHER, 0, 0 },
	{ "f_int128", RETURN_OTHER, 0, 0 },    { "f_static", RETURN_INT, 4, 0 },
	{ NULL, RETURN_UNKNOWN, 0, 0 },
};

static struct return_types *open_types(int fd)
{
	struct return_types *t = NULL;

	cr_assert_eq(return_types_open(fd, NULL, "", &t), 0);
	return t;
}

static void expect_types(const struct compiled *c, int fd, const struct expectation *e)
{
	struct return_types *t = open_types(fd);

	for (; e->function; e++) {
		struct return_type type = {};

		cr_expect(return_type_of(t, compiled_addr(c, e->function), &type), "%s",
			  e->function);
		cr_expect(type.kind == e->kind && type.width == e->width && type.reg == e->reg,
			  "%s: kind %d width %d reg %d, expected %d %d %d", e->function, type.kind,
			  type.width, type.reg, e->kind, e->width, e->reg);
	}
	return_types_free(t);
}

static void expect_compiled(const char *command, const char *source, const struct expectation *e)
{
	struct compiled c = {};

	compiled_open(&c, command, source);
	expect_types(&c, c.fd, e);
	compiled_done(&c);
}

struct command {
	char line[112];
};

/* Of functions with equal code (-fipa-icf) one is described only: not to be told apart here. */
ParameterizedTestParameters(rettype, knows_what_functions_of_c_return)
{
	static struct command commands[] = {
		{ "gcc -g -O1 -shared -fPIC -x c -" },
		{ "gcc -g -O2 -fno-ipa-icf -gdwarf-4 -fdebug-types-section -shared -fPIC -x c -" },
		{ "gcc -g -gdwarf-2 -gstrict-dwarf -shared -fPIC -x c -" },
		{ "gcc -g -O1 -gz -shared -fPIC -x c -" },
		{ "gcc -g -O2 -fno-ipa-icf -ffunction-sections -Wl,--gc-sections -shared -fPIC -x "
		  "c -" },
		{ "gcc -g -O2 -fno-ipa-icf -flto -shared -fPIC -x c -" },
		{ "clang -g -O1 -fuse-ld=bfd -shared -fPIC -x c -" },
	};

	return cr_make_param_array(struct command, commands, sizeof(commands) / sizeof(*commands));
}

ParameterizedTest(struct command *c, rettype, knows_what_functions_of_c_return)
{
	expect_compiled(c->line, c_source, c_expected);
}

static const char cxx_source[] =
    "#include <stddef.h>\n"
    "struct A { int member(int); static bool fixed(); virtual ~A(); A(); };\n"
    "int A::member(int i) { return i; }\n"
    "bool A::fixed() { return true; }\n"
    "A::A() {}\nA::~A() {}\n"
    "enum class E : int { none = -1, some }; enum class F : int { a, b };\n"
    "enum class Number : long {};\n"
    "namespace ns { namespace inner { E e(int i) { return i ? E::none : E::some; } }\n"
    "F f(int i) { return i ? F::a : F::b; } }\n"
    "Number n(int i) { return Number(i); }\n"
    "int &reference(int &i) { return i; }\n"
    "int &&rvalue(int &i) { return static_cast<int &&>(i); }\n"
    "auto automatic(int i) { return i + 3l; }\n"
    "A object(int) { return A(); }\n"
    "decltype(nullptr) null(int) { return nullptr; }\n"
    "template <class T> T plus(T t) { return t + 1; }\n"
    "template int plus<int>(int); template unsigned char plus<unsigned char>(unsigned char);\n"
    "int local(int i) { struct L { static __attribute__((noinline)) char *hidden() {\n"
    "static char c; return &c; } }; return *L::hidden() + i; }\n";

static const struct expectation cxx_expected[] = {
	{ "_ZN1A6memberEi", RETURN_INT, 4, 0 },
	{ "_ZN1A5fixedEv", RETURN_BOOL, 1, 0 },
	{ "_ZN1AC1Ev", RETURN_VOID, 0, 0 },
	{ "_ZN1AD1Ev", RETURN_VOID, 0, 0 },
	{ "_ZN2ns5inner1eEi", RETURN_INT, 4, 0 },
	{ "_ZN2ns1fEi", RETURN_UNSIGNED, 4, 0 },
	{ "_Z1ni", RETURN_INT, 8, 0 },
	{ "_Z9referenceRi", RETURN_OTHER, 0, 0 },
	{ "_Z6rvalueRi", RETURN_OTHER, 0, 0 },
	{ "_Z9automatici", RETURN_INT, 8, 0 },
	{ "_Z6objecti", RETURN_OTHER, 0, 0 },
	{ "_Z4nulli", RETURN_UNKNOWN, 0, 0 },
	{ "_Z4plusIiET_S0_", RETURN_INT, 4, 0 },
	{ "_Z4plusIhET_S0_", RETURN_UNSIGNED, 1, 0 },
	{ "_ZZ5localiEN1L6hiddenEv", RETURN_POINTER, 8, 0 },
	{ NULL, RETURN_UNKNOWN, 0, 0 },
};

Test(rettype, knows_what_functions_of_cxx_return)
{
	expect_compiled("g++ -g -O0 -shared -fPIC -x c++ -", cxx_source, cxx_expected);
}

Test(rettype, does_not_guess_what_assembler_returns)
{
	static const struct expectation expected[] = { { "f", RETURN_UNKNOWN, 0, 0 }, { NULL } };

	expect_compiled("gcc -g -shared -nostdlib -x assembler -",
			".globl f\n.type f,@function\nf: ret\n.size f,.-f\n", expected);
}

Test(rettype, says_where_go_returns_an_error)
{
	static const char source[] =
	    "package main\nimport (\"errors\"; \"os\")\n"
	    "type S struct { a int; b string }\ntype T struct { f float64; x [1]int; y [2]int }\n"
	    "type M struct{}\n"
	    "//go:noinline\nfunc one(n int) error { if n > 5 { return errors.New(\"x\") }; "
	    "return nil }\n"
	    "//go:noinline\nfunc number(n int) (int, error) { return n, one(n) }\n"
	    "//go:noinline\nfunc str(n int) (string, error) { return \"a\", one(n) }\n"
	    "//go:noinline\nfunc slice(n int) ([]byte, error) { return nil, one(n) }\n"
	    "//go:noinline\nfunc structure(n int) (S, error) { return S{}, one(n) }\n"
	    "//go:noinline\nfunc float(n int) (float64, error) { return 1, one(n) }\n"
	    "//go:noinline\nfunc stacked(n int) (T, error) { return T{}, one(n) }\n"
	    "//go:noinline\nfunc blank(n int) (_ int, _ string, err error) { err = one(n); "
	    "return }\n"
	    "//go:noinline\nfunc seven(n int) (a, b, c, d, e, f, g int, err error) { err = one(n); "
	    "return }\n"
	    "//go:noinline\nfunc eight(n int) (a, b, c, d, e, f, g, h int, err error) { "
	    "err = one(n); return }\n"
	    "//go:noinline\nfunc first(n int) (error, int) { return one(n), 1 }\n"
	    "//go:noinline\nfunc words(n int) (map[string]int, chan int, func(), any, complex128, "
	    "error) { return nil, nil, nil, nil, 0, one(n) }\n"
	    "//go:noinline\nfunc nothing(n int) { println(n) }\n"
	    "//go:noinline\nfunc noError(n int) int { return n - 1 }\n"
	    "//go:noinline\nfunc (m *M) Do(n int) (*M, error) { return m, one(n) }\n"
	    "func inlined(n int) (a int, err error) { if n > 3 { err = errors.New(\"e\") }; "
	    "return n, err }\n"
	    "var v = inlined\n"
	    "func main() { n := len(os.Args); number(n); str(n); slice(n); structure(n); float(n); "
	    "stacked(n); blank(n); seven(n); eight(n); first(n); words(n); nothing(n); "
	    "noError(n); inlined(n); v(n); (&M{}).Do(n) }\n";
	static const struct expectation expected[] = {
		{ "main.one", RETURN_GO_ERROR, 8, 0 },
		{ "main.number", RETURN_GO_ERROR, 8, 1 },
		{ "main.str", RETURN_GO_ERROR, 8, 2 },
		{ "main.slice", RETURN_GO_ERROR, 8, 3 },
		{ "main.structure", RETURN_GO_ERROR, 8, 3 },
		{ "main.float", RETURN_GO_ERROR, 8, 0 },
		{ "main.stacked", RETURN_GO_ERROR, 8, 0 },
		{ "main.blank", RETURN_GO_ERROR, 8, 3 },
		{ "main.seven", RETURN_GO_ERROR, 8, 7 },
		{ "main.eight", RETURN_UNKNOWN, 0, 0 },
		{ "main.first", RETURN_GO_ERROR, 8, 0 },
		{ "main.words", RETURN_GO_ERROR, 8, 5 },
		{ "main.nothing", RETURN_VOID, 0, 0 },
		{ "main.noError", RETURN_OTHER, 0, 0 },
		{ "main.(*M).Do", RETURN_GO_ERROR, 8, 1 },
		{ "main.inlined", RETURN_GO_ERROR, 8, 1 },
		{ NULL, RETURN_UNKNOWN, 0, 0 },
	};

	if (system("command -v go >/dev/null") != 0)
		cr_skip_test("go: not installed");
	/* go builds files only. */
	expect_compiled("sh -c 'd=$(mktemp -d); cat >$d/a.go; go build \"$@\" $d/a.go; s=$?; "
			"rm -r $d; exit $s' go",
			source, expected);
}

Test(rettype, reads_the_separate_debug_file_beside_an_object)
{
	struct compiled c = {};
	char command[512];
	struct return_types *t;
	struct return_type type;
	int fd;

	compiled_open(&c, "gcc -g -O1 -shared -fPIC -Wl,--build-id -x c -", c_source);
	snprintf(command, sizeof(command),
		 "objcopy --only-keep-debug %s %s.debug && "
		 "objcopy --strip-debug --add-gnu-debuglink=%s.debug %s %s.stripped",
		 c.path, c.path, c.path, c.path, c.path);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof(command), "%s.stripped", c.path);
	fd = open(command, O_RDONLY | O_CLOEXEC);
	cr_expect_eq(return_types_open(fd, NULL, "", &t), -ENODATA);
	cr_assert_eq(return_types_open(fd, command, "", &t), 0);
	cr_expect(return_type_of(t, compiled_addr(&c, "f_ssize"), &type));
	cr_expect(type.kind == RETURN_INT && type.width == 8);
	return_types_free(t);
	close(fd);
	unlink(command);
	snprintf(command, sizeof(command), "%s.debug", c.path);
	unlink(command);
	compiled_done(&c);
}

/* dwz moves types that two objects share to a third file. */
Test(rettype, reads_types_that_dwz_moved_away)
{
	struct compiled a = {}, b = {};
	char command[512], common[80];

	if (system("command -v dwz >/dev/null") != 0)
		cr_skip_test("dwz: not installed");
	compiled_open(&a, "gcc -g -O1 -shared -fPIC -Wl,--build-id -x c -", c_source);
	compiled_open(&b, "gcc -g -O2 -fno-ipa-icf -shared -fPIC -Wl,--build-id -x c -", c_source);
	snprintf(common, sizeof(common), "%s.common", a.path);
	snprintf(command, sizeof(command), "dwz -m %s -M %s %s %s", common, common, a.path, b.path);
	cr_assert_eq(system(command), 0);
	close(a.fd);
	a.fd = open(a.path, O_RDONLY | O_CLOEXEC);
	expect_types(&a, a.fd, c_expected);
	/* Without the common file what is left is told, nothing is made up. */
	unlink(common);
	for (const struct expectation *e = c_expected; e->function; e++) {
		struct return_types *t = open_types(a.fd);
		struct return_type type = {};

		if (return_type_of(t, compiled_addr(&a, e->function), &type))
			cr_expect(type.kind == RETURN_UNKNOWN || type.kind == e->kind, "%s",
				  e->function);
		return_types_free(t);
	}
	compiled_done(&a);
	compiled_done(&b);
}

Test(rettype, knows_nothing_of_other_addresses)
{
	struct compiled c = {};
	struct return_type type = { .kind = 77 };
	struct return_types *t;

	compiled_open(&c, "gcc -g -O1 -shared -fPIC -x c -", c_source);
	t = open_types(c.fd);
	cr_expect_not(return_type_of(t, compiled_addr(&c, "f_int") + 1, &type));
	cr_expect_not(return_type_of(t, 0, &type));
	cr_expect_not(return_type_of(t, UINT64_MAX, &type));
	cr_expect_eq(type.kind, 77);
	return_types_free(t);
	compiled_done(&c);
}

Test(rettype, says_when_there_is_no_debug_information)
{
	struct compiled c = {};
	struct return_types *t = NULL;

	compiled_open(&c, "gcc -shared -fPIC -x c -", c_source);
	cr_expect_eq(return_types_open(c.fd, c.path, NULL, &t), -ENODATA);
	cr_expect_null(t);
	return_types_free(t);
	compiled_done(&c);
}
