#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Prints a C file that holds FILE's bytes: SYMBOL, SYMBOL_len (without the final NUL), and
# SYMBOL_sha256, the digest in base64 as a Content-Security-Policy wants it.
set -eu

if [ $# -ne 2 ]; then
	echo "usage: $0 FILE SYMBOL" >&2
	exit 2
fi
file=$1
symbol=$2

# Octal escapes: they end after three digits, so nothing can run together.
bytes=$(od -An -v -to1 "$file" | sed 's/ /\\/g; s/^/\t"/; s/$/"/')
bytes=${bytes:-'""'}
len=$(wc -c <"$file")
digest=$(sha256sum "$file" | awk '{
	digits = "0123456789abcdef"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	hex = $1 "00" # 33 bytes: eleven whole groups; the padding byte becomes "="
	for (i = 1; i < length(hex); i += 6) {
		n = 0
		for (j = 0; j < 6; j++)
			n = n * 16 + index(digits, substr(hex, i + j, 1)) - 1
		for (d = 262144; d >= 1; d /= 64)
			out = out substr(letters, int(n / d) % 64 + 1, 1)
	}
	print substr(out, 1, length(out) - 1) "="
}')

cat <<END
/* Made by tools/embed.sh from $file: do not edit. */
extern const char ${symbol}[];
extern const unsigned long ${symbol}_len;
extern const char ${symbol}_sha256[];
const char ${symbol}[] =
$bytes;
const unsigned long ${symbol}_len = $((len));
const char ${symbol}_sha256[] = "$digest";
END
