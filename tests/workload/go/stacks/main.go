// SPDX-License-Identifier: GPL-2.0-only

// Goroutines whose call chains are known: each runs one down to burn(), where it asks the runtime
// for it once, and then burns there. Others make the runtime work: stacks grow, garbage is
// collected, signals arrive, children are made. On the protocol of tests/workload/common.h:
// "ready", the chains as JSON (root first), then it runs until "end".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type frame struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Inlined bool   `json:"inlined"`
}

var (
	chains = map[string][]frame{}
	lock   sync.Mutex
	known  sync.WaitGroup
	ended  int32
	sink   uint64
)

func note(chain string) {
	pcs := make([]uintptr, 1024)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var list []frame
	for {
		f, more := frames.Next()
		list = append([]frame{{f.Function, f.File, f.Line, f.Func == nil}}, list...)
		if !more {
			break
		}
	}
	lock.Lock()
	chains[chain] = list
	lock.Unlock()
	known.Done()
}

// burn is where all chains end. It takes turns with the others, as each has its share.
//
//go:noinline
func burn(chain string) {
	note(chain)
	for atomic.LoadInt32(&ended) == 0 {
		for i := uint64(0); i < 100000; i++ {
			sink += i ^ (i >> 3)
		}
	}
}

//go:noinline
func descend(depth int) {
	if depth > 0 {
		descend(depth - 1)
	} else {
		burn("deep")
	}
	sink++
}

// Small enough for the compiler to put them into each other, and into inlines().
func inner(x int) int  { burn("inlined"); return x + 1 }
func middle(x int) int { return inner(x) * 2 }
func outer(x int) int  { return middle(x) + 3 }

//go:noinline
func inlines() { sink += uint64(outer(1)) }

type shop struct{ name string }

//go:noinline
func (s *shop) sell() { burn(s.name) }

//go:noinline
func (s shop) sellByValue() { (&s).sell(); sink++ }

type seller interface{ sellByValue() }

//go:noinline
func throughInterface(s seller) { s.sellByValue(); sink++ }

//go:noinline
func apply[T any](list []T, f func(T)) {
	for _, x := range list {
		f(x)
	}
}

//go:noinline
func generic() { apply([]string{"generic"}, func(s string) { burn(s); sink++ }) }

//go:noinline
func deferred() { defer func() { burn("deferred"); sink++ }() }

//go:noinline
func sorted() {
	sort.Slice([]int{2, 1}, func(i, j int) bool { burn("sorted"); return i < j })
}

//go:noinline
func recovered() {
	defer func() {
		_ = recover()
		burn("recovered")
		sink++
	}()
	var s *shop
	sink += uint64(len(s.name)) // the signal's handler makes a call of this
}

// What follows keeps the runtime busy, each in a loop.

//go:noinline
func grow(depth int) byte {
	var room [1024]byte
	room[depth] = 1
	if depth == 0 {
		return 0
	}
	return grow(depth-1) + room[depth]
}

func growStacks() {
	done := make(chan byte)
	go func() { done <- grow(200) }()
	<-done
}

func collect() {
	list := make([][]byte, 0, 100)
	for i := 0; i < 100; i++ {
		list = append(list, make([]byte, 10000))
	}
	sink += uint64(len(list))
}

func exchange() {
	a, b := make(chan int), make(chan int)
	go func() {
		for x := range a {
			b <- x + 1
		}
		close(b)
	}()
	for i := 0; i < 1000; i++ {
		a <- i
		select {
		case x := <-b:
			sink += uint64(x)
		case <-time.After(time.Second):
		}
	}
	close(a)
}

func tellTime() {
	for i := 0; i < 10000; i++ {
		sink += uint64(time.Now().Nanosecond())
	}
}

func callKernel() {
	for i := 0; i < 1000; i++ {
		_ = syscall.Getppid()
	}
	time.Sleep(time.Millisecond)
}

func panicOften() {
	defer func() { _ = recover() }()
	var s *shop
	sink += uint64(len(s.name))
}

func signalSelf() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	time.Sleep(time.Millisecond)
}

func makeChild() {
	_ = exec.Command("/bin/true").Run()
	time.Sleep(20 * time.Millisecond)
}

func repeat(f func()) {
	for atomic.LoadInt32(&ended) == 0 {
		f()
	}
}

func main() {
	s := &shop{"method"}
	actors := []func(){
		func() { descend(300) }, inlines, s.sell, func() { throughInterface(shop{"value"}) },
		generic, deferred, sorted, recovered,
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			sink++
		}
	}()
	runtime.GOMAXPROCS(4)
	known.Add(len(actors))
	for _, f := range actors {
		go f()
	}
	known.Wait()
	for _, f := range []func(){growStacks, collect, exchange, tellTime, callKernel, panicOften, signalSelf, makeChild} {
		go repeat(f)
	}
	fmt.Println("ready")
	lock.Lock()
	text, _ := json.Marshal(chains)
	lock.Unlock()
	fmt.Println(string(text))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	atomic.StoreInt32(&ended, 1)
}
