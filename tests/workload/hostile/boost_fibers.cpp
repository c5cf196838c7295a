/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boost.context: -f continuations that give the thread away in the middle of functions, -n times
 * each, and one that an exception leaves by the stack's unwinding when it is dropped unfinished.
 * Built twice: with the shared library, and with the archive, which leaves only hidden symbols.
 */
#include <boost/context/fiber.hpp>
#include <vector>

#include "tally.h"

namespace ctx = boost::context;

#define YIELD "boost_yield(boost::context::fiber&&)"

NOIPA ctx::fiber boost_yield(ctx::fiber &&to)
{
	tally_call(YIELD);
	return std::move(to).resume();
}

/* C linkage names, so that globs stay readable. */
extern "C" NOIPA uint64_t boost_inner(ctx::fiber *home, uint64_t n)
{
	tally_call("boost_inner");
	*home = boost_yield(std::move(*home));
	return n + 1;
}

extern "C" NOIPA uint64_t boost_outer(ctx::fiber *home, uint64_t n)
{
	tally_call("boost_outer");
	uint64_t sum = boost_inner(home, n);

	BARRIER();
	return sum + 1;
}

static ctx::fiber make(uint64_t rounds, uint64_t *sum)
{
	return ctx::fiber([rounds, sum](ctx::fiber &&home) {
		for (uint64_t n = 0; n < rounds; n++)
			*sum += boost_outer(&home, n);
		return std::move(home);
	});
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 100), sum = 0, dropped = 0;
	std::vector<ctx::fiber> fibers;

	tally_init();
	workload_ready();
	for (uint64_t i = 0; i < workload_option(argc, argv, "-f", 10); i++)
		fibers.push_back(make(rounds, &sum));
	for (uint64_t n = 0; n <= rounds; n++)
		for (auto &f : fibers)
			f = std::move(f).resume();
	for (auto &f : fibers)
		dropped += f ? 1 : 0;
	{
		ctx::fiber unfinished = make(rounds, &sum);

		unfinished = std::move(unfinished).resume();
		/* Dropped while it is parked: boost throws through boost_inner and boost_outer. */
		for (const char *f : { YIELD, "boost_inner", "boost_outer" }) {
			tally_unwound(f);
			tally_error(f, "exception boost::context::detail::forced_unwind");
		}
	}
	tally_print(",\"sum\":%lu,\"left\":%lu", sum, dropped);
	workload_end();
	return 0;
}
