/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as the code of dlerror(): an offset within a thread's structure, or none. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "trace/muslerror.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (musl_error_offset(data, size) >= 4096)
		abort();
	return 0;
}
