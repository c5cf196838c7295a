/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C++ exceptions of several types through one to four functions, in two threads: caught by their
 * own type, by a base, by "...", thrown again by `throw;` and by std::rethrow_exception(),
 * nested, and with destructors on the way that call functions and throw and catch by themselves.
 * -n rounds.
 */
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

#include "tally.h"

namespace app
{
class parse_error : public std::runtime_error
{
      public:
	using std::runtime_error::runtime_error;
};

struct quiet {
	int code;
};
} // namespace app

#define RUNTIME "exception std::runtime_error"
#define PARSE   "exception app::parse_error"
#define QUIET   "exception app::quiet"
#define INT     "exception int"
#define LOGIC   "exception std::logic_error"

/* What thrower() does in a round: the type that leaves it, or none. */
static const char *type_of(uint64_t n)
{
	static const char *const types[] = { nullptr, RUNTIME, PARSE, QUIET, INT };

	return types[n % 5];
}

/* The call of `name` that has begun ends by `type`, if there is one. */
static void enter(const char *name, const char *type)
{
	tally_call(name);
	if (!type)
		return;
	tally_unwound(name);
	tally_error(name, type);
}

NOIPA int thrower(uint64_t n)
{
	enter("thrower(unsigned long)", type_of(n));
	switch (n % 5) {
	case 1:
		throw std::runtime_error("runtime");
	case 2:
		throw app::parse_error("parse");
	case 3:
		throw app::quiet{ 3 };
	case 4:
		throw 4;
	}
	return 1;
}

NOIPA int in_cleanup(uint64_t n)
{
	tally_call("in_cleanup(unsigned long)");
	BARRIER();
	return (int)n;
}

/* Throws while another exception is on its way; nothing leaves it. */
NOIPA int catches_inside(uint64_t n)
{
	tally_call("catches_inside(unsigned long)");
	try {
		return thrower(n % 2 ? 1 : 2);
	} catch (const std::runtime_error &e) {
		return e.what()[0];
	}
}

struct guard {
	uint64_t n;

	~guard()
	{
		in_cleanup(n);
		catches_inside(n);
	}
};

NOIPA int pass_1(uint64_t n)
{
	enter("pass_1(unsigned long)", type_of(n));
	int ret = thrower(n);

	BARRIER();
	return ret + 1;
}

NOIPA int pass_2(uint64_t n)
{
	enter("pass_2(unsigned long)", type_of(n));
	guard g{ n };

	return pass_1(n) + 1;
}

NOIPA int pass_3(uint64_t n)
{
	enter("pass_3(unsigned long)", type_of(n));
	int ret = pass_2(n);

	BARRIER();
	return ret + 1;
}

/* Through one to four functions, caught by type, by base or by "...". */
NOIPA int catcher(uint64_t n)
{
	tally_call("catcher(unsigned long)");
	try {
		switch (n % 4) {
		case 0:
			return thrower(n);
		case 1:
			return pass_1(n);
		case 2:
			return pass_2(n);
		default:
			return pass_3(n);
		}
	} catch (const std::runtime_error &) {
		return 1001;
	} catch (int) {
		return 1002;
	} catch (...) {
		return 1003;
	}
}

NOIPA int throws_again(uint64_t n)
{
	enter("throws_again(unsigned long)", type_of(n));
	try {
		return thrower(n);
	} catch (...) {
		in_cleanup(n);
		throw;
	}
}

/* The exception has ended its first journey when it begins its second one. */
NOIPA int throws_kept(uint64_t n)
{
	std::exception_ptr kept;

	enter("throws_kept(unsigned long)", type_of(n));
	try {
		thrower(n);
	} catch (...) {
		kept = std::current_exception();
	}
	if (kept)
		std::rethrow_exception(kept);
	return 1;
}

/* One type comes in, another one goes out. */
NOIPA int translates(uint64_t n)
{
	enter("translates(unsigned long)", type_of(n) ? LOGIC : nullptr);
	try {
		return pass_1(n);
	} catch (...) {
		throw std::logic_error("translated");
	}
}

NOIPA int again_catcher(uint64_t n)
{
	tally_call("again_catcher(unsigned long)");
	int failed = 0;

	for (auto f : { throws_again, throws_kept, translates }) {
		try {
			f(n);
		} catch (...) {
			failed++;
		}
	}
	return failed;
}

static void run(uint64_t rounds, uint64_t *failed)
{
	for (uint64_t n = 0; n < rounds; n++) {
		*failed += catcher(n) > 1000;
		*failed += (uint64_t)again_catcher(n);
	}
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 400), failed[2] = {};
	std::vector<std::thread> threads;

	tally_init();
	workload_ready();
	for (auto &f : failed)
		threads.emplace_back(run, rounds, &f);
	for (auto &t : threads)
		t.join();
	tally_print(",\"failed\":%lu", failed[0] + failed[1]);
	workload_end();
	return 0;
}
