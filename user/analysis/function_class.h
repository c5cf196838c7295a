/* SPDX-License-Identifier: GPL-2.0-only */
/* What functions are to a program, by their names and those of their objects. */
#pragma once

#include <stdbool.h>

/* A function at which a process, a thread or a process of Erlang begins; file may be NULL. */
bool is_starter_name(const char *name, const char *file);
/* An object that is in every program, or that waits, allocates or dispatches for it. */
bool is_plumbing_object(const char *name);
/* A virtual machine, of which it is known without a look at its frames. */
bool is_machine_object(const char *name);
/* The libraries of C++ and Rust, which are compiled into the program. */
bool is_standard_library_name(const char *name);
/* Go's runtime and its way to the system, in an object that has it. */
bool is_go_runtime_name(const char *name);
bool is_go_root_name(const char *name);
/* A function that is for waiting; file (of an interpreted one) may be NULL. */
bool is_waiting_name(const char *name, const char *file);
