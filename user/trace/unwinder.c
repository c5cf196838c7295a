/* SPDX-License-Identifier: GPL-2.0-only */
/* Gives BPF programs the unwind tables of the targets. */
#include "trace/unwinder.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "bpf/wire.h"
#include "lib/clock.h"
#include "lib/extents.h"
#include "sym/unwindtable.h"
#include "trace/process.h"
#include "trace/runtimes.h"
#include "trace/unwindrows.h"

#define IMAGE_NONE   UINT32_MAX
#define IMAGE_RANGES 4096 /* what BPF's search reaches */
#define REST_NS      1000000000ULL
#define PAGE_MASK    4095ULL

/* An object's table, as far as it is loaded. */
struct object_table {
	bool tried;
	uint64_t base;
	elf_segments segments;
	struct unwind_set *set; /* NULL: it has no table */
	uint32_t users;         /* images */
};

typedef VEC(struct pb_unwind_range) range_vec;
typedef VEC(uint32_t) index_vec;

/* What some processes have mapped; a slot without users is free, or rests for a moment. */
struct image {
	range_vec ranges;
	index_vec objects;
	uint32_t first; /* of its ranges in the map */
	uint16_t anon;  /* whose code without a file is: enum pb_runtime */
	uint32_t users; /* processes */
	uint64_t left_ns;
};

struct use {
	uint32_t image;   /* or IMAGE_NONE */
	uint32_t version; /* of the process's mappings; 0: none was loaded */
};

struct unwinder {
	struct object_files *files; /* of the update that is going on, and */
	struct runtimes *runtimes;
	int images_fd;
	uint32_t *generation;
	struct pb_unwind_range *ranges; /* mapped */
	struct extents free_ranges;
	struct unwindrows *rows;
	VEC(struct object_table) objects; /* by object file */
	VEC(struct image) images;
	VEC(struct use) uses; /* by process */
	uint32_t loaded, left_out;
};

int unwinder_new(const struct unwinder_maps *maps, uint32_t *generation, struct unwinder **ret)
{
	_cleanup_(unwinder_freep) struct unwinder *u = calloc(1, sizeof(*u));
	void *ranges;
	int err;

	if (!u)
		return -ENOMEM;
	u->images_fd = maps->images;
	u->generation = generation;
	ranges = mmap(NULL, PB_UNWIND_RANGES * sizeof(*u->ranges), PROT_READ | PROT_WRITE,
		      MAP_SHARED, maps->ranges, 0);
	if (ranges == MAP_FAILED)
		return -errno;
	u->ranges = ranges;
	err = extents_give(&u->free_ranges, 0, PB_UNWIND_RANGES);
	err = err ? err : unwindrows_new(maps->chunks, maps->rules, &u->rows);
	if (err)
		return err;
	*ret = TAKE_PTR(u);
	return 0;
}

static void image_done(struct image *im)
{
	vec_done(&im->ranges);
	vec_done(&im->objects);
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	vec_foreach (t, &u->objects)
		vec_done(&t->segments);
	vec_foreach (im, &u->images)
		image_done(im);
	vec_done(&u->objects);
	vec_done(&u->images);
	vec_done(&u->uses);
	extents_done(&u->free_ranges);
	unwindrows_free(u->rows);
	if (u->ranges)
		munmap(u->ranges, PB_UNWIND_RANGES * sizeof(*u->ranges));
	free(u);
}

/* Makes room: objects that nobody maps any more lose their tables. True: there was one. */
static bool evict(struct unwinder *u)
{
	bool evicted = false;

	vec_foreach (t, &u->objects) {
		if (t->users || !t->set)
			continue;
		unwindrows_drop(u->rows, t->set);
		t->set = NULL;
		vec_done(&t->segments);
		t->tried = false;
		evicted = true;
	}
	return evicted;
}

static void load_table(struct unwinder *u, uint32_t object)
{
	_cleanup_(unwindtable_freep) struct unwindtable *table = NULL;
	_cleanup_close_ int fd = object_open(u->files, object);
	struct object_table *t = &u->objects.v[object];
	int err;

	t->tried = true;
	if (fd < 0 || unwindtable_read(fd, &table) ||
	    runtimes_mark(u->runtimes, u->files, object, table))
		return;
	t->base = table->base;
	t->segments = table->segments;
	table->segments = (elf_segments){};
	if (table->n == 1)
		return; /* no unwind information at all */
	err = unwindrows_add(u->rows, table, &t->set);
	if (err == -ENOSPC && evict(u))
		err = unwindrows_add(u->rows, table, &t->set);
	if (err)
		u->left_out++;
	else
		u->loaded++;
}

