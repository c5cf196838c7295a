/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes on the calls of allocators in plugins' own code. */
#include "trace/allocs.h"

#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/wire.h"
#include "target/pages.h"
#include "trace/allocsites.h"
#include "trace/objectfile.h"
#include "trace/process.h"
#include "trace/uprobe_link.h"

#define BREAKPOINT 0xcc /* int3: another of our probes stands there */
#define CALL_BYTES 5    /* that are compared; calls through memory have one more */

struct plugin_allocs {
	struct uprobe_links links;
	bool known;    /* its sites were found and probed */
	bool given_up; /* some were not counted, or none can be */
	uint64_t last; /* allocations at the last look */
};

struct allocs {
	struct bpf_program *prog;
	VEC(struct plugin_allocs) all; /* by plugin */
};

int allocs_new(struct bpf_program *prog, struct allocs **ret)
{
	struct allocs *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->prog = prog;
	*ret = a;
	return 0;
}

void allocs_detach_all(struct allocs *a)
{
	for (size_t i = 0; a && i < a->all.n; i++)
		uprobe_links_close(&a->all.v[i].links);
}

void allocs_free(struct allocs *a)
{
	if (!a)
		return;
	allocs_detach_all(a);
	vec_done(&a->all);
	free(a);
}

static void *close_links(void *arg)
{
	struct uprobe_links *l = arg;

	uprobe_links_close(l);
	free(l);
	return NULL;
}

/* The kernel takes its time to remove probes: nobody waits for it. */
static void close_later(struct uprobe_links *l)
{
	struct uprobe_links *closing = malloc(sizeof(*closing));
	pthread_t thread;

	if (!closing) {
		uprobe_links_close(l);
		return;
	}
	*closing = *l;
	*l = (struct uprobe_links){};
	if (pthread_create(&thread, NULL, close_links, closing))
		close_links(closing);
	else
		pthread_detach(thread);
}

void allocs_detach(struct allocs *a, uint32_t plugin)
{
	if (a && plugin < a->all.n && a->all.v[plugin].links.fds.n)
		close_later(&a->all.v[plugin].links);
}

bool allocs_known(const struct allocs *a, uint32_t plugin)
{
	return a && plugin < a->all.n && a->all.v[plugin].known && !a->all.v[plugin].given_up;
}

/* Is the code of a mapping the file's at these places, but for our own breakpoints? */
static bool is_unchanged(const struct mapping *m, struct pages *pages, int fd,
			 const alloc_site_vec *sites)
{
	vec_foreach (site, sites) {
		uint8_t memory[CALL_BYTES], file[CALL_BYTES];
		uint64_t at = site->offset - m->offset;
		enum page_kind kind;

		if (site->offset < m->offset || at + CALL_BYTES > m->end - m->start)
			continue;
		if (!pages_kind(pages, m->start + at, &kind) && kind != PAGE_PRIVATE)
			continue;
		if (pages_read(pages, m->start + at, memory, sizeof(memory)) ||
		    pread(fd, file, sizeof(file), (off_t)site->offset) != sizeof(file))
			return false;
		if (memory[0] == BREAKPOINT)
			memory[0] = file[0];
		if (memcmp(memory, file, sizeof(file)) != 0)
			return false;
	}
	return true;
}

/* A process may have changed its code, or moved it: what runs there is not what the file has. */
static bool is_safe(const struct processes *processes, uint32_t object, int fd,
		    const alloc_site_vec *sites)
{
	bool safe = true;

	vec_foreach (proc, &processes->all) {
		struct pages pages;
		bool open = false;

		if (!(*proc)->live || (*proc)->gone || (*proc)->kernel_thread)
			continue;
		vec_foreach (m, &(*proc)->maps) {
			if (m->object != object || !safe)
				continue;
			open = open || !pages_open((*proc)->pid, &pages);
			safe = open && is_unchanged(m, &pages, fd, sites);
		}
		if (open)
			pages_done(&pages);
	}
	return safe;
}

static int link_sites(struct allocs *a, struct plugin_allocs *pa, uint32_t plugin, const char *path,
		      const alloc_site_vec *sites)
{
	struct uprobe_places p = { .path = path };
	int err = 0;

	p.offsets = calloc(sites->n + 1, sizeof(*p.offsets));
	p.cookies = calloc(sites->n + 1, sizeof(*p.cookies));
	for (size_t i = 0; i < sites->n && p.offsets && p.cookies; i++) {
		p.offsets[i] = sites->v[i].offset;
		p.cookies[p.n++] = plugin | (uint64_t)sites->v[i].size << PB_COOKIE_ALLOC;
	}
	if (!p.offsets || !p.cookies)
		err = -ENOMEM;
	else if (p.n)
		err = uprobe_links_add_multi(&pa->links, a->prog, &p, false);
	free(p.offsets);
	free(p.cookies);
	return err;
}

int allocs_attach(struct allocs *a, uint32_t plugin, struct object_files *objects, uint32_t object,
		  const struct processes *processes)
{
	const struct object_file *file;
	const struct symbols *symbols;
	struct plugin_allocs *pa;
	alloc_site_vec sites = {};
	int err = 0;

	while (a && !err && a->all.n <= plugin)
		err = vec_push(&a->all, (struct plugin_allocs){});
	if (!a || err || a->all.v[plugin].given_up || a->all.v[plugin].links.fds.n)
		return err;
	pa = &a->all.v[plugin];
	file = objects->files.v[object];
	symbols = object_symbols(objects, object);
	err = symbols && uprobe_is_multi(a->prog) ? allocsites_find(file->fd, symbols, &sites)
						  : -ENOTSUP;
	if (!err && !is_safe(processes, object, file->fd, &sites))
		err = -ENOTSUP;
	err = err ? err : link_sites(a, pa, plugin, file->via, &sites);
	vec_done(&sites);
	pa->known = !err;
	pa->given_up = err != 0;
	return err == -ENOMEM ? err : 0;
}

void allocs_keep_budget(struct allocs *a, int stats_fd, uint64_t cost_ns, uint64_t limit_ns)
{
	for (uint32_t i = 0; a && i < a->all.n; i++) {
		struct plugin_allocs *pa = &a->all.v[i];
		struct pb_plugin_stats s;
		uint64_t more;

		if (!pa->links.fds.n || bpf_map_lookup_elem(stats_fd, &i, &s))
			continue;
		more = s.allocs - pa->last;
		pa->last = s.allocs;
		if (more * cost_ns <= limit_ns)
			continue;
		pa->given_up = true;
		allocs_detach(a, i);
	}
}
