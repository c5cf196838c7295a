/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols and lines of JIT-compiled code from JIT dumps. */
#include "sym/jitdump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/vec.h"
#include "sym/codemap.h"

#define MAGIC      0x4a695444 /* "JiTD" in the writer's byte order: ours */
#define VERSION    1
#define ARCH_CLOCK 1 /* flag: times are of the processor's counter */
#define AHEAD_NS   1000000000ULL

/* Bounds on what a target can make us read. */
#define FILE_MAX   (4ULL << 30)
#define RECORD_MAX (16U << 20)
#define NAME_MAX_  4096
#define LINES_MAX  65536 /* of a function */

/* V8 writes addresses of lines as they lie in the ELF file that perf makes, behind its header. */
#define V8_NAME   "JS:"
#define V8_HEADER 0x40

enum record { CODE_LOAD, CODE_MOVE, CODE_DEBUG_INFO };

struct file_header {
	uint32_t magic, version, size, machine, pad, pid;
	uint64_t time_ns, flags;
};

struct record_header {
	uint32_t id, size;
	uint64_t time_ns;
};

struct load {
	uint32_t pid, tid;
	uint64_t vma, addr, size, index;
}; /* name, code */

struct move {
	uint32_t pid, tid;
	uint64_t vma, from, to, size, index;
};

struct debug_info {
	uint64_t addr, entries;
}; /* of line_entry */

struct line_entry {
	uint64_t addr;
	uint32_t line, discriminator;
}; /* file */

typedef VEC(struct code_line) line_vec;

/* What precedes a function's load. Not to be believed in parts: some V8 writes any bytes as names.
 */
struct pending {
	uint64_t addr;
	char *record; /* owned; holds the names of files */
	bool broken;
	line_vec lines;
};

struct reader {
	struct jitdump *dump;
	int fd;
	struct codemap *map;
	struct pending pending;
};

static void pending_done(struct pending *p)
{
	vec_done(&p->lines);
	free(p->record);
	*p = (struct pending){};
}

static void reader_done(struct reader *r)
{
	pending_done(&r->pending);
}

/* All of it: 1; 0: the file ends before; or a negative errno. */
static int read_at(int fd, uint64_t offset, void *ret, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)ret + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		done += n > 0 ? (size_t)n : 0;
	}
	return 1;
}

static int read_header(struct reader *r, uint64_t now_ns)
{
	struct jitdump *d = r->dump;
	struct file_header h;
	int n = read_at(r->fd, 0, &h, sizeof(h));

	if (n <= 0)
		return n;
	if (h.magic != MAGIC || h.version != VERSION || h.size < sizeof(h) || h.size > RECORD_MAX)
		return -EPROTO;
	d->no_time = h.flags & ARCH_CLOCK || h.time_ns > now_ns + AHEAD_NS;
	d->offset = h.size;
	return 1;
}

