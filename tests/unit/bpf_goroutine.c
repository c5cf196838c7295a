/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF programs of goroutines, whose shadow stack is smaller than threads'. */
#include <criterion/criterion.h>

#include "bpf_calls.h"

#include "bpf/goroutine.bpf.c"
