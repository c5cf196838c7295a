/* SPDX-License-Identifier: GPL-2.0-only */
/* Opens and checks an ELF file. */
#include "sym/elf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define SEGMENTS_MAX 64         /* lookups are linear; linkers make about five */
#define SECTIONS_MAX 65536      /* beyond: a relocatable file, or a hostile one */
#define DATA_MAX     (1u << 30) /* a sparse file can claim sections larger than memory */
#define NOTES_MAX    65536

ssize_t elf_read_at(int fd, void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t got;

	if (offset > INT64_MAX - n)
		return -EINVAL;
	while (done < n) {
		got = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int add_segment(struct elf_file *f, const GElf_Phdr *p, bool exec)
{
	struct elf_segment s = { p->p_vaddr, p->p_offset, p->p_filesz, exec };

	if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) == exec)
		return 0;
	if (s.offset >= f->size || f->segments.n >= SEGMENTS_MAX)
		return 0;
	if (s.size > f->size - s.offset)
		s.size = f->size - s.offset;
	if (!s.size || s.addr + s.size < s.addr)
		return 0;
	return vec_push(&f->segments, s);
}

static int read_segments(struct elf_file *f)
{
	size_t n;
	int err = 0;

	if (elf_getphdrnum(f->elf, &n))
		return -ENOEXEC;
	if (n > PN_XNUM)
		n = PN_XNUM;
	for (int exec = 1; exec >= 0; exec--) {
		for (size_t i = 0; i < n && !err; i++) {
			GElf_Phdr p;

			if (gelf_getphdr(f->elf, (int)i, &p))
				err = add_segment(f, &p, exec);
		}
	}
	return err;
}

static int read_sections(struct elf_file *f)
{
	struct elf_strings names;
	size_t n, names_index;
	int err;

	if (elf_getshdrnum(f->elf, &n) || n > SECTIONS_MAX)
		return 0; /* still good for what the program headers tell */
	for (size_t i = 0; i < n; i++) {
		struct elf_section s = { .scn = elf_getscn(f->elf, i), .name = "" };

		if (!s.scn || !gelf_getshdr(s.scn, &s.header))
			s = (struct elf_section){ .name = "" };
		err = vec_push(&f->sections, s);
		if (err)
			return err;
	}
	if (elf_getshdrstrndx(f->elf, &names_index))
		return 0;
	names = elf_strings_of(f, (uint32_t)names_index);
	vec_foreach (s, &f->sections) {
		const char *name = elf_string(&names, s->header.sh_name);

		if (name)
			s->name = name;
	}
	return 0;
}

void elf_file_free(struct elf_file *f)
{
	if (!f)
		return;
	elf_end(f->elf);
	vec_done(&f->segments);
	vec_done(&f->sections);
	free(f);
}

DEFINE_CLEANUP(struct elf_file *, elf_file_free)

int elf_file_open(int fd, struct elf_file **ret)
{
	_cleanup_(elf_file_freep) struct elf_file *f = calloc(1, sizeof(*f));
	struct stat st;
	int err;

	if (!f)
		return -ENOMEM;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &f->ehdr))
		return -ENOEXEC;
	/* Else libelf would convert contents: needless, and much code for hostile bytes. */
	if (f->ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	err = read_segments(f);
	if (!err)
		err = read_sections(f);
	if (err)
		return err;
	*ret = TAKE_PTR(f);
	return 0;
}

