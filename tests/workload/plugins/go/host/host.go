// SPDX-License-Identifier: GPL-2.0-only

// Opens the plugin that is named and calls it; speaks the protocol of tests/workload/common.h.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
	"time"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	in.ReadString('\n')
	p, err := plugin.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	f, err := p.Lookup("Twice")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(700 * time.Millisecond)
	sum := 0
	for i := 0; i < 10; i++ {
		sum += f.(func(int) int)(i)
	}
	_, err = plugin.Open("/nowhere/no.so")
	fmt.Printf("{\"executions\":10,\"sum\":%d,\"error\":%q}\n", sum, err)
	in.ReadString('\n')
}
