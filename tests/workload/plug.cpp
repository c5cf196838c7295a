/* SPDX-License-Identifier: GPL-2.0-only */
/* A plugin of plughost: every way in and out that there is. */
#include "plug.h"

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <unistd.h>

namespace
{
int hidden_op(int n)
{
	BARRIER();
	return n * 2;
}

int compare(const void *a, const void *b)
{
	return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

const struct plug_table ops = { hidden_op };

struct linger {
	linger()
	{
		usleep(PLUG_LINGER_US);
	}
	~linger()
	{
		usleep(PLUG_LINGER_US);
	}
} lingering;
}

extern "C" {
int plug_generation = PLUG_GENERATION;

NOIPA int plug_run(int n)
{
	BARRIER();
	return n % 5 ? n : -1;
}

/* Calls a function that is exported: still its own. */
NOIPA int plug_self(int n)
{
	int ret = plug_run(n % 5 ? n : 1);

	BARRIER();
	return ret;
}

NOIPA int plug_tail(int n)
{
	BARRIER();
	return plug_self(n + 1);
}

NOIPA int plug_sort(int *v, int n)
{
	qsort(v, static_cast<size_t>(n), sizeof(*v), compare);
	BARRIER();
	return n;
}

NOIPA int plug_back(int (*host)(int), int n)
{
	int ret = host(n);

	BARRIER();
	return ret;
}

NOIPA void plug_throw(int n)
{
	BARRIER();
	throw std::runtime_error(n ? "no" : "never");
}

NOIPA const struct plug_table *plug_ops(void)
{
	BARRIER();
	return &ops;
}

NOIPA int plug_sleep(int ms)
{
	usleep(static_cast<useconds_t>(ms) * 1000);
	BARRIER();
	return ms;
}

NOIPA int plug_crash(volatile int *where)
{
	*where = 1;
	BARRIER();
	return 0;
}
}
