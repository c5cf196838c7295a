/* SPDX-License-Identifier: GPL-2.0-only */
/* Where musl keeps what its loader has to say. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The distance from a thread's pointer to where it has the address of the loader's last message,
 * as the code of dlerror() tells: differs by version. 0: it does not tell.
 */
uint32_t musl_error_offset(const uint8_t *dlerror_code, size_t size);
