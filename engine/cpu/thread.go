package cpu

import (
	"context"
	"runtime"
	"sync"
)

// thread runs functions one at a time on one operating system thread.
type thread struct {
	jobs   chan job
	closed chan struct{} // closed by stop: no further job is taken
	done   chan struct{} // closed when the goroutine has ended
	once   sync.Once
}

type job struct {
	f    func() error
	done chan error
}

func startThread() *thread {
	t := &thread{jobs: make(chan job), closed: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its pool with it
		for {
			select {
			case j := <-t.jobs:
				j.done <- j.f()
			case <-t.closed:
				return
			}
		}
	}()
	return t
}

// do runs f on the thread and waits for it. ctx counts only until f starts.
func (t *thread) do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := job{f: f, done: make(chan error, 1)}
	select {
	case t.jobs <- j:
		return <-j.done
	case <-ctx.Done():
		return ctx.Err()
	case <-t.closed:
		return ErrClosed
	}
}

// stop waits for the function under way and ends the thread. It may be called more than once.
func (t *thread) stop() {
	t.once.Do(func() { close(t.closed) })
	<-t.done
}
