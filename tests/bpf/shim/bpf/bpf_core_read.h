/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads of kernel structures, for BPF code that is compiled on the host. */
#pragma once

#include <string.h>

#define SHIM_READ1(src, a)                 ((src)->a)
#define SHIM_READ2(src, a, b)              ((src)->a->b)
#define SHIM_READ(_1, _2, _3, chosen, ...) chosen
#define BPF_CORE_READ(...)                 SHIM_READ(__VA_ARGS__, SHIM_READ2, SHIM_READ1)(__VA_ARGS__)

#define bpf_core_read(to, size, from) (memcpy(to, from, size), 0)
