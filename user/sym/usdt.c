/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads .note.stapsdt. Each note holds the addresses of the site, of .stapsdt.base and of the
 * counter as the linker saw them, then provider, name and arguments as strings. Tools that move
 * an object (prelink) do not know these notes; .stapsdt.base, which they do move, tells by how
 * much.
 */
#include "sym/usdt.h"

#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "sym/elf.h"

#define NOTE_OWNER "stapsdt"
#define NOTE_TYPE  3
#define SITES_MAX  65536
#define STRING_MAX 1024 /* longer ones are hostile */
#define NOTES_MAX  (64u << 20)

#define NOP 0x90
static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

/* The three addresses at the head of a note. */
struct note {
	uint64_t site, base, semaphore;
};

/* A string within [*p, end), behind which *p is set; NULL: not terminated. */
static const char *take_string(const char **p, const char *end)
{
	const char *s = *p, *nul = memchr(s, '\0', (size_t)(end - s));

	if (!nul)
		return NULL;
	*p = nul + 1;
	return s;
}

static bool is_name(const char *s)
{
	return s && *s && strlen(s) <= STRING_MAX;
}

/* Is there a nop to be probed? */
static bool check_site(const struct elf_file *f, struct usdt_probe *p)
{
	const struct elf_segment *seg = elf_segment_of(&f->segments, p->addr);
	uint8_t code[sizeof(nop5)] = {};
	ssize_t n;

	if (!seg || !seg->exec)
		return false;
	p->offset = p->addr - seg->addr + seg->offset;
	n = elf_read_at(f->fd, code, sizeof(code), p->offset);
	p->nop5 = n == sizeof(code) && !memcmp(code, nop5, sizeof(nop5));
	return n > 0 && (p->nop5 || code[0] == NOP);
}

/* The kernel counts in a writable mapping of the file: the counter has to have bytes there. */
static bool find_semaphore(const struct elf_file *f, uint64_t addr, struct usdt_probe *p)
{
	const struct elf_segment *seg = elf_segment_of(&f->segments, addr);

	if (!seg || seg->exec || addr - seg->addr > seg->size - sizeof(uint16_t))
		return false;
	p->semaphore = addr - seg->addr + seg->offset;
	return true;
}

/* A probe from a note's descriptor; false: broken, or not to be probed. */
static bool read_probe(const struct elf_file *f, const char *desc, size_t size,
		       struct usdt_probe *ret)
{
	const struct elf_section *base = elf_section_named(f, ".stapsdt.base");
	const char *p = desc + sizeof(struct note), *end = desc + size, *args;
	struct usdt_probe probe = {};
	struct note note;
	uint64_t moved;

	if (size <= sizeof(note))
		return false;
	memcpy(&note, desc, sizeof(note));
	probe.provider = take_string(&p, end);
	probe.name = probe.provider ? take_string(&p, end) : NULL;
	args = probe.name ? take_string(&p, end) : NULL;
	if (!is_name(probe.provider) || !is_name(probe.name) || !args)
		return false;
	moved = base ? base->header.sh_addr - note.base : 0;
	probe.addr = note.site + moved;
	if (!check_site(f, &probe))
		return false;
	/* A site with a counter that cannot be raised would never be passed. */
	if (note.semaphore && !find_semaphore(f, note.semaphore + moved, &probe))
		return false;
	probe.nargs = usdt_args_parse(args, probe.args);
	*ret = probe;
	return true;
}

static uint64_t padded(uint32_t n)
{
	return ((uint64_t)n + 3) & ~3ull;
}

/* Goes through the notes in n bytes; each: three words, owner, descriptor, both padded. */
static int read_notes(const struct elf_file *f, const char *notes, size_t n, usdt_probe_vec *ret)
{
	uint32_t head[3]; /* length of the owner, of the descriptor, type */
	int err = 0;

	while (!err && n >= sizeof(head) && ret->n < SITES_MAX) {
		const char *owner = notes + sizeof(head);
		uint64_t desc, end;
		struct usdt_probe probe;

		memcpy(head, notes, sizeof(head));
		desc = sizeof(head) + padded(head[0]);
		end = desc + padded(head[1]);
		if (desc + head[1] > n)
			return 0;
		if (head[2] == NOTE_TYPE && head[0] == sizeof(NOTE_OWNER) &&
		    !memcmp(owner, NOTE_OWNER, sizeof(NOTE_OWNER)) &&
		    read_probe(f, notes + desc, head[1], &probe))
			err = vec_push(ret, probe);
		if (end > n)
			break;
		notes += end;
		n -= end;
	}
	return err;
}

void usdt_done(struct usdt_probes *p)
{
	vec_done(&p->sites);
	free(p->names);
	p->names = NULL;
}

static int read_probes(const struct elf_file *f, struct usdt_probes *ret)
{
	const Elf_Data *d = elf_section_data(elf_section_named(f, ".note.stapsdt"));

	if (!d || d->d_size > NOTES_MAX)
		return 0;
	ret->names = malloc(d->d_size + 1);
	if (!ret->names)
		return -ENOMEM;
	memcpy(ret->names, d->d_buf, d->d_size);
	return read_notes(f, ret->names, d->d_size, &ret->sites);
}

int usdt_read(int fd, struct usdt_probes *ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = NULL;
	struct usdt_probes probes = {};
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	if (f->ehdr.e_machine != EM_X86_64 || f->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return -ENOTSUP;
	err = read_probes(f, &probes);
	if (err) {
		usdt_done(&probes);
		return err;
	}
	*ret = probes;
	return 0;
}
