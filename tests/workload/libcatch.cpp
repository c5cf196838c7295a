/* SPDX-License-Identifier: GPL-2.0-only */
/* A library with an exception handler. */
extern "C" int catch_something(int (*fn)(void))
{
	try {
		return fn();
	} catch (int e) {
		return e;
	}
}
