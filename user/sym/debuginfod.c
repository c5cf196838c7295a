/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug files from servers. libdebuginfod has its own cache, also of what a server does not have;
 * its progress function is called about once a second, and is how a download can be given up.
 */
#include "sym/debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "sym/symbols.h"

#define LIBRARY     "libdebuginfod.so.1"
#define TIME_MAX_NS 5000000000ull /* for all files together */

typedef struct debuginfod_client client;
typedef int (*progress_fn)(client *c, long done, long total);

/* The part of the library's interface (elfutils/debuginfod.h, 0.179 and later) that is used. */
struct library {
	void *handle; /* NULL: not loaded */
	client *(*begin)(void);
	void (*end)(client *c);
	int (*find_debuginfo)(client *c, const unsigned char *build_id, int len, char **path);
	void (*set_progressfn)(client *c, progress_fn fn);
	void (*set_user_data)(client *c, void *data);
};

struct debuginfod {
	struct library lib;
	client *client;
	debuginfod_progress_fn progress;
	void *arg;
	uint64_t started, left_ns;
};

static bool load(struct library *l)
{
	l->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!l->handle)
		return false;
	*(void **)&l->begin = dlsym(l->handle, "debuginfod_begin");
	*(void **)&l->end = dlsym(l->handle, "debuginfod_end");
	*(void **)&l->find_debuginfo = dlsym(l->handle, "debuginfod_find_debuginfo");
	*(void **)&l->set_progressfn = dlsym(l->handle, "debuginfod_set_progressfn");
	*(void **)&l->set_user_data = dlsym(l->handle, "debuginfod_set_user_data");
	return l->begin && l->end && l->find_debuginfo && l->set_progressfn && l->set_user_data;
}

/* All that a callback has is the client; that the library is there is certain then. */
static struct debuginfod *owner_of(client *c)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_NOLOAD);
	void *(*get_user_data)(client * c) = NULL;
	struct debuginfod *d;

	if (!handle)
		return NULL;
	*(void **)&get_user_data = dlsym(handle, "debuginfod_get_user_data");
	d = get_user_data ? get_user_data(c) : NULL;
	dlclose(handle);
	return d;
}

/* Not 0: the library gives up. */
static int on_progress(client *c, long done, long total)
{
	const struct debuginfod *d = owner_of(c);

	if (!d)
		return 1;
	if (d->progress)
		d->progress(done, total, d->arg);
	return clock_monotonic_ns() - d->started >= d->left_ns;
}

int debuginfod_new(debuginfod_progress_fn progress, void *arg, struct debuginfod **ret)
{
	_cleanup_(debuginfod_freep) struct debuginfod *d = NULL;
	const char *urls = getenv("DEBUGINFOD_URLS");

	if (!urls || !*urls)
		return -ENOENT;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	if (!load(&d->lib))
		return -ELIBACC;
	d->client = d->lib.begin();
	if (!d->client)
		return -ENOMEM;
	d->progress = progress;
	d->arg = arg;
	d->left_ns = TIME_MAX_NS;
	d->lib.set_user_data(d->client, d);
	d->lib.set_progressfn(d->client, on_progress);
	*ret = TAKE_PTR(d);
	return 0;
}

void debuginfod_free(struct debuginfod *d)
{
	if (!d)
		return;
	if (d->client)
		d->lib.end(d->client);
	/* The library stays loaded: what it loaded itself does not like to go. */
	free(d);
}

int debuginfod_fetch(struct debuginfod *d, const uint8_t *build_id, uint32_t len)
{
	uint64_t spent;
	int fd;

	if (!d->left_ns)
		return -ETIME;
	if (!len || len > BUILD_ID_MAX)
		return -ENOENT;
	d->started = clock_monotonic_ns();
	fd = d->lib.find_debuginfo(d->client, build_id, (int)len, NULL);
	spent = clock_monotonic_ns() - d->started;
	d->left_ns -= spent < d->left_ns ? spent : d->left_ns;
	if (fd >= 0)
		return fd;
	/* What it was stopped at it takes for a file that is not there. */
	if (!d->left_ns)
		return -ETIME;
	if (fd != -ENOENT)
		d->left_ns = 0;
	return fd;
}
