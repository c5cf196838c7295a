#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Holds the stack of programs on uprobes under 64 bytes: from there on Linux 6.13 and later give a
# program a stack a CPU, which two tasks share when one is preempted in the middle of a run. Seen
# to miscount and to crash Linux 7.2.
#
# usage: tools/bpfstack.sh OBJECT...
set -eu

limit=48 # the kernel rounds up to 16
for object in "$@"; do
	deepest=$(llvm-objdump -d --no-show-raw-insn "$object" | awk '
		match($0, /r10 - (0x)?[0-9a-f]+/) {
			n = substr($0, RSTART + 6, RLENGTH - 6)
			if (n + 0 > max) max = n + 0
		}
		match($0, /\+= -[0-9]+/) {
			n = substr($0, RSTART + 4, RLENGTH - 4)
			if (n + 0 > max) max = n + 0
		}
		END { print max + 0 }')
	if [ "$deepest" -gt "$limit" ]; then
		echo "$object: $deepest bytes of stack, more than $limit" >&2
		exit 1
	fi
done
