// SPDX-License-Identifier: GPL-2.0-only

// A plugin of ../host.
package main

//go:noinline
func Twice(n int) int {
	return 2 * n
}

func main() {}
