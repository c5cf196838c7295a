/* SPDX-License-Identifier: GPL-2.0-only */
/* Unpacks .gnu_debugdata. */
#include "sym/minidebug.h"

#include <errno.h>
#include <lzma.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define PACKED_MAX   (32u << 20)
#define UNPACKED_MAX (128u << 20)
#define MEMORY_MAX   (96u << 20) /* of the decoder; what `xz -9` makes needs 65 MiB */
#define BLOCK        65536

static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static int error_of(lzma_ret ret)
{
	switch (ret) {
	case LZMA_OK:
	case LZMA_STREAM_END:
		return 0;
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -EFBIG;
	default:
		return -EBADMSG;
	}
}

static int unpack(lzma_stream *stream, int fd)
{
	_cleanup_free_ uint8_t *block = malloc(BLOCK);
	lzma_ret ret = LZMA_OK;
	int err = block ? 0 : -ENOMEM;

	while (!err && ret != LZMA_STREAM_END) {
		stream->next_out = block;
		stream->avail_out = BLOCK;
		ret = lzma_code(stream, LZMA_FINISH);
		err = error_of(ret);
		if (!err && stream->total_out > UNPACKED_MAX)
			err = -EFBIG;
		if (!err)
			err = write_all(fd, block, BLOCK - stream->avail_out);
	}
	return err;
}

int minidebug_open(const struct elf_file *f)
{
	const Elf_Data *d = elf_section_data(elf_section_named(f, ".gnu_debugdata"));
	lzma_stream stream = LZMA_STREAM_INIT;
	_cleanup_close_ int fd = -1;
	int err;

	if (!d)
		return -ENOENT;
	if (d->d_size > PACKED_MAX)
		return -EFBIG;
	fd = memfd_create("pathbpf-minidebug", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = error_of(lzma_stream_decoder(&stream, MEMORY_MAX, 0));
	stream.next_in = d->d_buf;
	stream.avail_in = d->d_size;
	if (!err)
		err = unpack(&stream, fd);
	lzma_end(&stream);
	return err ? err : TAKE_FD(fd);
}
