/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that this process has mapped as code, and a plan with functions in it. */
#include "mapped_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_file(struct mapped_text *t, int fd)
{
	struct object_file *f = calloc(1, sizeof(*f));
	struct stat st;

	cr_assert(f && !fstat(fd, &st));
	*f = (struct object_file){ .dev = st.st_dev,
				   .ino = st.st_ino,
				   .path = strdup("text"),
				   .via = strdup(""),
				   .fd = fd };
	cr_assert_eq(vec_push(&t->objects.files, f), 0);
}

void mapped_text_init(struct mapped_text *t)
{
	size_t size = TEXT_AT + TEXT_PAGES * TEXT_PAGE;
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct process *proc;
	uint8_t *bytes = malloc(size);

	cr_assert(bytes && fd >= 0);
	memset(bytes, TEXT_BYTE, size);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	free(bytes);
	*t = (struct mapped_text){};
	t->at = mmap(NULL, TEXT_PAGES * TEXT_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, TEXT_AT);
	cr_assert_neq(t->at, MAP_FAILED);
	add_file(t, fd);
	proc = process_expect(&t->processes, (uint32_t)getpid());
	cr_assert(proc);
	proc->live = true;
	mapped_text_read_maps(t);
}

void mapped_text_done(struct mapped_text *t)
{
	munmap(t->at, TEXT_PAGES * TEXT_PAGE);
	plan_done(&t->plan);
	processes_done(&t->processes);
	object_files_done(&t->objects);
}

void mapped_text_read_maps(struct mapped_text *t)
{
	struct process *proc = t->processes.all.v[0];
	const struct object_file *f = t->objects.files.v[0];

	maps_done(&proc->maps);
	cr_assert_eq(maps_read_pid(proc->pid, &proc->maps), 0);
	vec_foreach (m, &proc->maps)
		m->object = m->dev == f->dev && m->ino == f->ino ? 0 : OBJECT_NONE;
}

uint32_t mapped_text_function(struct mapped_text *t, uint64_t at, uint64_t size, uint64_t entry)
{
	struct plan_node node = { .name = strdup("function"),
				  .how = PLAN_RETURN_PROBE,
				  .offset = TEXT_AT + at,
				  .size = size,
				  .entry = { .skip = entry } };

	cr_assert_eq(vec_push(&t->plan.nodes, node), 0);
	return (uint32_t)t->plan.nodes.n - 1;
}

void mapped_text_write(struct mapped_text *t, uint64_t at, const void *bytes, size_t size)
{
	size_t whole = TEXT_PAGES * TEXT_PAGE;

	cr_assert_eq(mprotect(t->at, whole, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	memcpy(t->at + at, bytes, size);
	cr_assert_eq(mprotect(t->at, whole, PROT_READ | PROT_EXEC), 0);
}

void mapped_text_set(struct mapped_text *t, uint64_t at, uint8_t byte)
{
	mapped_text_write(t, at, &byte, sizeof(byte));
}

void mapped_text_drop(struct mapped_text *t, uint64_t at)
{
	uint8_t *page = t->at + at / TEXT_PAGE * TEXT_PAGE;

	cr_assert_eq(madvise(page, TEXT_PAGE, MADV_DONTNEED), 0);
}

void mapped_text_move(struct mapped_text *t, uint64_t at)
{
	uint8_t *page = t->at + at / TEXT_PAGE * TEXT_PAGE, *copy;

	copy = mmap(NULL, TEXT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(copy, MAP_FAILED);
	memcpy(copy, page, TEXT_PAGE);
	cr_assert_eq(mprotect(copy, TEXT_PAGE, PROT_READ | PROT_EXEC), 0);
	cr_assert_eq(mremap(copy, TEXT_PAGE, TEXT_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page), page);
}
