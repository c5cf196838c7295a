/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of unwind tables that BPF programs search. */
#include "trace/unwindrows.h"

#include <errno.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/wire.h"
#include "lib/extents.h"
#include "lib/table.h"

#define RULE_BAD 1 /* stands for those beyond the last number */

_Static_assert(sizeof(struct cfi_rule) == sizeof(struct pb_unwind_rule), "rules are copied");

struct unwindrows {
	int chunks_fd;
	struct pb_unwind_chunk *chunks[PB_UNWIND_CHUNKS]; /* mapped */
	struct extents free[PB_UNWIND_CHUNKS];
	uint32_t chunks_n;
	struct pb_unwind_rule *rules; /* mapped */
	uint32_t rules_n;
	struct table rule_index;
	VEC(struct unwind_set *) sets;
};

int unwindrows_chunk_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_chunk", sizeof(uint32_t),
				sizeof(struct pb_unwind_chunk), 1, &opts);

	return fd < 0 ? -errno : fd;
}

static void *map_array(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint32_t enter_rule(struct unwindrows *r, const struct pb_unwind_rule *rule)
{
	uint32_t i = table_find(&r->rule_index, rule, sizeof(*rule));

	if (i != TABLE_NONE)
		return i;
	i = r->rules_n;
	if (i >= PB_UNWIND_RULES || table_add(&r->rule_index, rule, sizeof(*rule), i))
		return RULE_BAD;
	r->rules[i] = *rule;
	r->rules_n++;
	return i;
}

int unwindrows_new(int chunks_fd, int rules_fd, struct unwindrows **ret)
{
	_cleanup_(unwindrows_freep) struct unwindrows *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->chunks_fd = chunks_fd;
	r->rules = map_array(rules_fd, PB_UNWIND_RULES * sizeof(*r->rules));
	if (!r->rules)
		return -ENOMEM;
	enter_rule(r, &(struct pb_unwind_rule){ .base = CFI_BASE_NONE, .ra_reg = CFI_REG_NONE });
	enter_rule(r, &(struct pb_unwind_rule){ .base = CFI_BASE_BAD, .ra_reg = CFI_REG_NONE });
	*ret = TAKE_PTR(r);
	return 0;
}

static void set_free(struct unwind_set *set)
{
	if (set)
		vec_done(&set->pieces);
	free(set);
}

DEFINE_CLEANUP(struct unwind_set *, set_free)

void unwindrows_free(struct unwindrows *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->chunks_n; i++) {
		munmap(r->chunks[i], sizeof(*r->chunks[i]));
		extents_done(&r->free[i]);
	}
	vec_foreach (set, &r->sets)
		set_free(*set);
	vec_done(&r->sets);
	if (r->rules)
		munmap(r->rules, PB_UNWIND_RULES * sizeof(*r->rules));
	table_done(&r->rule_index);
	free(r);
}

