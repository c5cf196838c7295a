/* SPDX-License-Identifier: GPL-2.0-only */
/* Feeds code to what looks for frame pointers in it. */
#include <stddef.h>
#include <stdint.h>

#include "sym/framecode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at <= size + 4; at++) {
		framecode_finds_caller(data, size, at);
		framecode_has_frame(data, size, at);
	}
	return 0;
}
