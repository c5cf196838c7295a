/* SPDX-License-Identifier: GPL-2.0-only */
/* A library that lifecycle.c opens at run time. */
#include "common.h"

int plug_enter(int n);
int plug_inner(int n);

NOIPA int plug_inner(int n)
{
	BARRIER();
	return n % 2 ? -1 : n;
}

NOIPA int plug_enter(int n)
{
	int ret = plug_inner(n);

	BARRIER();
	return ret;
}
