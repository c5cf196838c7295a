// SPDX-License-Identifier: GPL-2.0-only

// Goroutines, many more than threads, whose stacks grow (and so move) in the middle of functions,
// which park in channel operations, fail with errors, panic and recover, and leave by Goexit.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	goroutines = 400
	rounds     = 5
	growth     = 24
)

type counts struct {
	handle, grow, parked, fails, custom, guard, panics, faults, leaves, inDefer int64
	failed, customs, panicked, faulted                                          int64
}

var c counts

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

//go:noinline
func grow(depth int, pad [128]int) int {
	atomic.AddInt64(&c.grow, 1)
	if depth == 0 {
		return pad[0]
	}
	pad[depth%128]++
	return grow(depth-1, pad) + pad[depth%128]
}

//go:noinline
func parked(in <-chan int, out chan<- int) int {
	atomic.AddInt64(&c.parked, 1)
	v := <-in
	runtime.Gosched()
	out <- v + 1
	return v
}

//go:noinline
func fails(n int) (int, error) {
	atomic.AddInt64(&c.fails, 1)
	if n%3 == 0 {
		atomic.AddInt64(&c.failed, 1)
		return 0, errors.New("every third")
	}
	return n, nil
}

//go:noinline
func custom(n int) error {
	atomic.AddInt64(&c.custom, 1)
	if n%2 == 0 {
		atomic.AddInt64(&c.customs, 1)
		return &codeError{n}
	}
	return nil
}

//go:noinline
func inDefer(n int) {
	atomic.AddInt64(&c.inDefer, 1)
	runtime.KeepAlive(n)
}

//go:noinline
func panics(n int) int {
	atomic.AddInt64(&c.panics, 1)
	defer inDefer(n)
	if n%4 == 0 {
		atomic.AddInt64(&c.panicked, 1)
		panic(&codeError{n})
	}
	return n
}

//go:noinline
func faults(p *int, n int) int {
	atomic.AddInt64(&c.faults, 1)
	if n%5 == 0 {
		atomic.AddInt64(&c.faulted, 1)
		p = nil
	}
	return *p + n
}

//go:noinline
func guard(n int) (ret int) {
	atomic.AddInt64(&c.guard, 1)
	defer func() {
		if recover() != nil {
			ret = -1
		}
	}()
	return panics(n) + faults(&n, n)
}

//go:noinline
func handle(n int) int {
	var pad [128]int
	in, out := make(chan int), make(chan int)

	atomic.AddInt64(&c.handle, 1)
	go func() { in <- n; <-out }()
	sum := parked(in, out) + grow(growth, pad)
	if _, err := fails(n); err != nil {
		sum++
	}
	if err := custom(n); err != nil {
		sum++
	}
	return sum + guard(n)
}

//go:noinline
func leaves(n int) int {
	atomic.AddInt64(&c.leaves, 1)
	if n >= 0 {
		runtime.Goexit()
	}
	return n
}

func work(i int, total *int64, done *sync.WaitGroup) {
	defer done.Done()
	for n := 0; n < rounds; n++ {
		atomic.AddInt64(total, int64(handle(i*rounds+n)))
	}
	if i%10 == 0 {
		leaves(i)
	}
}

func truth(total int64) string {
	raised := c.panicked + c.faulted
	line, _ := json.Marshal(map[string]any{
		"calls": map[string]int64{
			"main.handle": c.handle, "main.grow": c.grow, "main.parked": c.parked,
			"main.fails": c.fails, "main.custom": c.custom, "main.guard": c.guard,
			"main.panics": c.panics, "main.faults": c.faults, "main.leaves": c.leaves,
			"main.inDefer": c.inDefer,
		},
		"unwound": map[string]int64{
			"main.panics": c.panicked, "main.faults": c.faulted, "main.leaves": c.leaves,
		},
		"errors": map[string]map[string]int64{
			"main.fails":  {"error *errors.errorString": c.failed},
			"main.custom": {"error *main.codeError": c.customs},
			"main.panics": {"panic": c.panicked},
			"main.faults": {"panic": c.faulted},
		},
		"raised": raised, "total": total,
	})
	return string(line)
}

func main() {
	var total int64
	var done sync.WaitGroup
	in := bufio.NewReader(os.Stdin)

	fmt.Println("ready")
	in.ReadString('\n')
	for i := 0; i < goroutines; i++ {
		done.Add(1)
		go work(i, &total, &done)
	}
	done.Wait()
	fmt.Println(truth(total))
	in.ReadString('\n')
}
