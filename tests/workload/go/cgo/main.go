// SPDX-License-Identifier: GPL-2.0-only

// Go and C that call each other: a goroutine calls C, which burns there; C that Go called calls
// Go, and that C again; threads that C made call Go. As a program (on the protocol of
// tests/workload/common.h) or, by -buildmode=c-shared, as a library of gohost.c.
package main

/*
#cgo CFLAGS: -O1 -g -fomit-frame-pointer
#cgo LDFLAGS: -pthread
#include "calls.h"
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

var (
	ended int32
	sink  uint64
)

//go:noinline
func burnInGo() {
	for end := time.Now().Add(2 * time.Millisecond); time.Now().Before(end); {
		for i := uint64(0); i < 10000; i++ {
			sink += i ^ (i >> 3)
		}
	}
}

// Called by C, on whatever thread.
//
//export goWork
func goWork(depth C.int) C.int {
	if depth > 0 {
		return C.c_calls_go(depth - 1)
	}
	burnInGo()
	return 1
}

//go:noinline
func callsC() { C.c_burns(200000) }

//go:noinline
func callsBack() { C.c_calls_go(2) }

//go:noinline
func grows(n int) byte {
	var room [4096]byte
	room[n] = byte(n)
	if n == 0 {
		C.c_burns(1000)
		return 0
	}
	return grows(n-1) + room[n]
}

func repeat(f func()) {
	for atomic.LoadInt32(&ended) == 0 {
		f()
	}
}

func main() {
	runtime.GOMAXPROCS(4)
	go repeat(callsC)
	go repeat(callsBack)
	go repeat(func() {
		done := make(chan byte)
		go func() { done <- grows(30) }()
		<-done
	})
	C.c_starts_thread()
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	atomic.StoreInt32(&ended, 1)
}