const struct elf_section *elf_section_named(const struct elf_file *f, const char *name)
{
	vec_foreach (s, &f->sections)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

const struct elf_section *elf_section_typed(const struct elf_file *f, uint32_t type)
{
	vec_foreach (s, &f->sections)
		if (s->scn && s->header.sh_type == type)
			return s;
	return NULL;
}

bool elf_segment_typed(const struct elf_file *f, uint32_t type, GElf_Phdr *ret)
{
	size_t n;

	if (elf_getphdrnum(f->elf, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(f->elf, (int)i, ret) && ret->p_type == type)
			return true;
	return false;
}

Elf_Data *elf_section_data(const struct elf_section *s)
{
	Elf_Data *d;

	if (!s || !s->scn || s->header.sh_type == SHT_NOBITS || s->header.sh_size > DATA_MAX ||
	    s->header.sh_flags & SHF_COMPRESSED)
		return NULL;
	d = elf_getdata(s->scn, NULL);
	return d && d->d_buf ? d : NULL;
}

/* ".debug_" or, in GNU's older way to compress, ".zdebug_" before the name. */
static const struct elf_section *debug_section(const struct elf_file *f, const char *name)
{
	vec_foreach (s, &f->sections) {
		const char *end = s->name + (s->name[0] == '.' && s->name[1] == 'z' ? 2 : 1);

		if (s->scn && s->name[0] == '.' && !strncmp(end, "debug_", 6) &&
		    !strcmp(end + 6, name))
			return s;
	}
	return NULL;
}

/* Unpacks in place; libdw may have done so. False: it cannot be, or would be too large. */
static bool unpack(const struct elf_section *s, const GElf_Shdr *header)
{
	static const char magic[] = "ZLIB"; /* and the size, eight bytes, the highest first */
	const Elf_Data *raw;
	const uint8_t *head;
	GElf_Chdr chdr;

	if (header->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(s->scn, &chdr) && chdr.ch_size <= DATA_MAX &&
		       elf_compress(s->scn, 0, 0) > 0;
	if (s->name[1] != 'z')
		return true;
	raw = elf_rawdata(s->scn, NULL);
	head = raw && raw->d_size >= 12 ? raw->d_buf : NULL;
	if (!head || memcmp(head, magic, 4) != 0)
		return true;
	return !memcmp(head + 4, "\0\0\0\0", 4) && head[8] < DATA_MAX >> 24 &&
	       elf_compress_gnu(s->scn, 0, 0) > 0;
}

struct elf_bytes elf_section_debug(const struct elf_file *f, const char *name)
{
	const struct elf_section *s = debug_section(f, name);
	GElf_Shdr header;
	const Elf_Data *d;

	if (!s || !gelf_getshdr(s->scn, &header) || header.sh_type == SHT_NOBITS ||
	    header.sh_size > DATA_MAX || !unpack(s, &header))
		return (struct elf_bytes){};
	d = elf_getdata(s->scn, NULL);
	return d && d->d_buf ? (struct elf_bytes){ d->d_buf, d->d_size } : (struct elf_bytes){};
}

struct elf_strings elf_strings_of(const struct elf_file *f, uint32_t index)
{
	const Elf_Data *d =
	    index && index < f->sections.n ? elf_section_data(&f->sections.v[index]) : NULL;
	const char *last = d && d->d_type == ELF_T_BYTE ? memrchr(d->d_buf, '\0', d->d_size) : NULL;

	if (!last)
		return (struct elf_strings){};
	return (struct elf_strings){ d->d_buf, (size_t)(last + 1 - (const char *)d->d_buf) };
}

const char *elf_string(const struct elf_strings *s, uint64_t offset)
{
	return offset < s->size ? s->data + offset : NULL;
}

const struct elf_segment *elf_segment_of(const elf_segments *segments, uint64_t addr)
{
	vec_foreach (s, segments)
		if (addr - s->addr < s->size)
			return s;
	return NULL;
}

uint64_t elf_offset_of(const elf_segments *segments, uint64_t addr)
{
	const struct elf_segment *s = elf_segment_of(segments, addr);

	return s ? addr - s->addr + s->offset : ELF_NONE;
}

uint64_t elf_addr_of(const elf_segments *segments, uint64_t offset)
{
	vec_foreach (s, segments)
		if (offset - s->offset < s->size)
			return offset - s->offset + s->addr;
	return ELF_NONE;
}

/* Looks through the notes in n bytes, each: three words, name, descriptor, both padded. */
static uint32_t find_build_id(const uint8_t *notes, size_t n, uint8_t *id, uint32_t max)
{
	uint32_t head[3]; /* length of the name, of the descriptor, type */

	while (n >= sizeof(head)) {
		uint64_t name_end, end;

		memcpy(head, notes, sizeof(head));
		name_end = sizeof(head) + (((uint64_t)head[0] + 3) & ~3ull);
		end = name_end + (((uint64_t)head[1] + 3) & ~3ull);
		if (name_end + head[1] > n)
			return 0;
		if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 &&
		    !memcmp(notes + sizeof(head), "GNU", 4) && head[1] <= max) {
			memcpy(id, notes + name_end, head[1]);
			return head[1];
		}
		if (end > n)
			return 0;
		notes += end;
		n -= end;
	}
	return 0;
}

/* Without section headers the program headers lead to the same notes. */
static uint32_t build_id_of_segments(const struct elf_file *f, uint8_t *id, uint32_t max)
{
	_cleanup_free_ uint8_t *notes = malloc(NOTES_MAX);
	uint32_t len = 0;
	size_t n;

	if (!notes || elf_getphdrnum(f->elf, &n))
		return 0;
	for (size_t i = 0; i < n && !len; i++) {
		GElf_Phdr p;
		ssize_t got;

		if (!gelf_getphdr(f->elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		got = elf_read_at(f->fd, notes, p.p_filesz < NOTES_MAX ? p.p_filesz : NOTES_MAX,
				  p.p_offset);
		if (got > 0)
			len = find_build_id(notes, (size_t)got, id, max);
	}
	return len;
}

uint32_t elf_build_id(const struct elf_file *f, uint8_t *id, uint32_t max)
{
	uint32_t len = 0;

	/* Sections first: in a debug file the program headers are those of the original. */
	vec_foreach (s, &f->sections) {
		const Elf_Data *d = NULL;

		if (s->scn && s->header.sh_type == SHT_NOTE && s->header.sh_size <= NOTES_MAX)
			d = elf_section_data(s);
		if (d)
			len = find_build_id(d->d_buf, d->d_size, id, max);
		if (len)
			return len;
	}
	return build_id_of_segments(f, id, max);
}
