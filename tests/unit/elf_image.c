/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes small ELF files for tests. */
#include "elf_image.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "lib/cleanup.h"

enum section {
	S_NULL,
	S_TEXT,
	S_EH_FRAME,
	S_SYMTAB,
	S_DYNSYM,
	S_STRINGS,
	S_BUILD_ID,
	S_DEBUGLINK,
	S_COMMENT,
	S_NAMES,
	S_COUNT,
};

struct writer {
	struct buf *out;
	struct buf names;
	Elf64_Shdr sections[S_COUNT];
};

static uint32_t add_string(struct buf *strings, const char *s)
{
	uint32_t at;

	if (!strings->len)
		buf_add(strings, "", 1);
	at = (uint32_t)strings->len;
	buf_add(strings, s, strlen(s) + 1);
	return at;
}

void elf_image_add_symbol(struct elf_image *im, int dynamic, const char *name, Elf64_Sym sym)
{
	struct buf *table = dynamic ? &im->dynsym : &im->symtab;

	if (!table->len)
		buf_add(table, &(Elf64_Sym){}, sizeof(sym));
	sym.st_name = add_string(&im->strings, name);
	buf_add(table, &sym, sizeof(sym));
}

void elf_image_add_function(struct elf_image *im, const char *name, uint64_t at, uint64_t size,
			    int bind)
{
	elf_image_add_symbol(im, 0, name,
			     (Elf64_Sym){ .st_info = (unsigned char)ELF64_ST_INFO(bind, STT_FUNC),
					  .st_shndx = S_TEXT,
					  .st_value = IMAGE_TEXT + at,
					  .st_size = size });
}

static void add_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

/* Pads a record with DW_CFA_nop and writes its length. */
static void end_record(struct buf *b, size_t start)
{
	uint32_t len;

	while ((b->len - start) % 8)
		buf_add_char(b, 0);
	len = (uint32_t)(b->len - start - 4);
	memcpy(b->data + start, &len, sizeof(len));
}

void elf_image_add_fde(struct elf_image *im, uint64_t at, uint32_t size, const void *program,
		       size_t len)
{
	/* Version 1, "zR", factors 1 and -8, return address 16, pcrel|sdata4; rsp + 8, rip at -8.
	 */
	static const char cie[] = "\x01zR\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01";
	struct buf *b = &im->eh_frame;
	size_t start;

	if (!b->len) {
		add_u32(b, 0);
		add_u32(b, 0);
		buf_add(b, cie, sizeof(cie) - 1);
		end_record(b, 0);
	}
	start = b->len;
	add_u32(b, 0);
	add_u32(b, (uint32_t)b->len);
	add_u32(b, (uint32_t)(IMAGE_TEXT + at - (IMAGE_DATA + b->len)));
	add_u32(b, size);
	buf_add_char(b, 0);
	buf_add(b, program, len);
	end_record(b, start);
}

void elf_image_set_build_id(struct elf_image *im, const void *id, uint32_t len)
{
	buf_clear(&im->build_id);
	add_u32(&im->build_id, 4);
	add_u32(&im->build_id, len);
	add_u32(&im->build_id, NT_GNU_BUILD_ID);
	buf_add(&im->build_id, "GNU", 4);
	buf_add(&im->build_id, id, len);
}

void elf_image_set_debuglink(struct elf_image *im, const char *name, uint32_t crc)
{
	buf_clear(&im->debuglink);
	buf_add(&im->debuglink, name, strlen(name) + 1);
	while (im->debuglink.len % 4)
		buf_add_char(&im->debuglink, 0);
	add_u32(&im->debuglink, crc);
}

static void pad_to(struct buf *b, size_t size)
{
	while (b->len < size)
		buf_add_char(b, 0);
}

/* Writes a section's contents, if there are any, and its header. */
static void add_section(struct writer *w, enum section at, const char *name, Elf64_Shdr header,
			const struct buf *contents)
{
	if (!contents->len)
		return;
	pad_to(w->out, (w->out->len + 7) & ~7ul);
	header.sh_name = add_string(&w->names, name);
	header.sh_offset = w->out->len;
	header.sh_size = contents->len;
	header.sh_addralign = 8;
	buf_add(w->out, contents->data, contents->len);
	w->sections[at] = header;
}

