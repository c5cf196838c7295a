/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions that many.py writes. */
#pragma once

#include <stdint.h>

extern const uint32_t functions_n;
extern void (*const functions[])(int);
