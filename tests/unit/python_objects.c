/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that runs Python, made of bytes. */
#include "python_objects.h"

#include <errno.h>
#include <string.h>

static int read_fake(void *arg, uint64_t addr, void *ret, size_t size)
{
	const struct fake_process *f = arg;

	if (addr < FAKE_BASE || addr - FAKE_BASE > FAKE_SIZE ||
	    size > FAKE_SIZE - (addr - FAKE_BASE))
		return -EFAULT;
	memcpy(ret, f->bytes + (addr - FAKE_BASE), size);
	return 0;
}

void fake_init(struct fake_process *f)
{
	*f = (struct fake_process){};
	f->memory = (struct python_memory){ read_fake, f };
}

void fake_word(struct fake_process *f, uint64_t addr, uint64_t value)
{
	fake_bytes(f, addr, &value, sizeof(value));
}

void fake_bytes(struct fake_process *f, uint64_t addr, const void *data, size_t size)
{
	memcpy(f->bytes + (addr - FAKE_BASE), data, size);
}
