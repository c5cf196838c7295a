#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Holds the shape of the code: no file over 600 lines, no function over 100; prints the longest
# five of each. A file that is a table says so ("shape: table") within its first ten lines and
# is exempt from the first rule.
#
# usage: tools/shape.sh [ROOT]
# shellcheck disable=SC2016 # the dollars belong to awk
set -eu

cd "${1:-$(dirname "$0")/..}"
max_file=600
max_function=100

# A function's body opens and closes with a brace in the first column; its name stands on the
# last line before that begins in the first column.
functions='
FNR == 1 { start = 0 }
/^[A-Za-z_]/ { head = $0 }
/^\{/ { start = FNR }
/^\}/ && start {
	name = head
	# SEC(...) int BPF_PROG(name, ...) is called after its first argument
	if (name ~ /BPF_[A-Z_]*PROG[A-Z0-9_]*\(/)
		sub(/^.*BPF_[A-Z0-9_]*\(/, "", name)
	sub(/[(,].*/, "", name)
	sub(/^.*[ *]/, "", name)
	printf "%d %s:%d %s\n", FNR - start + 1, FILENAME, start, name
	start = 0
}'

files=$(find user bpf tests \( -name '*.[ch]' -o -name '*.cpp' \) 2>/dev/null | sort)
[ -n "$files" ] || exit 0
# shellcheck disable=SC2086 # a list of words; no name of ours has a blank
by_function=$(awk "$functions" $files | sort -rn)
by_file=$(for file in $files; do
	head -n 10 "$file" | grep -q 'shape: table' || echo "$(wc -l <"$file") $file"
done | sort -rn)

echo "longest functions (lines, place, name):"
echo "$by_function" | head -n 5
echo "longest files (lines, name):"
echo "$by_file" | head -n 5

status=0
too_long()
{
	[ -n "$2" ] || return 0
	echo "$2" | sed "s/^\([0-9]*\) \(.*\)/\2: \1 lines; $1/" >&2
	status=1
}
too_long "a function has at most $max_function" \
	"$(echo "$by_function" | awk -v max=$max_function '$1 > max')"
too_long "a file has at most $max_file" "$(echo "$by_file" | awk -v max=$max_file '$1 > max')"
exit $status
