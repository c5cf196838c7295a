/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread iterator's BPF programs, which read stacks in a way of their own. */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#undef __weak
#define __weak static __attribute__((noinline, unused))

#include "bpf/iter.bpf.c"
