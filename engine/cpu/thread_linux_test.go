package cpu

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestThreadIsOne(t *testing.T) {
	th := startThread()
	defer th.stop()
	seen := map[int]bool{} // touched on the thread only
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if err := th.do(context.Background(), func() error { seen[unix.Gettid()] = true; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(seen) != 1 {
		t.Errorf("functions ran on %d threads", len(seen))
	}
}

func TestThreadCancelsWhatIsQueued(t *testing.T) {
	th := startThread()
	defer th.stop()
	started, finish := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		first <- th.do(ctx, func() error { close(started); <-finish; return nil })
	}()
	<-started
	var ran atomic.Bool
	queued := make(chan error)
	go func() { queued <- th.do(ctx, func() error { ran.Store(true); return nil }) }()
	time.Sleep(time.Millisecond)
	cancel()
	if err := <-queued; !errors.Is(err, context.Canceled) || ran.Load() {
		t.Errorf("a queued function: %v, ran %t", err, ran.Load())
	}
	close(finish)
	if err := <-first; err != nil {
		t.Errorf("the function under way: %v, it should have finished", err)
	}
}

func TestThreadStops(t *testing.T) {
	th := startThread()
	th.stop()
	th.stop()
	if err := th.do(context.Background(), func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("after stop: %v", err)
	}
}
