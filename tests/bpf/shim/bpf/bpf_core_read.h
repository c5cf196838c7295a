/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads of kernel structures, for BPF code that is compiled on the host. A null pointer on the way
 * gives 0, as the kernel's reads do.
 */
#pragma once

#include <string.h>

#define SHIM_READ1(src, a)                     ((src)->a)
#define SHIM_READ2(src, a, b)                  ((src)->a ? (src)->a->b : 0)
#define SHIM_READ3(src, a, b, c)               ((src)->a && (src)->a->b ? (src)->a->b->c : 0)
#define SHIM_READ(_1, _2, _3, _4, chosen, ...) chosen
#define BPF_CORE_READ(...)                     SHIM_READ(__VA_ARGS__, SHIM_READ3, SHIM_READ2, SHIM_READ1)(__VA_ARGS__)

#define bpf_core_read(to, size, from) (memcpy(to, from, size), 0)

/* A test says of all that are asked for at once whether this kernel has them. */
#define bpf_core_field_exists(field) (!shim.no_fields)