/* The kernel keeps the map while it is in the map of chunks, or mapped here. */
static int add_chunk(struct unwindrows *r)
{
	_cleanup_close_ int fd = -1;
	struct pb_unwind_chunk *chunk;
	uint32_t i = r->chunks_n;

	if (i >= PB_UNWIND_CHUNKS)
		return -ENOSPC;
	fd = unwindrows_chunk_map();
	if (fd < 0)
		return fd;
	chunk = map_array(fd, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	if (extents_give(&r->free[i], 0, PB_CHUNK_ROWS) ||
	    bpf_map_update_elem(r->chunks_fd, &i, &fd, BPF_ANY)) {
		extents_done(&r->free[i]);
		munmap(chunk, sizeof(*chunk));
		return -ENOMEM;
	}
	r->chunks[i] = chunk;
	r->chunks_n++;
	return 0;
}

static void give(struct unwindrows *r, struct unwind_set *set)
{
	vec_foreach (p, &set->pieces)
		extents_give(&r->free[p->chunk], p->first, p->n);
	vec_done(&set->pieces);
}

void unwindrows_drop(struct unwindrows *r, struct unwind_set *set)
{
	if (!set || --set->users)
		return;
	give(r, set);
	for (size_t i = 0; i < r->sets.n; i++) {
		if (r->sets.v[i] == set)
			r->sets.v[i] = r->sets.v[--r->sets.n];
	}
	set_free(set);
}

/* Room for n rows, in as many pieces as it takes. */
static int take(struct unwindrows *r, size_t n, struct unwind_set *ret)
{
	for (uint32_t i = 0; n;) {
		struct unwind_piece p = { .chunk = i };
		int err;

		if (i == r->chunks_n) {
			err = add_chunk(r);
			if (err)
				return err;
		}
		p.n = extents_take_some(&r->free[i],
					n < PB_CHUNK_ROWS ? (uint32_t)n : PB_CHUNK_ROWS, &p.first);
		if (!p.n) {
			i++;
			continue;
		}
		err = vec_push(&ret->pieces, p);
		if (err) {
			extents_give(&r->free[i], p.first, p.n);
			return err;
		}
		n -= p.n;
	}
	return 0;
}

/* DWARF's number of a register → its place in struct pt_regs. */
static uint8_t place_of(uint8_t reg)
{
	static const uint8_t places[] = { 10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0 };

	return reg < sizeof(places) ? places[reg] : CFI_REG_NONE;
}

static uint32_t number_of(struct unwindrows *r, const struct cfi_rule *rule)
{
	struct pb_unwind_rule p = { .base = rule->base,
				    .reg = place_of(rule->reg),
				    .rbp = rule->rbp,
				    .ra_reg = place_of(rule->ra_reg),
				    .offset = rule->offset,
				    .add = rule->add,
				    .rbp_words = rule->rbp_words,
				    .rbx_words = rule->rbx_words,
				    .mark = rule->mark };

	if (p.base >= CFI_BASE_GO_SYSTEM)
		p.reg = rule->reg; /* it is none */
	if (p.rbp == CFI_IN_REG)
		p.rbp_words = place_of((uint8_t)rule->rbp_words);
	if (p.mark || (p.base != CFI_BASE_NONE && p.base != CFI_BASE_BAD))
		return enter_rule(r, &p);
	return p.base == CFI_BASE_NONE ? 0 : RULE_BAD;
}

static void copy_rows(struct unwindrows *r, const struct unwindtable *t, const uint16_t *numbers,
		      struct unwind_set *set)
{
	size_t row = 0;

	vec_foreach (p, &set->pieces) {
		struct pb_unwind_chunk *chunk = r->chunks[p->chunk];

		p->addr = t->rows[row].addr;
		for (uint32_t i = 0; i < p->n; i++, row++) {
			chunk->addr[p->first + i] = t->rows[row].addr;
			chunk->rule[p->first + i] = numbers[t->rows[row].rule];
		}
	}
}

static uint64_t hash_rows(const struct unwindtable *t, const uint16_t *numbers)
{
	uint64_t h = t->n;

	for (size_t i = 0; i < t->n; i++) {
		h ^= (uint64_t)t->rows[i].addr << 16 | numbers[t->rows[i].rule];
		h *= 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h;
}

static bool same_rows(const struct unwindrows *r, const struct unwindtable *t,
		      const uint16_t *numbers, const struct unwind_set *set)
{
	size_t row = 0;

	vec_foreach (p, &set->pieces) {
		const struct pb_unwind_chunk *chunk = r->chunks[p->chunk];

		for (uint32_t i = 0; i < p->n; i++, row++) {
			if (chunk->addr[p->first + i] != t->rows[row].addr ||
			    chunk->rule[p->first + i] != numbers[t->rows[row].rule])
				return false;
		}
	}
	return true;
}

/* Equal in every row: a build ID is what a hostile file makes it. */
static struct unwind_set *find_set(const struct unwindrows *r, const struct unwindtable *t,
				   const uint16_t *numbers, uint64_t hash)
{
	vec_foreach (set, &r->sets) {
		if ((*set)->hash == hash && (*set)->n == t->n && same_rows(r, t, numbers, *set))
			return *set;
	}
	return NULL;
}

int unwindrows_add(struct unwindrows *r, const struct unwindtable *t, struct unwind_set **ret)
{
	_cleanup_free_ uint16_t *numbers = calloc(t->rules_n, sizeof(*numbers));
	_cleanup_(set_freep) struct unwind_set *fresh = calloc(1, sizeof(*fresh));
	struct unwind_set *set;
	int err;

	if (!numbers || !fresh)
		return -ENOMEM;
	for (size_t i = 0; i < t->rules_n; i++)
		numbers[i] = (uint16_t)number_of(r, &t->rules[i]);
	fresh->hash = hash_rows(t, numbers);
	fresh->n = t->n;
	set = find_set(r, t, numbers, fresh->hash);
	if (!set) {
		err = take(r, t->n, fresh);
		err = err ? err : vec_push(&r->sets, fresh);
		if (err) {
			give(r, fresh);
			return err;
		}
		copy_rows(r, t, numbers, fresh);
		set = TAKE_PTR(fresh);
	}
	set->users++;
	*ret = set;
	return 0;
}

uint64_t unwindrows_memory(const struct unwindrows *r)
{
	return r->chunks_n * sizeof(struct pb_unwind_chunk);
}
