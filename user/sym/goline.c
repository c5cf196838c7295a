/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source lines and inlined functions of a Go program. A function has tables of files and lines by
 * address, and one that leads to the tree of the calls that were inlined. Trees lie where
 * moduledata.gofunc points. Where in moduledata that stands differs by version: the word is taken
 * by which the trees of many functions make sense.
 */
#include "sym/goline.h"

#include <errno.h>
#include <string.h>

#include "sym/elf.h"
#include "sym/gofunc.h"
#include "sym/goimage.h"
#include "sym/gopclntab.h"

#define PATH_BYTES_MAX 4096

/* In moduledata: its first word is the table's address. */
#define MODULE_TEXT      176
#define MODULE_WORDS_AT  256 /* gofunc is at 304 in Go 1.18, at 320 in 1.20, at 344 in 1.27 */
#define MODULE_WORDS_END 512
#define TREES_TRIED      64
#define TREE_MAX         65536 /* calls inlined into a function */
#define DEPTH_MAX        1024  /* of calls inlined into each other */

/* A node of a tree, runtime.inlinedCall: 20 bytes, since Go 1.20 16 bytes. */
#define NODE_MAX 20

struct node {
	uint32_t name;      /* of the inlined function */
	uint32_t parent_at; /* offset of an instruction that lies where the call does */
};

struct go_lines {
	struct elf_file *file;
	struct go_image image;
	struct gopclntab table;
	uint64_t trees; /* 0: not known */
};

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

void golines_free(struct go_lines *g)
{
	if (!g)
		return;
	gopclntab_done(&g->table);
	go_image_done(&g->image);
	elf_file_free(g->file);
	free(g);
}

size_t golines_memory(const struct go_lines *g)
{
	return sizeof(*g) + g->table.size +
	       g->image.relocations.cap * sizeof(*g->image.relocations.v);
}

static uint32_t half_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Node i of a function's tree, if `trees` is where trees lie; false: there is none of that sort. */
static bool node_at(const struct go_lines *g, uint64_t trees, const struct go_record *r, uint32_t i,
		    struct node *ret)
{
	size_t size = g->table.start_lines ? 16 : 20;
	uint32_t tree, at = g->table.start_lines ? 4 : 12;
	uint8_t bytes[NODE_MAX];

	if (i >= TREE_MAX || !gofunc_funcdata(&g->table, r, GO_FUNCDATA_INLINED, &tree) ||
	    !go_image_read(&g->image, trees + tree + i * size, bytes, size))
		return false;
	ret->name = half_at(bytes + at);
	ret->parent_at = half_at(bytes + at + 4);
	return ret->parent_at < r->size;
}

/* Does a name begin at this offset, not in another's midst? */
static bool begins_name(const struct gopclntab *t, uint32_t offset)
{
	return gofunc_name(t, offset) && (!offset || !t->data[t->names + offset - 1]);
}

/* Of which a tree tells. */
static bool has_tree(const struct go_lines *g, uint64_t i, struct go_record *r)
{
	uint32_t tree;

	return gofunc_record(&g->table, i, r) && gofunc_pcdata(&g->table, r, GO_PCDATA_INLINED) &&
	       gofunc_funcdata(&g->table, r, GO_FUNCDATA_INLINED, &tree);
}

/* Do the first nodes of some functions' trees make sense if trees lie here? */
static bool are_trees(const struct go_lines *g, uint64_t trees)
{
	struct go_record r;
	struct node node;
	unsigned int seen = 0;

	for (uint64_t i = 0; i < g->table.n && seen < TREES_TRIED; i++) {
		if (!has_tree(g, i, &r))
			continue;
		if (!node_at(g, trees, &r, 0, &node) || !begins_name(&g->table, node.name))
			return false;
		seen++;
	}
	return seen;
}

/* A look at what may be moduledata: is it, and which of its words leads to the trees? */
static bool is_module(const struct go_image *im, uint64_t addr, void *arg)
{
	struct go_lines *g = arg;
	uint64_t first, text, word;

	if (!go_image_pointer(im, addr, &first) || first != g->table.at ||
	    !go_image_pointer(im, addr + MODULE_TEXT, &text) || text != g->table.text)
		return false;
	for (uint64_t at = MODULE_WORDS_AT; at < MODULE_WORDS_END && !g->trees; at += 8)
		if (go_image_pointer(im, addr + at, &word) && word && are_trees(g, word))
			g->trees = word;
	return g->trees;
}

