/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a BPF iterator. */
#include "trace/iterate.h"

#include <errno.h>
#include <linux/types.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

#define OUT_MAX (256UL << 20)

static int read_all(int fd, struct buf *out)
{
	char piece[32768]; /* of the kernel's own buffer */
	ssize_t n;

	do {
		n = read(fd, piece, sizeof(piece));
		if (n > 0 && out)
			buf_add(out, piece, (size_t)n);
		if (out && (out->err || out->len > OUT_MAX))
			return out->err ? out->err : -EFBIG;
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	return n < 0 ? -errno : 0;
}

int iterate(struct bpf_program *prog, struct buf *out)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	_cleanup_close_ int fd = -1;
	int err;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? -errno : read_all(fd, out);
	bpf_link__destroy(link);
	return err;
}