static int by_offset(const void *a, const void *b)
{
	const struct code_line *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Keeps the lines for the load that follows; takes over the record, which ends with a NUL. */
static int see_debug_info(struct reader *r, char *record, size_t size)
{
	size_t at = sizeof(struct record_header) + sizeof(struct debug_info);
	struct debug_info info;
	int err = 0;

	pending_done(&r->pending);
	r->pending.record = record;
	if (size < at)
		return -EPROTO;
	memcpy(&info, record + sizeof(struct record_header), sizeof(info));
	r->pending.addr = info.addr;
	r->pending.broken = true;
	for (uint64_t i = 0; i < info.entries && i < LINES_MAX && !err; i++) {
		struct line_entry e;
		const char *file;

		if (size - at < sizeof(e))
			return 0;
		memcpy(&e, record + at, sizeof(e));
		file = record + at + sizeof(e);
		at += sizeof(e) + strnlen(file, size - at - sizeof(e)) + 1;
		if (at > size || e.addr < info.addr || e.addr - info.addr > UINT32_MAX)
			return 0;
		err = vec_push(&r->pending.lines,
			       (struct code_line){ .offset = (uint32_t)(e.addr - info.addr),
						   .line = e.line,
						   .file = file });
	}
	r->pending.broken = err != 0;
	return err;
}

static bool is_file_name(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

/* "\xff" stands for the name before; offsets in order. False: they cannot be of this function. */
static bool settle_lines(struct pending *p, const struct load *load, bool v8)
{
	uint64_t end = load->size + (v8 ? V8_HEADER : 0);
	const char *file = NULL;
	bool shifted = v8;

	if (p->broken || p->addr != load->addr)
		return false;
	vec_foreach (l, &p->lines) {
		if (strcmp(l->file, "\xff") != 0)
			file = l->file;
		l->file = file;
		if (l->offset > end || (file && !is_file_name(file)))
			return false;
		shifted = shifted && l->offset >= V8_HEADER;
	}
	vec_foreach (l, &p->lines)
		l->offset -= shifted ? V8_HEADER : 0;
	if (p->lines.n)
		qsort(p->lines.v, p->lines.n, sizeof(*p->lines.v), by_offset);
	return true;
}

static int see_load(struct reader *r, char *record, size_t size, uint64_t time_ns)
{
	size_t at = sizeof(struct record_header) + sizeof(struct load);
	struct code_entry e = { .time_ns = time_ns };
	struct load load;

	if (size <= at)
		return -EPROTO;
	memcpy(&load, record + sizeof(struct record_header), sizeof(load));
	e.start = load.addr;
	e.size = load.size;
	e.name = record + at;
	if (strlen(e.name) > NAME_MAX_)
		record[at + NAME_MAX_] = '\0';
	if (r->pending.record &&
	    settle_lines(&r->pending, &load, !strncmp(e.name, V8_NAME, strlen(V8_NAME)))) {
		e.lines = r->pending.lines.v;
		e.lines_n = r->pending.lines.n;
	}
	return *e.name ? codemap_add(r->map, &e) : 0;
}

static int see_move(struct reader *r, const char *record, size_t size, uint64_t time_ns)
{
	struct move move;

	if (size < sizeof(struct record_header) + sizeof(move))
		return -EPROTO;
	memcpy(&move, record + sizeof(struct record_header), sizeof(move));
	return codemap_move(r->map, move.from, move.to, time_ns);
}

/* Of the record: the whole of lines, of code what stands before it. With a NUL behind. */
static size_t wanted(const struct record_header *h)
{
	size_t load = sizeof(*h) + sizeof(struct load) + NAME_MAX_;

	return h->id == CODE_DEBUG_INFO || h->size < load ? h->size : load;
}

static int see_record(struct reader *r, const struct record_header *h)
{
	uint64_t time_ns = r->dump->no_time ? 0 : h->time_ns;
	size_t size = wanted(h);
	_cleanup_free_ char *record = NULL;
	int n;

	if (h->id > CODE_DEBUG_INFO)
		return 0;
	record = malloc(size + 1);
	if (!record)
		return -ENOMEM;
	n = read_at(r->fd, r->dump->offset, record, size);
	if (n <= 0)
		return n;
	record[size] = '\0';
	if (h->id == CODE_DEBUG_INFO)
		return see_debug_info(r, TAKE_PTR(record), size);
	if (h->id == CODE_LOAD)
		return see_load(r, record, size, time_ns);
	return see_move(r, record, size, time_ns);
}

/* 1: go on; 0: there is no whole record. */
static int next_record(struct reader *r, uint64_t file_size)
{
	struct record_header h;
	int n = read_at(r->fd, r->dump->offset, &h, sizeof(h));

	if (n <= 0)
		return n;
	if (h.size < sizeof(h))
		return -EPROTO;
	if (h.size > file_size - r->dump->offset || r->dump->offset > FILE_MAX)
		return 0;
	n = h.size <= RECORD_MAX || h.id != CODE_DEBUG_INFO ? see_record(r, &h) : 0;
	/* What is wrong with one record need not be with the next. */
	if (n && n != -EPROTO)
		return n;
	if (h.id == CODE_LOAD)
		pending_done(&r->pending);
	r->dump->offset += h.size;
	return 1;
}

int jitdump_read(struct jitdump *d, int fd, uint64_t now_ns, struct codemap *m)
{
	_cleanup_(reader_done) struct reader r = { .dump = d, .fd = fd, .map = m };
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t debug_info = 0;
	int n = 1;

	if (d->broken || size < 0)
		return d->broken ? -EPROTO : -errno;
	if (!d->offset)
		n = read_header(&r, now_ns);
	while (n > 0 && d->offset < (uint64_t)size) {
		uint64_t at = d->offset;
		bool waiting = r.pending.record;

		n = next_record(&r, (uint64_t)size);
		if (!waiting)
			debug_info = at;
	}
	/* Lines whose function is still to come are read again. */
	if (r.pending.record)
		d->offset = debug_info;
	if (n == -EPROTO)
		d->broken = true;
	return n < 0 ? n : 0;
}
