/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plugins that are entered in odd ways, one a build: ODD_TABLE, without exports, registers itself;
 * ODD_OUTER loads and calls another from its constructor; ODD_VTABLE makes objects; ODD_IFUNC has
 * an indirect function; ODD_VERSIONS two versions of one; ODD_BIG ten thousand.
 */
#include "zoo.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string>

#ifdef ODD_TABLE
namespace
{
NOIPA int first(int n)
{
	BARRIER();
	return n + 1;
}

NOIPA int second(int n)
{
	BARRIER();
	return first(n) + 1;
}

const zoo_table table = { first, second };

__attribute__((constructor)) void enter()
{
	zoo_register(&table);
}
} // namespace
#endif

#ifdef ODD_OUTER
namespace
{
int sum;

__attribute__((constructor)) void enter()
{
	const char *dir = getenv("ZOO_DIR");
	void *inner = dlopen((std::string(dir ? dir : ".") + "/plain.so").c_str(), RTLD_NOW);
	auto work = reinterpret_cast<int (*)(int)>(inner ? dlsym(inner, "plain_work") : nullptr);

	for (int i = 0; work && i < 3; i++)
		sum += work(1);
}
} // namespace

extern "C" NOIPA int outer_sum(void)
{
	BARRIER();
	return sum;
}
#endif

#ifdef ODD_VTABLE
namespace
{
struct square : zoo_shape {
	int side;

	explicit square(int n) : side(n)
	{
	}

	NOIPA int area(int n) override
	{
		BARRIER();
		return side * side * n;
	}

	NOIPA int edges() override
	{
		BARRIER();
		return 4;
	}
};
} // namespace

extern "C" NOIPA zoo_shape *vtable_make(int n)
{
	return new square(n);
}
#endif

#ifdef ODD_IFUNC
extern "C" {
static NOIPA int chosen(int n)
{
	BARRIER();
	return n + 7;
}

static NOIPA int not_chosen(int n)
{
	BARRIER();
	return n;
}

static int (*choose(void))(int)
{
	return getenv("ZOO_NEVER_SET") ? not_chosen : chosen;
}

int indirect_work(int) __attribute__((ifunc("choose")));
}
#endif

#ifdef ODD_VERSIONS
extern "C" {
NOIPA int version_old(int n)
{
	BARRIER();
	return n + 1;
}

NOIPA int version_new(int n)
{
	BARRIER();
	return n + 2;
}
__asm__(".symver version_old, version_work@V1");
__asm__(".symver version_new, version_work@@V2");
}
#endif

#ifdef ODD_BIG
#define ONE(n)                                                                                     \
	extern "C" NOIPA int big_##n(int i)                                                        \
	{                                                                                          \
		BARRIER();                                                                         \
		return i + n;                                                                      \
	}
#define TEN(n)                                                                                     \
	ONE(n##0)                                                                                  \
	ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
#define HUNDRED(n)                                                                                 \
	TEN(n##0)                                                                                  \
	TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)
#define THOUSAND(n)                                                                                \
	HUNDRED(n##0)                                                                              \
	HUNDRED(n##1) HUNDRED(n##2) HUNDRED(n##3) HUNDRED(n##4) HUNDRED(n##5) HUNDRED(n##6)        \
	    HUNDRED(n##7) HUNDRED(n##8) HUNDRED(n##9)
THOUSAND(1)
THOUSAND(2) THOUSAND(3) THOUSAND(4) THOUSAND(5) THOUSAND(6) THOUSAND(7) THOUSAND(8) THOUSAND(9)
    THOUSAND(10)
#endif
