/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of CPython, read from a process that may change or free them meanwhile. */
#include "runtime/python_object.h"

#include <errno.h>
#include <string.h>
#include <linux/types.h>

#include "bpf/wire.h"
#include "lib/buf.h"

#define STRING_MAX    1024 /* characters */
#define TABLE_MAX     (1 << 20)
#define TYPE_NAME_MAX 16
#define HEAD_SIZE     256
#define REPLACEMENT   0xfffd

/* The state of a string object. */
#define STATE_KIND(s)    ((s) >> 2 & 7) /* bytes a character */
#define STATE_COMPACT(s) ((s) >> 5 & 1)
#define STATE_ASCII(s)   ((s) >> 6 & 1)

bool python_is_type(const struct python_memory *m, const struct python_layout *l, uint64_t type,
		    const char *name)
{
	uint64_t at = type ? python_word(m, type + l->type_name) : 0;
	char got[TYPE_NAME_MAX] = "";
	size_t size = strlen(name) + 1;

	return at && size <= sizeof(got) && !python_read(m, at, got, size) &&
	       !memcmp(got, name, size);
}

/* Is the object of this type? The type is looked at once. */
static bool is_a(const struct python_memory *m, const struct python_layout *l, uint64_t object,
		 uint64_t *known, const char *name)
{
	uint64_t type = object ? python_word(m, object + l->object_type) : 0;

	if (!*known && python_is_type(m, l, type, name))
		*known = type;
	return type && type == *known;
}

static void add_character(struct buf *b, uint32_t c)
{
	if (c < 0x20 || c == 0x7f)
		c = '?';
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = REPLACEMENT;
	if (c < 0x80) {
		buf_add_char(b, (char)c);
		return;
	}
	if (c >= 0x10000) {
		buf_add_char(b, (char)(0xf0 | c >> 18));
		buf_add_char(b, (char)(0x80 | (c >> 12 & 63)));
	} else if (c >= 0x800) {
		buf_add_char(b, (char)(0xe0 | c >> 12));
	}
	if (c >= 0x800)
		buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
	else
		buf_add_char(b, (char)(0xc0 | c >> 6));
	buf_add_char(b, (char)(0x80 | (c & 63)));
}

static void add_characters(struct buf *b, const uint8_t *data, size_t n, uint32_t kind)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t c = 0;

		memcpy(&c, data + i * kind, kind); /* little-endian */
		add_character(b, c);
	}
}

int python_string(const struct python_memory *m, const struct python_layout *l,
		  struct python_types *types, uint64_t str, char **ret)
{
	uint8_t data[4 * STRING_MAX];
	uint64_t length = 0;
	uint32_t state = 0, kind;
	struct buf b = {};
	int err;

	if (!is_a(m, l, str, &types->str, "str"))
		return -EINVAL;
	err = python_read(m, str + l->str_length, &length, sizeof(length));
	err = err ? err : python_read(m, str + l->str_state, &state, sizeof(state));
	if (err)
		return err;
	kind = STATE_KIND(state);
	if (!STATE_COMPACT(state) || (kind != 1 && kind != 2 && kind != 4) ||
	    (STATE_ASCII(state) && kind != 1) || length > INT64_MAX / 4)
		return -EINVAL;
	if (length > STRING_MAX)
		length = STRING_MAX;
	err = python_read(m, str + (STATE_ASCII(state) ? l->str_ascii : l->str_compact), data,
			  length * kind);
	if (err)
		return err;
	add_characters(&b, data, length, kind);
	buf_add_char(&b, '\0');
	if (b.err) {
		buf_done(&b);
		return -ENOMEM;
	}
	*ret = b.data;
	return 0;
}

void python_code_done(struct python_code *c)
{
	free(c->name);
	free(c->file);
	free(c->table);
	*c = (struct python_code){};
}

/* The fields of a code object that are of use. */
struct head {
	uint64_t name, qualname, file, table;
	uint32_t line;
};

static uint64_t word_at(const uint8_t *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static int read_head(const struct python_memory *m, const struct python_layout *l,
		     const struct python_types *types, uint64_t code, struct head *ret)
{
	uint8_t bytes[HEAD_SIZE];
	uint32_t size = (l->code_table > l->code_qualname ? l->code_table : l->code_qualname) + 8;
	int err = size > sizeof(bytes) ? -EINVAL : python_read(m, code, bytes, size);

	if (err)
		return err;
	if (word_at(bytes, l->object_type) != types->code)
		return -EINVAL;
	*ret = (struct head){
		.name = word_at(bytes, l->code_name),
		.file = word_at(bytes, l->code_file),
		.table = word_at(bytes, l->code_table),
		.line = (uint32_t)word_at(bytes, l->code_line),
	};
	ret->qualname = l->code_qualname ? word_at(bytes, l->code_qualname) : ret->name;
	return 0;
}

/* Without it there is only the first line. */
static void read_table(const struct python_memory *m, const struct python_layout *l,
		       struct python_types *types, uint64_t bytes, struct python_code *ret)
{
	uint64_t size = 0;

	if (!is_a(m, l, bytes, &types->bytes, "bytes") ||
	    python_read(m, bytes + l->bytes_size, &size, sizeof(size)) || size > TABLE_MAX)
		return;
	ret->table = malloc(size + 1);
	ret->table_size = size;
	if (!ret->table || python_read(m, bytes + l->bytes_data, ret->table, size)) {
		free(ret->table);
		ret->table = NULL;
		ret->table_size = 0;
	}
}

static uint32_t check_of(const struct head *h)
{
	return pb_python_check(h->line, h->name, h->qualname, h->file, h->table);
}

/* What calls __init__() within the eval loop, since 3.12: Objects/codeobject.c, "shim code". */
static bool is_shim(const struct python_layout *l, const struct head *h,
		    const struct python_code *c)
{
	return l->minor >= 12 && h->name == h->qualname && h->line <= 1 &&
	       (h->file == h->name || (c->file && !c->file[0])) && !strcmp(c->name, "__init__");
}

int python_code_read(const struct python_memory *m, const struct python_layout *l,
		     struct python_types *types, uint64_t code, struct python_code *ret)
{
	_cleanup_(python_code_done) struct python_code c = {};
	struct head h, again;
	int err = read_head(m, l, types, code, &h);

	err = err ? err : python_string(m, l, types, h.qualname, &c.name);
	if (err)
		return err;
	if (!c.name[0])
		return -EINVAL;
	err = python_string(m, l, types, h.file, &c.file);
	if (err == -ENOMEM)
		return err;
	read_table(m, l, types, h.table, &c);
	err = read_head(m, l, types, code, &again);
	if (err)
		return err;
	c.line = h.line;
	c.check = check_of(&h);
	if (c.check != check_of(&again))
		return -EINVAL;
	c.hidden = is_shim(l, &h, &c);
	*ret = c;
	c = (struct python_code){};
	return 0;
}
