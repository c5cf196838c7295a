// SPDX-License-Identifier: GPL-2.0-only

// An HTTP server with handlers of known names, on the protocol of tests/workload/common.h:
// "ready PORT", then it serves until "end" and prints how many requests it answered.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
)

var served int64

type shop struct{}

//go:noinline
func computePrice(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i ^ (i >> 3)
	}
	return sum
}

//go:noinline
func growStack(depth int) int {
	var room [512]int
	room[depth%512] = depth
	if depth == 0 {
		return 0
	}
	return growStack(depth-1) + room[depth%512]
}

func (s *shop) handleWork(w http.ResponseWriter, _ *http.Request) {
	atomic.AddInt64(&served, 1)
	fmt.Fprintln(w, computePrice(20000), growStack(64))
}

func (s *shop) handleError(w http.ResponseWriter, _ *http.Request) {
	atomic.AddInt64(&served, 1)
	http.Error(w, "as asked", http.StatusInternalServerError)
}

func main() {
	s := &shop{}
	http.HandleFunc("/work", s.handleWork)
	http.HandleFunc("/error", s.handleError)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "goserver:", err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(listener, nil) }()
	fmt.Println("ready", listener.Addr().(*net.TCPAddr).Port)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Printf("{\"served\":%d}\n", atomic.LoadInt64(&served))
}