static void add_headers(const struct elf_image *im, struct buf *out)
{
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = im->entry,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = S_COUNT,
		.e_shstrndx = S_NAMES,
	};
	Elf64_Phdr text = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = IMAGE_TEXT_OFFSET,
		.p_vaddr = IMAGE_TEXT,
		.p_filesz = IMAGE_TEXT_SIZE,
		.p_memsz = IMAGE_TEXT_SIZE,
	};
	Elf64_Phdr data = text;

	data.p_flags = PF_R;
	data.p_offset += IMAGE_TEXT_SIZE;
	data.p_vaddr = IMAGE_DATA;
	buf_add(out, &e, sizeof(e));
	buf_add(out, &text, sizeof(text));
	buf_add(out, &data, sizeof(data));
}

static void add_tables(struct elf_image *im, struct writer *w)
{
	Elf64_Shdr table = { .sh_link = S_STRINGS, .sh_entsize = sizeof(Elf64_Sym) };

	table.sh_type = SHT_SYMTAB;
	add_section(w, S_SYMTAB, ".symtab", table, &im->symtab);
	table.sh_type = SHT_DYNSYM;
	add_section(w, S_DYNSYM, ".dynsym", table, &im->dynsym);
	add_section(w, S_STRINGS, ".strtab", (Elf64_Shdr){ .sh_type = SHT_STRTAB }, &im->strings);
	add_section(w, S_BUILD_ID, ".note.gnu.build-id", (Elf64_Shdr){ .sh_type = SHT_NOTE },
		    &im->build_id);
	add_section(w, S_DEBUGLINK, ".gnu_debuglink", (Elf64_Shdr){ .sh_type = SHT_PROGBITS },
		    &im->debuglink);
	add_section(w, S_COMMENT, ".comment", (Elf64_Shdr){ .sh_type = SHT_PROGBITS },
		    &im->comment);
}

void elf_image_write(struct elf_image *im, struct buf *out)
{
	struct writer w = { .out = out };
	uint64_t headers;

	add_headers(im, out);
	pad_to(out, IMAGE_TEXT_OFFSET);
	buf_add(out, im->text.data, im->text.len);
	pad_to(out, IMAGE_TEXT_OFFSET + IMAGE_TEXT_SIZE);
	w.sections[S_TEXT] = (Elf64_Shdr){
		.sh_name = add_string(&w.names, ".text"),
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		.sh_addr = IMAGE_TEXT,
		.sh_offset = IMAGE_TEXT_OFFSET,
		.sh_size = im->text_size ? im->text_size : IMAGE_TEXT_SIZE,
	};
	add_section(&w, S_EH_FRAME, ".eh_frame",
		    (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_addr = IMAGE_DATA }, &im->eh_frame);
	pad_to(out, IMAGE_TEXT_OFFSET + 2 * IMAGE_TEXT_SIZE);
	add_tables(im, &w);
	add_string(&w.names, ".shstrtab");
	add_section(&w, S_NAMES, ".shstrtab", (Elf64_Shdr){ .sh_type = SHT_STRTAB }, &w.names);
	pad_to(out, (out->len + 7) & ~7ul);
	headers = out->len;
	memcpy(out->data + offsetof(Elf64_Ehdr, e_shoff), &headers, sizeof(headers));
	buf_add(out, w.sections, sizeof(w.sections));
	buf_done(&w.names);
}

void elf_image_done(struct elf_image *im)
{
	buf_done(&im->text);
	buf_done(&im->symtab);
	buf_done(&im->dynsym);
	buf_done(&im->strings);
	buf_done(&im->eh_frame);
	buf_done(&im->build_id);
	buf_done(&im->debuglink);
	buf_done(&im->comment);
}

struct symbols *elf_image_open(struct elf_image *im)
{
	struct symbols *s = NULL;
	struct buf file = {};

	elf_image_write(im, &file);
	cr_assert_eq(symbols_open_memory(file.data, file.len, &s), 0);
	buf_done(&file);
	elf_image_done(im);
	return s;
}

struct symbols *elf_image_open_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct symbols *s = NULL;

	cr_assert_geq(fd, 0, "cannot open %s", path);
	cr_assert_eq(symbols_open(fd, path, "", &s), 0);
	return s;
}

struct lookup {
	const char *name;
	const struct symbol *found;
};

static int look_up(const struct symbol *sym, void *arg)
{
	struct lookup *l = arg;

	if (!strcmp(sym->name, l->name))
		l->found = sym;
	return 0;
}

const struct symbol *elf_image_symbol(const struct symbols *s, const char *name)
{
	struct lookup l = { .name = name };

	symbols_each(s, look_up, &l);
	return l.found;
}