static void find_trees(struct go_lines *g)
{
	const struct elf_section *s = elf_section_named(g->file, ".go.module");
	struct go_search search = {
		.words = { g->table.at }, .n = 1, .align = 8, .accept = is_module, .arg = g
	};

	if (g->table.wide || (s && is_module(&g->image, s->header.sh_addr, g)))
		return;
	/* Where the dynamic loader writes the pointer the file may have nothing. */
	vec_foreach (rel, &g->image.relocations)
		if (rel->value == g->table.at && is_module(&g->image, rel->addr, g))
			return;
	go_image_find(&g->image, &search);
}

int golines_open(int fd, struct go_lines **ret)
{
	_cleanup_(golines_freep) struct go_lines *g = calloc(1, sizeof(*g));
	int err = g ? elf_file_open(fd, &g->file) : -ENOMEM;

	err = err ? err : gopclntab_possible(g->file) ? 0 : -ENODATA;
	err = err ? err : gopclntab_read(g->file, &g->table);
	err = err ? err : g->table.data ? 0 : -ENODATA;
	err = err ? err : go_image_init(&g->image, g->file);
	if (err)
		return err;
	find_trees(g);
	*ret = TAKE_PTR(g);
	return 0;
}

/* A file by its number in the function's unit. */
static const char *file_name(const struct gopclntab *t, const struct go_record *r, int32_t number)
{
	uint64_t at = t->units + 4 * ((uint64_t)r->unit + (uint32_t)number), offset, max;
	const char *name;

	if (number < 0 || at > t->size - 4)
		return NULL;
	offset = half_at(t->data + at);
	if (offset == UINT32_MAX || offset >= t->size - t->files)
		return NULL;
	name = (const char *)t->data + t->files + offset;
	max = t->size - t->files - offset;
	max = max < PATH_BYTES_MAX ? max : PATH_BYTES_MAX;
	return *name && strnlen(name, max) < max ? name : NULL;
}

static void find_line(const struct gopclntab *t, const struct go_record *r, uint64_t addr,
		      struct source_frame *ret)
{
	int32_t file, line;

	if (gofunc_value(t, r, r->files, addr, &file))
		ret->file = file_name(t, r, file);
	if (ret->file && gofunc_value(t, r, r->lines, addr, &line) && line > 0)
		ret->line = (uint32_t)line;
}

/* The inlined call that covers an address of the function. 1, 0: none does, -1: it is damaged. */
static int find_inlined(const struct go_lines *g, const struct go_record *r, uint64_t addr,
			struct node *node, struct source_frame *ret)
{
	uint32_t numbers = g->trees ? gofunc_pcdata(&g->table, r, GO_PCDATA_INLINED) : 0;
	int32_t number;

	if (!numbers || !gofunc_value(&g->table, r, numbers, addr, &number) || number < 0)
		return 0;
	if (!node_at(g, g->trees, r, (uint32_t)number, node))
		return -1;
	*ret = (struct source_frame){ .name = gofunc_name(&g->table, node->name), .inlined = true };
	find_line(&g->table, r, addr, ret);
	return ret->name ? 1 : -1;
}

void golines_find(const struct go_lines *g, uint64_t addr, source_frames *ret)
{
	const struct gopclntab *t = &g->table;
	struct source_frame own = {};
	struct go_record r;
	struct node node;
	uint32_t n = 0;
	uint64_t i = gofunc_find(t, addr);
	int inlined = 0;

	ret->n = 0;
	/* C code that Go's linker took in has no lines. */
	if (i >= t->n || !gofunc_record(t, i, &r) || addr - r.addr >= r.size || !r.lines)
		return;
	own.name = gofunc_name(t, r.name);
	if (!own.name)
		return;
	for (uint32_t depth = 0; depth < DEPTH_MAX; depth++) {
		inlined = find_inlined(g, &r, addr, &node, &ret->v[n]);
		if (inlined <= 0)
			break;
		addr = r.addr + node.parent_at;
		if (n < SOURCE_FRAMES_MAX - 2)
			n++;
		else
			memmove(ret->v, ret->v + 1, n * sizeof(*ret->v));
	}
	/* Whose line it is cannot be told where the tree is damaged, or endless. */
	if (!inlined)
		find_line(t, &r, addr, &own);
	ret->v[n] = own;
	ret->n = n + 1;
}