/* The table of an object, loaded when new; NULL: out of memory. */
static struct object_table *table_of(struct unwinder *u, uint32_t object)
{
	while (u->objects.n <= object) {
		if (vec_push(&u->objects, (struct object_table){}))
			return NULL;
	}
	if (!u->objects.v[object].tried) {
		/* Loading may evict others, but this one has users while it is loaded. */
		u->objects.v[object].users++;
		load_table(u, object);
		u->objects.v[object].users--;
	}
	return &u->objects.v[object];
}

/* The executable segment that a mapping shows; mappings begin at whole pages, segments need not. */
static const struct elf_segment *segment_of(const struct object_table *t, const struct mapping *m)
{
	vec_foreach (s, &t->segments) {
		if (s->exec && (s->offset & ~PAGE_MASK) < m->offset + (m->end - m->start) &&
		    m->offset < s->offset + s->size)
			return s;
	}
	return NULL;
}

/* A mapping as a range without rows. */
static int add_range(const struct mapping *m, struct image *im)
{
	struct pb_unwind_range r = { .start = m->start,
				     .size = (uint32_t)(m->end - m->start),
				     .mark = mapping_is_jit(m) ? im->anon : 0 };

	return m->end - m->start > UINT32_MAX ? 0 : vec_push(&im->ranges, r);
}

/* The ranges of one mapping: a piece of the table each, or one without rows. */
static int add_mapping(struct unwinder *u, const struct mapping *m, struct image *im)
{
	struct object_table *t = table_of(u, m->object);
	const struct elf_segment *seg = t ? segment_of(t, m) : NULL;
	struct pb_unwind_range none = { .start = m->start,
					.size = (uint32_t)(m->end - m->start),
					.mark = mapping_is_jit(m) ? im->anon : 0 };
	uint64_t base;

	if (m->end - m->start > UINT32_MAX)
		return 0;
	if (!seg || !t->set)
		return vec_push(&im->ranges, none);
	base = m->start - (seg->addr + m->offset - seg->offset) + t->base;
	for (size_t i = 0; i < t->set->pieces.n; i++) {
		const struct unwind_piece *p = &t->set->pieces.v[i];
		uint64_t start = base + p->addr, end = m->end;
		struct pb_unwind_range r = {
			.base = base, .first = p->first, .n = p->n, .chunk = (uint16_t)p->chunk
		};

		if (i + 1 < t->set->pieces.n && base + p[1].addr < end)
			end = base + p[1].addr;
		r.start = (int64_t)(start - m->start) > 0 ? start : m->start;
		r.size = r.start < end ? (uint32_t)(end - r.start) : 0;
		if (r.size && vec_push(&im->ranges, r))
			return -ENOMEM;
	}
	if (vec_push(&im->objects, m->object))
		return -ENOMEM;
	t->users++;
	return 0;
}

static void forget_objects(struct unwinder *u, struct image *im)
{
	vec_foreach (i, &im->objects)
		u->objects.v[*i].users--;
	im->objects.n = 0;
}

static int make_ranges(struct unwinder *u, const struct process *proc, struct image *ret)
{
	int err = 0;

	vec_foreach (m, &proc->maps) {
		/* Memory without a file is a compiler's: rbp is all there is, or its runtime knows.
		 */
		if (m->object != OBJECT_NONE && !err)
			err = add_mapping(u, m, ret);
		else if (m->object == OBJECT_NONE && !err && runtimes_wants_ranges(ret->anon))
			err = add_range(m, ret);
	}
	return !err && ret->ranges.n > IMAGE_RANGES ? -ENOSPC : err;
}

static bool same_ranges(const struct image *a, const struct image *b)
{
	return a->ranges.n == b->ranges.n &&
	       !memcmp(a->ranges.v, b->ranges.v, a->ranges.n * sizeof(*a->ranges.v));
}

