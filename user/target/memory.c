/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of another process, read while it runs on. */
#include "target/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE 4096UL

int memory_read(uint32_t pid, uint64_t addr, void *ret, size_t size)
{
	struct iovec to = { ret, size };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process */
	struct iovec from = { (void *)addr, size };
	ssize_t n = size ? process_vm_readv((pid_t)pid, &to, 1, &from, 1, 0) : 0;

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

bool memory_read_u64(uint32_t pid, uint64_t addr, uint64_t *ret)
{
	return !memory_read(pid, addr, ret, sizeof(*ret));
}

/* By pages: what follows a string may not be mapped. */
int memory_read_string(uint32_t pid, uint64_t addr, char *ret, size_t size)
{
	size_t done = 0;

	while (done + 1 < size) {
		size_t n = PAGE - (addr + done) % PAGE;
		int err;

		if (n > size - 1 - done)
			n = size - 1 - done;
		err = memory_read(pid, addr + done, ret + done, n);
		if (err)
			return err;
		if (memchr(ret + done, '\0', n))
			return 0;
		done += n;
	}
	ret[done] = '\0';
	return 0;
}
