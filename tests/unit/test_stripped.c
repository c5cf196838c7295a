/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of stripped objects beside those of their unstripped twins: wherever the stripped one has
 * a name, it is a right one.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sym/symbols.h"

struct object {
	char path[64];
	int fd;
	struct symbols *symbols;
};

/* What a name and a place in the file must belong to. */
struct claim {
	const char *name;
	uint64_t offset;
	bool right;
};

static void open_object(struct object *o, const char *path)
{
	snprintf(o->path, sizeof(o->path), "%s", path);
	o->fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(o->fd >= 0);
	cr_assert_eq(symbols_open(o->fd, path, "", &o->symbols), 0);
}

static void close_object(struct object *o)
{
	symbols_free(o->symbols);
	close(o->fd);
	unlink(o->path);
}

static int check_claim(const struct symbol *sym, void *arg)
{
	struct claim *c = arg;

	c->right |= !strcmp(sym->name, c->name) && c->offset >= sym->offset &&
		    c->offset - sym->offset < sym->size;
	return 0;
}

static bool is_right(const struct symbols *full, const char *name, uint64_t offset)
{
	const struct symbol *sym = symbols_find(full, offset);
	struct claim c = { .name = name, .offset = offset };

	if (sym && !strcmp(sym->name, name))
		return true;
	symbols_each(full, check_claim, &c);
	return c.right;
}

struct counts {
	unsigned int named, unnamed, wrong;
};

static struct counts compare(const struct symbols *stripped, const struct symbols *full)
{
	struct counts n = {};

	for (uint64_t offset = 0; offset < 1 << 20; offset++) {
		const struct symbol *sym = symbols_find(stripped, offset);

		n.named += sym != NULL;
		n.unnamed += !sym && symbols_find(full, offset);
		if (!sym || is_right(full, sym->name, offset))
			continue;
		if (!n.wrong++)
			cr_log_error("%s at 0x%lx", sym->name, offset);
	}
	return n;
}

struct build {
	char command[200];
};

ParameterizedTestParameters(stripped, names_are_right_or_missing)
{
	static struct build builds[] = {
		{ "gcc -O2 -rdynamic -pthread tests/workload/spans.c tests/workload/common.c" },
		{ "gcc -O2 -pthread tests/workload/spans.c tests/workload/common.c" },
		{ "gcc -O2 -rdynamic -pthread tests/workload/busy.c tests/workload/common.c" },
		{ "gcc -O3 -rdynamic -flto -pthread tests/workload/lifecycle.c "
		  "tests/workload/common.c" },
		{ "gcc -O2 -shared -fPIC tests/workload/libplug.c" },
		{ "gcc -Os -rdynamic -pthread tests/workload/fibers.c tests/workload/common.c" },
		{ "g++ -O2 -rdynamic -pthread tests/workload/throwing.cpp -x c "
		  "tests/workload/common.c" },
		{ "g++ -O2 -shared -fPIC tests/workload/libcatch.cpp" },
		{ "clang -O2 -rdynamic -pthread tests/workload/spans.c tests/workload/common.c" },
		{ "gcc -shared -fPIC -nostdlib tests/workload/hand.S" },
		{ "gcc -static -O2 -pthread tests/workload/busy.c tests/workload/common.c" },
	};

	return cr_make_param_array(struct build, builds, sizeof(builds) / sizeof(*builds));
}

ParameterizedTest(struct build *build, stripped, names_are_right_or_missing)
{
	char path[] = "/tmp/pathbpf-twin.XXXXXX", stripped[64], command[600];
	struct object full, bare;
	struct counts n;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
	snprintf(stripped, sizeof(stripped), "%s.stripped", path);
	snprintf(command, sizeof(command),
		 "command -v %.*s >/dev/null || exit 0; %s -D_GNU_SOURCE -g -w -ldl -o %s && "
		 "strip --strip-all -o %s %s",
		 (int)strcspn(build->command, " "), build->command, build->command, path, stripped,
		 path);
	cr_assert_eq(system(command), 0, "%s", command);
	if (access(stripped, R_OK))
		cr_skip_test("its compiler is not installed");
	open_object(&full, path);
	open_object(&bare, stripped);
	n = compare(bare.symbols, full.symbols);
	cr_expect_eq(n.wrong, 0, "%u of %u named bytes wrong: %s", n.wrong, n.named,
		     build->command);
	cr_expect_gt(n.named + n.unnamed, 100);
	close_object(&full);
	close_object(&bare);
}
