/* SPDX-License-Identifier: GPL-2.0-only */
/* The dynamic loader's list of objects in another process. */
#include "target/linkmap.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "target/memory.h"

#define PHDRS_MAX      64
#define DYNAMIC_MAX    512
#define NAMESPACES_MAX 16 /* glibc's DL_NNS */
#define NAME_MAX_BYTES 4096

/* The head of struct link_map, and struct r_debug_extended. */
struct link_map_head {
	uint64_t l_addr, l_name, l_ld, l_next;
};

struct r_debug_head {
	int32_t version, pad;
	uint64_t map, brk;
	int32_t state, pad2;
	uint64_t base, next;
};

#define VERSION_EXTENDED 2

struct program {
	uint64_t phdr, n;
};

static int read_auxv(uint32_t pid, struct program *ret)
{
	char path[48];
	_cleanup_close_ int fd = -1;
	uint64_t auxv[2 * 64];
	struct program p = {};
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%u/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = read(fd, auxv, sizeof(auxv));
	if (size < 0)
		return -errno;
	for (size_t i = 0; (i + 2) * sizeof(*auxv) <= (size_t)size; i += 2) {
		if (auxv[i] == AT_PHDR)
			p.phdr = auxv[i + 1];
		if (auxv[i] == AT_PHNUM)
			p.n = auxv[i + 1];
		if (auxv[i] == AT_PHENT && auxv[i + 1] != sizeof(Elf64_Phdr))
			return -EINVAL;
	}
	if (!p.phdr || !p.n || p.n > PHDRS_MAX)
		return -ENOENT;
	*ret = p;
	return 0;
}

/* Where the executable's dynamic section lies in memory. */
static int find_dynamic(uint32_t pid, uint64_t *ret, size_t *ret_n)
{
	Elf64_Phdr phdrs[PHDRS_MAX], *dynamic = NULL;
	struct program program = {};
	uint64_t bias = 0;
	int err = read_auxv(pid, &program);

	err = err ? err : memory_read(pid, program.phdr, phdrs, program.n * sizeof(*phdrs));
	if (err)
		return err;
	for (uint64_t i = 0; i < program.n; i++) {
		if (phdrs[i].p_type == PT_PHDR)
			bias = program.phdr - phdrs[i].p_vaddr;
		if (phdrs[i].p_type == PT_DYNAMIC)
			dynamic = &phdrs[i];
	}
	if (!dynamic)
		return -ENOENT;
	*ret = bias + dynamic->p_vaddr;
	*ret_n = dynamic->p_memsz / sizeof(Elf64_Dyn);
	return 0;
}

static int find_r_debug(uint32_t pid, uint64_t *ret)
{
	Elf64_Dyn entry;
	uint64_t at;
	size_t n;
	int err = find_dynamic(pid, &at, &n);

	for (size_t i = 0; !err && i < n && i < DYNAMIC_MAX; i++) {
		err = memory_read(pid, at + i * sizeof(entry), &entry, sizeof(entry));
		if (err || entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_DEBUG)
			continue;
		*ret = entry.d_un.d_ptr;
		return *ret ? 0 : -ENOENT;
	}
	return err ? err : -ENOENT;
}

static int add_object(uint32_t pid, uint64_t at, const struct link_map_head *head, uint32_t ns,
		      linked_vec *ret)
{
	struct linked_object o = { .link_map = at, .bias = head->l_addr, .ns = ns };
	char name[NAME_MAX_BYTES];
	int err;

	if (!head->l_name || memory_read_string(pid, head->l_name, name, sizeof(name)))
		name[0] = '\0';
	o.name = strdup(name);
	err = o.name ? vec_push(ret, o) : -ENOMEM;
	if (err)
		free(o.name);
	return err;
}

static int read_list(uint32_t pid, uint64_t at, uint32_t ns, linked_vec *ret)
{
	struct link_map_head head;
	int err = 0;

	for (size_t i = 0; at && i < LINKMAP_MAX && ret->n < LINKMAP_MAX && !err; i++) {
		err = memory_read(pid, at, &head, sizeof(head));
		err = err ? err : add_object(pid, at, &head, ns, ret);
		at = err ? 0 : head.l_next;
	}
	return err;
}

int linkmap_read(uint32_t pid, linked_vec *ret)
{
	struct r_debug_head head;
	uint64_t at = 0;
	int err = find_r_debug(pid, &at);

	for (uint32_t ns = 0; !err && at && ns < NAMESPACES_MAX; ns++) {
		/* What is extended lies behind what every version has. */
		err = memory_read(pid, at, &head, offsetof(struct r_debug_head, next));
		if (err)
			break;
		err = read_list(pid, head.map, ns, ret);
		if (err || head.version < VERSION_EXTENDED ||
		    !memory_read_u64(pid, at + offsetof(struct r_debug_head, next), &at))
			break;
	}
	return err;
}

void linkmap_done(linked_vec *v)
{
	vec_foreach (o, v)
		free(o->name);
	vec_done(v);
}
