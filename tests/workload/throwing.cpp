/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C++ exceptions that pass through functions: a return address that somebody has replaced ends
 * this program in std::terminate(). -n ROUNDS; every third one throws through two frames.
 */
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

extern "C" {
#include "common.h"
}

NOIPA int thrower(uint64_t n)
{
	if (n % 3 == 0)
		throw std::runtime_error("every third");
	return 1;
}

NOIPA int passes_through(uint64_t n)
{
	int ret = thrower(n);

	BARRIER();
	return ret + 1;
}

NOIPA int catcher(uint64_t n)
{
	try {
		return passes_through(n);
	} catch (const std::runtime_error &) {
		return -1;
	}
}

static uint64_t caught_in(uint64_t rounds)
{
	uint64_t caught = 0;

	for (uint64_t n = 0; n < rounds; n++)
		caught += catcher(n) < 0;
	return caught;
}

int main(int argc, char **argv)
{
	uint64_t rounds = workload_option(argc, argv, "-n", 3000), caught[2] = {};
	std::vector<std::thread> threads;

	workload_ready();
	for (auto &c : caught)
		threads.emplace_back([&c, rounds] { c = caught_in(rounds); });
	for (auto &t : threads)
		t.join();
	workload_truth("{\"calls\":%lu,\"caught\":%lu}", 2 * rounds, caught[0] + caught[1]);
	workload_end();
	return 0;
}
