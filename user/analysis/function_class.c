/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that tell what a function is for. Only names that are the same in every program stand
 * here: what a program does is found in its stacks.
 */
#include "analysis/function_class.h"

#include <stddef.h>
#include <string.h>

#define HAS_PREFIX(s, list) has_prefix(s, list, sizeof(list) / sizeof((list)[0]))

static bool has_prefix(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strncmp(s, list[i], strlen(list[i])))
			return true;
	}
	return false;
}

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(s, list[i]))
			return true;
	}
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), tail = strlen(end);

	return len >= tail && !strcmp(s + len - tail, end);
}

bool is_go_root_name(const char *name)
{
	static const char *const roots[] = { "runtime.goexit", "runtime.mcall", "runtime.mstart",
					     "runtime.rt0_go", "_rt0_amd64" };

	return HAS_PREFIX(name, roots);
}

bool is_starter_name(const char *name, const char *file)
{
	static const char *const exact[] = { "_start",
					     "__libc_start_main",
					     "__libc_start_main_impl",
					     "__libc_start_call_main",
					     "clone",
					     "clone3",
					     "__clone",
					     "__clone3",
					     "start_thread",
					     "execute_native_thread_routine",
					     "g_thread_proxy",
					     "uv__thread_start",
					     "runtime.main",
					     "__restore_rt" };
	static const char *const prefixes[] = {
		"std::rt::lang_start",
		"std::sys::backtrace::__rust_begin_short_backtrace",
		"std::sys_common::backtrace::__rust_begin_short_backtrace",
		"proc_lib:init_p",
	};
	static const char *const python[] = { "Thread._bootstrap", "Thread.run" };

	if (file && ends_with(file, "threading.py"))
		return HAS_PREFIX(name, python);
	return is_one_of(name, exact, sizeof(exact) / sizeof(exact[0])) ||
	       HAS_PREFIX(name, prefixes) || is_go_root_name(name);
}

bool is_plumbing_object(const char *name)
{
	static const char *const prefixes[] = {
		"libc.so",    "libc-2",    "libc.musl", "ld-linux",    "ld-musl",     "ld-2",
		"libpthread", "librt.so",  "librt-",    "libdl.so",    "libm.so",     "libm-2",
		"libgcc_s",   "libstdc++", "libc++",    "libjemalloc", "libtcmalloc", "libmimalloc",
		"libevent",   "libuv",     "libev.so",  "[vdso]",      "[uprobes]",   "[vsyscall]",
	};

	return HAS_PREFIX(name, prefixes);
}

bool is_machine_object(const char *name)
{
	static const char *const prefixes[] = { "libpython", "python2.", "python3.", "libjvm.so" };

	return HAS_PREFIX(name, prefixes) || !strcmp(name, "python3");
}

bool is_standard_library_name(const char *name)
{
	static const char *const prefixes[] = { "std::",    "__gnu_cxx::",  "core::",
						"alloc::",  "<std::",       "<core::",
						"<alloc::", "operator new", "operator delete" };

	/* A template's name begins with what it returns. */
	return HAS_PREFIX(name, prefixes) || !strncmp(name, "void std::", 10);
}

bool is_go_runtime_name(const char *name)
{
	static const char *const prefixes[] = { "runtime.",       "runtime/",
						"syscall.",       "internal/runtime/",
						"internal/poll.", "internal/syscall/" };

	return HAS_PREFIX(name, prefixes);
}

bool is_waiting_name(const char *name, const char *file)
{
	static const char *const words[] = { "wait", "Wait", "sleep",  "Sleep", "poll",
					     "Poll", "park", "select", "Select" };
	static const char *const modules[] = { "/threading.py", "/queue.py", "/selectors.py",
					       "/socket.py", "/ssl.py" };

	for (size_t i = 0; file && i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (ends_with(file, modules[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(name, words[i]))
			return true;
	}
	return false;
}
