/* SPDX-License-Identifier: GPL-2.0-only */
/* Folders and files of line programs. Format: DWARF 5, section 6.2.4; before, its own. */
#include "sym/linefiles.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#define FILES_MAX   (1u << 18) /* and folders */
#define FORMATS_MAX 16         /* what is told of each */
#define PATH_BYTES  4096

struct entry_format {
	uint64_t content, form;
};

/* A string of a section, if it has an end. */
static const char *string_at(const struct elf_bytes *section, uint64_t offset)
{
	const char *s;

	if (offset >= section->size)
		return NULL;
	s = (const char *)section->data + offset;
	return memchr(s, '\0', section->size - offset) ? s : NULL;
}

/* One that stands where the cursor is; NULL: it has no end. */
static const char *string_here(struct cursor *c)
{
	size_t left = (size_t)(c->end - c->p);
	const char *s = (const char *)c->p;
	const char *nul = memchr(s, '\0', left);

	cursor_skip(c, nul ? (size_t)(nul + 1 - s) : left + 1);
	return nul ? s : NULL;
}

/* A value: a string, or a number (0 when it is neither). */
static const char *read_value(const struct line_sections *s, struct cursor *c, uint64_t form,
			      size_t offset_size, uint64_t *number)
{
	*number = 0;
	switch (form) {
	case DW_FORM_string:
		return string_here(c);
	case DW_FORM_line_strp:
		return string_at(&s->line_str, cursor_bytes(c, offset_size));
	case DW_FORM_strp:
		return string_at(&s->str, cursor_bytes(c, offset_size));
	case DW_FORM_strp_sup: /* in dwz's file: left unnamed */
		cursor_skip(c, offset_size);
		return NULL;
	case DW_FORM_udata:
		*number = cursor_uleb(c);
		return NULL;
	case DW_FORM_data1:
		*number = cursor_u8(c);
		return NULL;
	case DW_FORM_data2:
		*number = cursor_bytes(c, 2);
		return NULL;
	case DW_FORM_data4:
		*number = cursor_bytes(c, 4);
		return NULL;
	case DW_FORM_data8:
		cursor_skip(c, 8);
		return NULL;
	case DW_FORM_data16: /* a checksum */
		cursor_skip(c, 16);
		return NULL;
	case DW_FORM_block:
		cursor_skip(c, cursor_uleb(c));
		return NULL;
	default:
		cursor_skip(c, UINT64_MAX);
		return NULL;
	}
}

static struct line_file read_entry(const struct line_sections *s, struct cursor *c,
				   const struct entry_format *formats, uint8_t n,
				   size_t offset_size)
{
	struct line_file f = {};

	for (uint8_t i = 0; i < n && !c->bad; i++) {
		uint64_t number;
		const char *text = read_value(s, c, formats[i].form, offset_size, &number);

		if (formats[i].content == DW_LNCT_path)
			f.name = text;
		else if (formats[i].content == DW_LNCT_directory_index)
			f.dir = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
	}
	return f;
}

/* One of the two tables: what its entries consist of, how many there are, they themselves. */
static int read_table(const struct line_sections *s, struct cursor *c, size_t offset_size,
		      struct linetable *t, bool dirs)
{
	struct entry_format formats[FORMATS_MAX];
	uint8_t n = cursor_u8(c);
	uint64_t count;
	int err = 0;

	if (n > FORMATS_MAX)
		return -EBADMSG;
	for (uint8_t i = 0; i < n; i++) {
		formats[i].content = cursor_uleb(c);
		formats[i].form = cursor_uleb(c);
	}
	count = cursor_uleb(c);
	/* Entries without a byte of their own could be as many as they like. */
	if (c->bad || count > FILES_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < count && !err && !c->bad; i++) {
		struct line_file f = read_entry(s, c, formats, n, offset_size);

		err = dirs ? vec_push(&t->dirs, f.name) : vec_push(&t->files, f);
	}
	return c->bad ? -EBADMSG : err;
}

int linefiles_read(const struct line_sections *s, struct cursor *c, size_t offset_size,
		   struct linetable *t)
{
	int err = read_table(s, c, offset_size, t, true);

	return err ? err : read_table(s, c, offset_size, t, false);
}

int linefiles_define(struct cursor *c, struct linetable *t)
{
	struct line_file f = { .name = string_here(c) };
	uint64_t dir = cursor_uleb(c);

	f.dir = dir < UINT32_MAX ? (uint32_t)dir : UINT32_MAX;
	cursor_uleb(c); /* time */
	cursor_uleb(c); /* size */
	if (c->bad || t->files.n >= FILES_MAX)
		return -EBADMSG;
	return vec_push(&t->files, f);
}

int linefiles_read_old(struct cursor *c, struct linetable *t)
{
	int err = vec_push(&t->dirs, NULL);

	t->first_file = 1;
	while (!err && !c->bad && t->dirs.n < FILES_MAX) {
		const char *dir = string_here(c);

		if (!dir || !*dir)
			break;
		err = vec_push(&t->dirs, dir);
	}
	while (!err && !c->bad && c->p < c->end && *c->p)
		err = linefiles_define(c, t);
	return c->bad ? -EBADMSG : err;
}

/* Adds the parts of a path to what is there already. */
static void add_parts(struct buf *b, size_t start, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");
		bool up = len == 2 && path[0] == '.' && path[1] == '.';
		const char *last =
		    b->len > start ? memrchr(b->data + start, '/', b->len - start) : NULL;

		if (up && last && strcmp(last, "/..") != 0) {
			b->len = (size_t)(last - b->data);
			b->data[b->len] = '\0';
		} else if (len && !(len == 1 && *path == '.')) {
			buf_add_char(b, '/');
			buf_add(b, path, len);
		}
		path += len + (path[len] == '/');
	}
}

bool linetable_path(const struct linetable *t, uint32_t file, const char *comp_dir, struct buf *ret)
{
	const struct line_file *f;
	const char *parts[3] = {}, *dir;
	size_t start = ret->len, total = 0;
	int first = 2;

	if (file < t->first_file || file - t->first_file >= t->files.n)
		return false;
	f = &t->files.v[file - t->first_file];
	dir = f->dir < t->dirs.n ? t->dirs.v[f->dir] : NULL;
	if (!f->name || !*f->name)
		return false;
	parts[2] = f->name;
	if (*f->name != '/' && dir)
		parts[first = 1] = dir;
	if (*parts[first] != '/' && comp_dir)
		parts[--first] = comp_dir;
	for (int i = first; i < 3; i++)
		total += strnlen(parts[i], PATH_BYTES);
	if (total >= PATH_BYTES)
		return false;
	for (int i = first; i < 3; i++)
		add_parts(ret, start, parts[i]);
	/* Nothing said where it lies: it stays a relative path. */
	if (!ret->err && *parts[first] != '/' && ret->len > start + 1) {
		memmove(ret->data + start, ret->data + start + 1, ret->len - start);
		ret->len--;
	}
	return !ret->err && ret->len > start;
}
