/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the data of a Go program by address. */
#include "sym/goimage.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"

#define RELOCATIONS_MAX (64u << 20)
#define CHUNK           (256u << 10)
#define FIND_BYTES_MAX  (2ull << 30) /* of a file that may be sparse */
#define CANDIDATES_MAX  4096

void go_image_done(struct go_image *im)
{
	vec_done(&im->relocations);
}

static int by_addr(const void *x, const void *y)
{
	const struct go_relocation *a = x, *b = y;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static int add_relocations(struct go_image *im, Elf_Data *d)
{
	GElf_Rela rela;
	int err = 0;

	for (int i = 0; d && !err && gelf_getrela(d, i, &rela); i++) {
		struct go_relocation r = { rela.r_offset, (uint64_t)rela.r_addend };

		if (GELF_R_TYPE(rela.r_info) == R_X86_64_RELATIVE &&
		    im->relocations.n < RELOCATIONS_MAX)
			err = vec_push(&im->relocations, r);
	}
	return err;
}

int go_image_init(struct go_image *im, const struct elf_file *f)
{
	int err = 0;

	*im = (struct go_image){ .file = f };
	/* Only what can be loaded anywhere has such relocations in number. */
	if (f->ehdr.e_machine != EM_X86_64 || f->ehdr.e_type != ET_DYN)
		return 0;
	vec_foreach (s, &f->sections)
		if (s->scn && s->header.sh_type == SHT_RELA && s->header.sh_flags & SHF_ALLOC &&
		    !err)
			err = add_relocations(im, elf_section_data(s));
	if (err)
		go_image_done(im);
	else if (im->relocations.n)
		qsort(im->relocations.v, im->relocations.n, sizeof(*im->relocations.v), by_addr);
	return err;
}

bool go_image_read(const struct go_image *im, uint64_t addr, void *buf, size_t n)
{
	const struct elf_segment *s = elf_segment_of(&im->file->segments, addr);

	if (!s || n > s->size - (addr - s->addr))
		return false;
	return elf_read_at(im->file->fd, buf, n, addr - s->addr + s->offset) == (ssize_t)n;
}

/* The first relocation at or above an address, or their number. */
static size_t first_relocation(const struct go_image *im, uint64_t addr)
{
	size_t low = 0, high = im->relocations.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (im->relocations.v[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void go_image_relocate(const struct go_image *im, uint64_t addr, uint8_t *buf, size_t n)
{
	for (size_t i = first_relocation(im, addr); i < im->relocations.n; i++) {
		const struct go_relocation *r = &im->relocations.v[i];

		if (n < sizeof(r->value) || r->addr - addr > n - sizeof(r->value))
			return;
		memcpy(buf + (r->addr - addr), &r->value, sizeof(r->value));
	}
}

bool go_image_pointer(const struct go_image *im, uint64_t addr, uint64_t *ret)
{
	uint64_t v;

	if (!go_image_read(im, addr, &v, sizeof(v)))
		return false;
	go_image_relocate(im, addr, (uint8_t *)&v, sizeof(v));
	*ret = v;
	return true;
}

static bool begins(const struct go_search *search, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	for (uint32_t i = 0; i < search->n; i++)
		if (word == search->words[i])
			return true;
	return false;
}

struct finder {
	const struct go_image *image;
	const struct go_search *search;
	uint8_t *chunk;
	uint64_t bytes_left;
	uint32_t candidates_left;
};

/* Looks through the words that begin in n bytes of the chunk, which stand at addr. */
static uint64_t find_in_chunk(struct finder *f, uint64_t addr, size_t n)
{
	uint64_t skip = -addr % f->search->align;

	for (size_t at = skip; at + sizeof(uint64_t) <= n; at += f->search->align) {
		if (!begins(f->search, f->chunk + at))
			continue;
		if (!f->candidates_left--) {
			f->candidates_left = 0;
			return ELF_NONE;
		}
		if (f->search->accept(f->image, addr + at, f->search->arg))
			return addr + at;
	}
	return ELF_NONE;
}

static uint64_t find_in_segment(struct finder *f, const struct elf_segment *s)
{
	uint64_t found = ELF_NONE;

	for (uint64_t at = 0; at < s->size && found == ELF_NONE; at += CHUNK) {
		uint64_t n = s->size - at;
		ssize_t got;

		if (f->bytes_left < CHUNK || !f->candidates_left)
			break;
		f->bytes_left -= CHUNK;
		/* A word may begin in one chunk and end in the next. */
		n = n < CHUNK + sizeof(uint64_t) - 1 ? n : CHUNK + sizeof(uint64_t) - 1;
		got = elf_read_at(f->image->file->fd, f->chunk, n, s->offset + at);
		if (got > 0)
			found = find_in_chunk(f, s->addr + at, (size_t)got);
	}
	return found;
}

uint64_t go_image_find(const struct go_image *im, const struct go_search *search)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK + sizeof(uint64_t));
	struct finder f = { im, search, chunk, FIND_BYTES_MAX, CANDIDATES_MAX };
	uint64_t found = ELF_NONE;

	vec_foreach (s, &im->file->segments)
		if (chunk && !s->exec && found == ELF_NONE)
			found = find_in_segment(&f, s);
	return found;
}
