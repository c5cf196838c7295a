/* SPDX-License-Identifier: GPL-2.0-only */
/* JIT dumps: any bytes are read, in two pieces; what is found is part of them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym/codemap.h"
#include "sym/jitdump.h"

static void look_up(const struct codemap *m, uint64_t addr, uint64_t time_ns, const uint8_t *data,
		    size_t size)
{
	struct code_place place;

	if (!codemap_find(m, addr, time_ns, &place))
		return;
	if (!memmem(data, size, place.name, strlen(place.name)))
		abort();
	if (place.file && !memmem(data, size, place.file, strlen(place.file)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	struct jitdump dump = {};
	struct codemap *m = NULL;

	if (fd < 0)
		return 0;
	if (!codemap_new(&m) && write(fd, data, size / 2) == (ssize_t)(size / 2)) {
		jitdump_read(&dump, fd, 1000, m);
		if (write(fd, data + size / 2, size - size / 2) >= 0)
			jitdump_read(&dump, fd, 1000, m);
		for (uint64_t addr = 1; addr; addr <<= 1) {
			look_up(m, addr, 0, data, size);
			look_up(m, addr - 1, UINT64_MAX, data, size);
		}
	}
	codemap_free(m);
	close(fd);
	return 0;
}
