#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Holds the layers: lib · data sym · target analysis · runtime · trace view store · serve · cmd · main.
# A folder of user/ includes from itself and from groups to its left, never from a sibling;
# only trace/ knows libbpf and the skeleton, it and runtime/ bpf/wire.h; bpf/ includes nothing from user/.
#
# usage: tools/layers.sh [ROOT]
# shellcheck disable=SC2016 # the dollars belong to awk
set -eu

cd "${1:-$(dirname "$0")/..}"
find user bpf -name '*.[ch]' 2>/dev/null | sort | xargs -r awk '
function fail(why)
{
	printf "%s:%d: includes %s: %s\n", FILENAME, FNR, included, why
	failures++
}

# The group of a folder of user/; 0: there is no such folder.
function group(folder)
{
	return folder in groups ? groups[folder] : 0
}

function user_rule(    own, other)
{
	own = split(FILENAME, part, "/") > 2 ? part[2] : "main"
	if (!group(own)) {
		fail("user/" own "/ is not a layer of tools/layers.sh")
		return
	}
	if (name ~ /^bpf\// || name ~ /\.skel\.h$/ || name ~ /(^|\/)wire\.h$/ || name ~ /^vmlinux/) {
		if (own != "trace" && !(own == "runtime" && name == "bpf/wire.h"))
			fail("only user/trace/ knows libbpf and the skeleton, it and runtime/ the wire")
		else if (!system_header && name ~ /^bpf\// && name != "bpf/wire.h")
			fail("bpf/wire.h is the only header that both sides include")
		return
	}
	# A generated table (.inc) belongs to nobody.
	if (system_header || name ~ /^[a-z0-9_]+\.inc$/)
		return
	if (name !~ /\// || name ~ /\.\./) {
		fail("write the folder: \"lib/buf.h\"")
		return
	}
	other = name
	sub(/\/.*/, "", other)
	if (other == own)
		return
	if (!group(other))
		fail("\"" other "/\" is not a layer")
	else if (group(other) == group(own))
		fail(own "/ and " other "/ are siblings, they meet in a layer to their left")
	else if (group(other) > group(own))
		fail(other "/ stands to the right of " own "/")
}

function bpf_rule()
{
	if (FILENAME ~ /\.bpf\.[ch]$/) {
		if (name == "vmlinux.h" || name ~ /(^|\/)wire\.h$/ || name ~ /\.bpf\.h$/)
			return
		if (system_header && name ~ /^bpf\/bpf_[a-z_]+\.h$/)
			return
		fail("BPF code includes vmlinux.h, wire.h, its own .bpf.h files and libbpf only")
	} else if (FILENAME == "bpf/wire.h" && name ~ /^wire_[a-z]+\.h$/) {
		return # a part of it
	} else if (!system_header || name !~ /^(linux\/types|stdint|stdbool|assert)\.h$/) {
		fail("a header that both sides include needs nothing but <linux/types.h>")
	}
}

BEGIN {
	rows = split("lib|data sym|target analysis|runtime|trace view store|serve|cmd|main", row, "|")
	for (i = 1; i <= rows; i++) {
		n = split(row[i], folder, " ")
		for (j = 1; j <= n; j++)
			groups[folder[j]] = i
	}
}

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
	included = $0
	sub(/^[^<"]*/, "", included)
	sub(/[>"][^>"]*$/, substr(included, 1, 1) == "<" ? ">" : "\"", included)
	system_header = substr(included, 1, 1) == "<"
	name = substr(included, 2, length(included) - 2)
	if (FILENAME ~ /^user\//)
		user_rule()
	else
		bpf_rule()
}

END { exit failures > 0 }
' || exit 1
