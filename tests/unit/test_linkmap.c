/* SPDX-License-Identifier: GPL-2.0-only */
/* The dynamic loader's list of objects in another process. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/linkmap.h"

#define NOBODY 4194305U /* above the kernel's highest PID */

static const struct linked_object *find(const linked_vec *v, const char *part)
{
	vec_foreach (o, v) {
		if (strstr(o->name, part))
			return o;
	}
	return NULL;
}

Test(linkmap, lists_the_objects_of_a_process)
{
	void *handle = dlopen("libz.so.1", RTLD_NOW);
	linked_vec v = {};

	cr_assert(handle);
	cr_assert_eq(linkmap_read((uint32_t)getpid(), &v), 0);
	cr_assert_gt(v.n, 2);
	cr_expect_str_eq(v.v[0].name, "");
	cr_assert(find(&v, "libc.so.6"));
	cr_assert(find(&v, "libz.so.1"));
	cr_expect_eq(find(&v, "libz.so.1")->link_map, (uintptr_t)handle);
	cr_expect_eq(find(&v, "libz.so.1")->bias, ((struct link_map *)handle)->l_addr);
	linkmap_done(&v);
	dlclose(handle);
}

Test(linkmap, lists_other_namespaces_too)
{
	void *handle = dlmopen(LM_ID_NEWLM, "libz.so.1", RTLD_NOW);
	const struct linked_object *o;
	linked_vec v = {};

	cr_assert(handle);
	cr_assert_eq(linkmap_read((uint32_t)getpid(), &v), 0);
	vec_foreach (other, &v) {
		if (other->link_map != (uintptr_t)handle)
			continue;
		cr_expect_gt(other->ns, 0);
	}
	o = find(&v, "libc.so.6");
	cr_assert(o);
	cr_expect_eq(o->ns, 0);
	linkmap_done(&v);
}

Test(linkmap, of_a_process_that_is_not_there_is_an_error)
{
	linked_vec v = {};

	cr_expect_lt(linkmap_read(NOBODY, &v), 0);
	cr_expect_eq(v.n, 0);
}

/* A child in which `spoil` has been at work, waiting to be looked at. */
static pid_t spoiled(void (*spoil)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		spoil();
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void make_circle(void)
{
	_r_debug.r_map->l_next = _r_debug.r_map;
}

static void lead_nowhere(void)
{
	_r_debug.r_map->l_next = (struct link_map *)8;
}

static void name_nowhere(void)
{
	_r_debug.r_map->l_next->l_name = (char *)8;
}

Test(linkmap, that_is_a_circle_has_an_end, .timeout = 20)
{
	pid_t pid = spoiled(make_circle);
	linked_vec v = {};

	linkmap_read((uint32_t)pid, &v);
	cr_expect_eq(v.n, LINKMAP_MAX);
	linkmap_done(&v);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(linkmap, that_leads_nowhere_ends_there)
{
	pid_t pid = spoiled(lead_nowhere);
	linked_vec v = {};

	cr_expect_lt(linkmap_read((uint32_t)pid, &v), 0);
	cr_expect_eq(v.n, 1);
	linkmap_done(&v);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(linkmap, has_no_name_where_none_can_be_read)
{
	pid_t pid = spoiled(name_nowhere);
	linked_vec v = {};

	cr_expect_eq(linkmap_read((uint32_t)pid, &v), 0);
	cr_assert_gt(v.n, 2);
	cr_expect_str_eq(v.v[1].name, "");
	linkmap_done(&v);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
