/* SPDX-License-Identifier: GPL-2.0-only */
/* Between plughost and its plugins. */
#pragma once

#ifndef PLUG_GENERATION
#define PLUG_GENERATION 1
#endif
#define PLUG_LINGER_US 3000 /* a constructor, and a destructor */

#define NOIPA     __attribute__((noipa))
#define BARRIER() __asm__ volatile("" ::: "memory")

struct plug_table {
	int (*op)(int);
};
