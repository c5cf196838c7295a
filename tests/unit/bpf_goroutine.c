/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF programs of goroutines, whose shadow stack is smaller than threads': with functions of
 * their own where the others have some of the same name.
 */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#undef __weak
#define __weak static __attribute__((noinline, unused))

#include "bpf/goroutine.bpf.c"
