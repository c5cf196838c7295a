/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's types for BPF code that is compiled on the host; bool becomes a type for good. */
#pragma once

#undef bool
#undef true
#undef false

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#include "../../../vmlinux/vmlinux.h"
#pragma GCC diagnostic pop
