/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a gzip file by zlib. */
#include "lib/gzip.h"

#include <errno.h>
#include <zlib.h>

int gzip_write(const struct buf *b, FILE *out)
{
	unsigned char block[16384];
	z_stream z = { .next_in = (void *)b->data };
	size_t left = b->len;
	int err;

	/* 15 + 16: the largest window, with gzip's header. */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return -ENOMEM;
	do {
		if (!z.avail_in) {
			z.avail_in = left > 1u << 30 ? 1u << 30 : (uInt)left;
			left -= z.avail_in;
		}
		z.next_out = block;
		z.avail_out = sizeof(block);
		err = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
		fwrite(block, 1, sizeof(block) - z.avail_out, out);
	} while (err == Z_OK || (err == Z_BUF_ERROR && left));
	deflateEnd(&z);
	return err == Z_STREAM_END ? 0 : -EIO;
}
