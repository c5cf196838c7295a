#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes a C program of many functions without frame pointers, each with a frame of another size and
of its own rows in the unwind table, that call each other: a tall stack that no cache makes cheap."""
N = 1024

print("/* SPDX-License-Identifier: GPL-2.0-only */")
print('/* Made by chain.py. -d of the functions call each other; the last one works for -s ms of CPU time. */')
print('#include "common.h"\n')
print("static uint64_t milliseconds;\n")
print("NOIPA uint64_t chain_top(uint64_t n)\n{")
print("\tuint64_t end = workload_cpu_ns() + milliseconds * 1000000;\n")
print("\twhile (workload_cpu_ns() < end)\n\t\tfor (int i = 0; i < 10000; i++) {\n\t\t\tn = n * 31 + 7;\n\t\t\tBARRIER();\n\t\t}\n\treturn n;\n}\n")
for i in reversed(range(N)):
    callee = f"chain_{i + 1}" if i + 1 < N else "chain_top"
    words = 2 + i * 7 % 61
    print(f"NOIPA uint64_t chain_{i}(uint64_t n)\n{{")
    print(f"\tvolatile uint64_t own[{words}];\n\n\town[n % {words}] = n;\n\tn = {callee}(n + {i});\n\tBARRIER();\n\treturn n + own[0];\n}}\n")
print("static uint64_t (*const chain[])(uint64_t) = {")
print("\n".join(f"\tchain_{i}," for i in range(N)))
print("};\n")
print('int main(int argc, char **argv)\n{\n\tuint64_t depth = workload_option(argc, argv, "-d", 30), n;\n')
print('\tmilliseconds = workload_option(argc, argv, "-s", 1000);\n\tworkload_ready();')
print(f"\tn = chain[{N} - (depth < {N} ? depth : {N})](depth);")
print('\tworkload_truth("{\\"n\\":%lu}", n);\n\tworkload_end();\n\treturn 0;\n}')
