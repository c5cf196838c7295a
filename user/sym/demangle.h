/* SPDX-License-Identifier: GPL-2.0-only */
/* Readable names of C++, Rust (legacy and v0) and D symbols, by libiberty. */
#pragma once

/*
 * The demangled name on the heap (caller frees), or NULL when the name is not mangled or memory
 * is short. Rust's hash suffix is dropped. The input is hostile: its length is bounded.
 */
char *demangle(const char *name);
/*
 * The same for the name that a C++ type_info holds: "St13runtime_error" is "std::runtime_error",
 * "PKc" is "char const*". NULL when it is no such name.
 */
char *demangle_type(const char *name);
