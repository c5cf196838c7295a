/* SPDX-License-Identifier: GPL-2.0-only */
/* What may speak against a return probe on a function, seen at a glance: without decoding it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Might the bytes hold
 *   - a jump to the first of them: a probe there is hit again within a call, and the kernel keeps
 *     one more return probe each time;
 *   - a `ret` that takes arguments off the stack (c2 iw): behind it the stack pointer does not
 *     tell the frame?
 * True also for many that do not: whoever is told so decodes the function.
 */
bool glance_is_odd(const uint8_t *code, size_t size);
