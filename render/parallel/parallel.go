// Package parallel does the same with many things on all processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// worthwhile is how many things a goroutine should have to do. To wake a processor for fewer takes
// longer than to do them: each is a few dozen system calls, 0.1 ms.
const worthwhile = 16

// Each calls do with each number from 0 to n-1, in order, on as many goroutines as there are
// processors. After an error it begins with no further number. The error that it returns is that of
// the lowest number, as in a plain loop. A panic of do is one of Each.
func Each(n int, do func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n/worthwhile)
	if workers <= 1 {
		return inTurn(n, do)
	}
	var e each
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { e.work(n, do) })
	}
	all.Wait()
	if e.panicked != nil {
		panic(e.panicked)
	}
	return e.err
}

// inTurn is for a single processor, or for few things, where goroutines would only cost.
func inTurn(n int, do func(i int) error) error {
	for i := range n {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// each is one call of Each.
type each struct {
	next atomic.Int64 // number to begin with
	stop atomic.Bool

	mu       sync.Mutex
	failed   int // number of err
	err      error
	panicked any
}

// work takes the next number until none is left or one has failed. A panic is kept for the caller's
// goroutine: here it would end the program without a message.
func (e *each) work(n int, do func(i int) error) {
	defer func() {
		if r := recover(); r != nil {
			e.stop.Store(true)
			e.mu.Lock()
			defer e.mu.Unlock()
			e.panicked = r
		}
	}()
	for !e.stop.Load() {
		i := int(e.next.Add(1)) - 1
		if i >= n {
			return
		}
		if err := do(i); err != nil {
			e.fail(i, err)
		}
	}
}

// fail keeps the error of the lowest number, so that the same input gives the same error, whichever
// goroutine came first.
func (e *each) fail(i int, err error) {
	e.stop.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil || i < e.failed {
		e.failed, e.err = i, err
	}
}
