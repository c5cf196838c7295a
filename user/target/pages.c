/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages of another process. */
#include "target/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/cleanup.h"

/* Documentation/admin-guide/mm/pagemap.rst; a huge page has an entry for each page of it. */
#define PM_FILE    (1ULL << 61)
#define PM_SWAP    (1ULL << 62) /* also while the kernel moves a page */
#define PM_PRESENT (1ULL << 63)

enum page_kind page_kind_of(uint64_t entry)
{
	if (!(entry & (PM_PRESENT | PM_SWAP)))
		return PAGE_ABSENT;
	return entry & PM_FILE ? PAGE_SHARED : PAGE_PRIVATE;
}

static int open_file(uint32_t pid, const char *name)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : -errno;
}

int pages_open(uint32_t pid, struct pages *ret)
{
	_cleanup_close_ int pagemap = open_file(pid, "pagemap");
	_cleanup_close_ int mem = open_file(pid, "mem");

	if (pagemap < 0 || mem < 0)
		return pagemap < 0 ? pagemap : mem;
	ret->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	ret->first = ret->n = 0;
	ret->pagemap = TAKE_FD(pagemap);
	ret->mem = TAKE_FD(mem);
	return 0;
}

void pages_done(struct pages *p)
{
	close(p->pagemap);
	close(p->mem);
}

int pages_kind(struct pages *p, uint64_t addr, enum page_kind *ret)
{
	uint64_t page = addr / p->page_size;
	ssize_t got;

	if (page - p->first >= p->n) {
		p->n = 0;
		got = pread(p->pagemap, p->entries, sizeof(p->entries),
			    (off_t)(page * sizeof(p->entries[0])));
		if (got < (ssize_t)sizeof(p->entries[0]))
			return got < 0 ? -errno : -ESRCH;
		p->first = page;
		p->n = (uint64_t)got / sizeof(p->entries[0]);
	}
	*ret = page_kind_of(p->entries[page - p->first]);
	return 0;
}

int pages_read(const struct pages *p, uint64_t addr, void *ret, size_t size)
{
	ssize_t got = pread(p->mem, ret, size, (off_t)addr);

	if (got < 0)
		return -errno;
	if (!got && size)
		return -ESRCH;
	return (size_t)got == size ? 0 : -EIO;
}
