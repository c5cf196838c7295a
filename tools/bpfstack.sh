#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Holds the stack of programs on uprobes under 64 bytes: from there on Linux 6.13 and later give a
# program a stack a CPU, which two tasks share when one is preempted in the middle of a run. Seen
# to miscount and to crash Linux 7.2.
#
# usage: tools/bpfstack.sh OBJECT...
set -eu

limit=48 # the kernel rounds up to 16, and counts each function by itself
for object in "$@"; do
	deep=$(llvm-objdump -d --no-show-raw-insn "$object" | awk -v limit=$limit '
		/^[0-9a-f]+ <[^L]/ { name = $2 }
		{ n = 0 }
		match($0, /r10 - [0-9]+/) { n = substr($0, RSTART + 6, RLENGTH - 6) + 0 }
		# An address of it: rN = r10, and in the next line rN += -OFFSET.
		copied && match($0, /\+= -[0-9]+/) { n = substr($0, RSTART + 4, RLENGTH - 4) + 0 }
		{ copied = / = r10$/ }
		n > max[name] { max[name] = n }
		END { for (f in max) if (max[f] > limit) printf "%s %d ", f, max[f] }')
	if [ -n "$deep" ]; then
		echo "$object: more than $limit bytes of stack: $deep" >&2
		exit 1
	fi
done