/*
 * Images that nobody uses for a while go: by then no BPF program looks at them, and the forks that
 * copied one have been heard of.
 */
static void sweep(struct unwinder *u, uint64_t now_ns)
{
	vec_foreach (im, &u->images) {
		if (im->users || !im->ranges.n || now_ns - im->left_ns < REST_NS)
			continue;
		extents_give(&u->free_ranges, im->first, (uint32_t)im->ranges.n);
		forget_objects(u, im);
		image_done(im);
	}
}

static void leave_image(struct unwinder *u, uint32_t image)
{
	if (image != IMAGE_NONE && !--u->images.v[image].users)
		u->images.v[image].left_ns = clock_monotonic_ns();
}

/* Writes a new image's ranges; takes over what `im` holds on success. */
static int place_image(struct unwinder *u, struct image *im, uint32_t *ret)
{
	uint32_t i = 0;
	int err = 0;

	while (i < u->images.n && u->images.v[i].ranges.n)
		i++;
	if (i == u->images.n)
		err = vec_push(&u->images, (struct image){});
	err = err ? err : extents_take(&u->free_ranges, (uint32_t)im->ranges.n, &im->first);
	if (err)
		return err;
	memcpy(u->ranges + im->first, im->ranges.v, im->ranges.n * sizeof(*im->ranges.v));
	u->images.v[i] = *im;
	*im = (struct image){};
	*ret = i;
	return 0;
}

static int image_of(struct unwinder *u, const struct process *proc, uint16_t anon, uint32_t *ret)
{
	struct image im = { .anon = anon };
	int err = make_ranges(u, proc, &im);
	uint32_t i;

	for (i = 0; !err && i < u->images.n; i++) {
		if (u->images.v[i].ranges.n && same_ranges(&u->images.v[i], &im))
			break;
	}
	if (!err && i == u->images.n)
		err = im.ranges.n ? place_image(u, &im, &i) : -ENOENT;
	forget_objects(u, &im);
	image_done(&im);
	if (err)
		return err;
	*ret = i;
	return 0;
}

static void load(struct unwinder *u, struct use *use, const struct process *proc)
{
	struct pb_unwind_image value = {};
	uint32_t image = IMAGE_NONE;
	int err;

	runtimes_image(u->runtimes, proc, &value);
	err = image_of(u, proc, value.anon, &image);
	if (!err) {
		value.first = u->images.v[image].first;
		value.n = (uint32_t)u->images.v[image].ranges.n;
		if (bpf_map_update_elem(u->images_fd, &proc->pid, &value, BPF_ANY))
			err = -errno;
	}
	if (err) {
		bpf_map_delete_elem(u->images_fd, &proc->pid);
		image = IMAGE_NONE;
		u->left_out += err != -ENOENT;
	} else {
		u->images.v[image].users++;
	}
	leave_image(u, use->image);
	use->image = image;
	__atomic_fetch_add(u->generation, 1, __ATOMIC_RELEASE);
}

void unwinder_update(struct unwinder *u, struct processes *p, struct object_files *o,
		     struct runtimes *r)
{
	if (!u)
		return;
	u->files = o;
	u->runtimes = r;
	sweep(u, clock_monotonic_ns());
	for (size_t i = 0; i < p->all.n; i++) {
		const struct process *proc = p->all.v[i];
		struct use *use;

		if (i == u->uses.n && vec_push(&u->uses, (struct use){ .image = IMAGE_NONE }))
			return;
		use = &u->uses.v[i];
		if (proc->ended && use->image != IMAGE_NONE) {
			leave_image(u, use->image);
			*use = (struct use){ .image = IMAGE_NONE };
			runtimes_ended(r, proc);
		}
		if (proc->ended || !proc->stacks_wanted)
			continue;
		if (!runtimes_update(r, o, proc) && use->version == proc->maps_version)
			continue;
		use->version = proc->maps_version;
		load(u, use, proc);
	}
}

struct unwinder_stats unwinder_stats(const struct unwinder *u)
{
	if (!u)
		return (struct unwinder_stats){};
	return (struct unwinder_stats){ .memory = unwindrows_memory(u->rows),
					.objects = u->loaded,
					.left_out = u->left_out };
}
