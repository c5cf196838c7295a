/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of tally.h: entries are claimed once, by exchange, and never leave. */
#include "tally.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ENTRIES  256
#define NAME_LEN 56

enum kind { CALLS, UNWOUND, ERRORS };
enum state { FREE, CLAIMED, READY };

struct entry {
	atomic_int state;
	enum kind kind;
	char name[NAME_LEN], type[NAME_LEN];
	atomic_ulong n;
};

static struct entry *table;

void tally_init(void)
{
	void *area = mmap(NULL, ENTRIES * sizeof(*table), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		workload_die("mmap");
	table = area;
}

static int entry_is(struct entry *e, enum kind kind, const char *name, const char *type)
{
	while (atomic_load(&e->state) == CLAIMED)
		;
	return e->kind == kind && !strcmp(e->name, name) && !strcmp(e->type, type);
}

static struct entry *entry_of(enum kind kind, const char *name, const char *type)
{
	for (int i = 0; i < ENTRIES; i++) {
		struct entry *e = &table[i];
		int expected = FREE;

		if (atomic_load(&e->state) == FREE &&
		    atomic_compare_exchange_strong(&e->state, &expected, CLAIMED)) {
			e->kind = kind;
			strncpy(e->name, name, NAME_LEN - 1);
			strncpy(e->type, type, NAME_LEN - 1);
			atomic_store(&e->state, READY);
			return e;
		}
		if (entry_is(e, kind, name, type))
			return e;
	}
	workload_die("tally");
}

void tally_call(const char *name)
{
	tally_calls(name, 1);
}

void tally_calls(const char *name, uint64_t n)
{
	atomic_fetch_add(&entry_of(CALLS, name, "")->n, n);
}

void tally_unwound(const char *name)
{
	atomic_fetch_add(&entry_of(UNWOUND, name, "")->n, 1);
}

void tally_error(const char *name, const char *type)
{
	atomic_fetch_add(&entry_of(ERRORS, name, type)->n, 1);
}

void tally_expect(const char *name)
{
	entry_of(CALLS, name, "");
}

uint64_t tally_count(const char *name)
{
	return atomic_load(&entry_of(CALLS, name, "")->n);
}

static int print_kind(char *line, size_t size, enum kind kind)
{
	int len = 0;

	line[0] = '\0';
	for (int i = 0; i < ENTRIES && (size_t)len < size; i++) {
		struct entry *e = &table[i];

		if (atomic_load(&e->state) == READY && e->kind == kind)
			len += snprintf(line + len, size - (size_t)len, "%s\"%s\":%lu",
					len ? "," : "", e->name, atomic_load(&e->n));
	}
	return len;
}

/* The types of one name, which stands at its first entry. */
static int print_types(char *line, size_t size, int first)
{
	const char *name = table[first].name;
	int len = snprintf(line, size, "\"%s\":{", name), begin = len;

	for (int i = first; i < ENTRIES && (size_t)len < size; i++) {
		struct entry *e = &table[i];

		if (atomic_load(&e->state) == READY && e->kind == ERRORS && !strcmp(e->name, name))
			len += snprintf(line + len, size - (size_t)len, "%s\"%s\":%lu",
					len > begin ? "," : "", e->type, atomic_load(&e->n));
	}
	return len + snprintf(line + len, size - (size_t)len, "}");
}

static int is_first_error(int i)
{
	struct entry *e = &table[i];

	if (atomic_load(&e->state) != READY || e->kind != ERRORS)
		return 0;
	for (int j = 0; j < i; j++)
		if (table[j].kind == ERRORS && !strcmp(table[j].name, e->name))
			return 0;
	return 1;
}

static void print_errors(char *line, size_t size)
{
	int len = 0;

	line[0] = '\0';
	for (int i = 0; i < ENTRIES && (size_t)len + 1 < size; i++) {
		if (!is_first_error(i))
			continue;
		if (len)
			len += snprintf(line + len, size - (size_t)len, ",");
		len += print_types(line + len, size - (size_t)len, i);
	}
}

void tally_print(const char *more, ...)
{
	static char calls[4096], unwound[2048], errors[4096];
	char extra[1024];
	va_list args;

	va_start(args, more);
	vsnprintf(extra, sizeof(extra), more, args);
	va_end(args);
	print_kind(calls, sizeof(calls), CALLS);
	print_kind(unwound, sizeof(unwound), UNWOUND);
	print_errors(errors, sizeof(errors));
	workload_truth("{\"calls\":{%s},\"unwound\":{%s},\"errors\":{%s}%s}", calls, unwound,
		       errors, extra);
}
