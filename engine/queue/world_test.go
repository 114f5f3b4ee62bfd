package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// request has inputs that cost tokens, and notes what becomes of each.
type request struct {
	name   string
	tokens []int
	ended  []int   // how often each input ended
	errs   []error // of those that were not computed
}

func inputs(name string, tokens ...int) *request {
	return &request{name, tokens, make([]int, len(tokens)), make([]error, len(tokens))}
}

func (r *request) Drop(place int, err error) {
	r.ended[place]++
	r.errs[place] = err
}

// computed counts the inputs that went through a pass.
func (r *request) computed() int {
	n := 0
	for i, times := range r.ended {
		if times == 1 && r.errs[i] == nil {
			n++
		}
	}
	return n
}

type (
	item  = Item[*request, int]
	queue = Queue[*request, int]
)

// pass is a batch that a device has computed.
type pass struct {
	device      int
	lane        Lane
	names       []string // of the requests, by input
	tokens      int
	began, took time.Duration
}

// world is a queue with preparers and devices that take their time, in a bubble.
type world struct {
	*queue
	prepare, compute time.Duration
	jitter           time.Duration            // by which a pass takes longer than the one before
	fails            func(item) error         // of preparing
	breaks           func(batch []item) error // of computing
	start            time.Time
	workers          sync.WaitGroup

	mu           sync.Mutex
	passes       []pass
	prepared     int // inputs under way or ready
	mostPrepared int
}

// start runs f in a bubble with a world whose goroutines have ended when it is over.
func in(t *testing.T, o Options, f func(t *testing.T, w *world)) {
	t.Helper()
	o.Budget, o.Prepared = max(o.Budget, 1), max(o.Prepared, 2*o.Budget)
	o.Preparers, o.MaxWaiting = max(o.Preparers, 4), max(o.MaxWaiting, 1000)
	o.Devices, o.Passes = max(o.Devices, 1), max(o.Passes, 1)
	synctest.Test(t, func(t *testing.T) {
		w := &world{queue: New[*request, int](o), compute: 10 * time.Millisecond, start: time.Now(),
			fails: func(item) error { return nil }, breaks: func([]item) error { return nil }}
		f(t, w)
		w.Stop(errStopped)
		w.workers.Wait()
		w.empty(t)
	})
}

var errStopped = errors.New("stopped")

// run starts the preparers and the devices, after f has set how long they take.
func (w *world) run() {
	for range w.options.Preparers + 1 {
		w.workers.Go(w.prepareAll)
	}
	for range w.options.Devices * w.options.Passes {
		w.workers.Go(w.computeAll)
	}
}

func (w *world) prepareAll() {
	for {
		i, ok := w.Next()
		if !ok {
			return
		}
		w.note(1)
		time.Sleep(w.prepare)
		if err := w.fails(i); err != nil {
			w.note(-1)
			w.Failed(i, err)
			continue
		}
		i.Tokens = i.Request.tokens[i.Place]
		w.Ready(i)
	}
}

func (w *world) note(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prepared += n
	w.mostPrepared = max(w.mostPrepared, w.prepared)
}

func (w *world) computeAll() {
	var memory []item
	for {
		batch, device, ok := w.Take(memory)
		if !ok {
			return
		}
		memory = batch
		p := pass{device: device, lane: batch[0].Lane(), began: time.Since(w.start), took: w.compute}
		for _, i := range batch {
			p.names = append(p.names, i.Request.name)
			p.tokens += i.Tokens
		}
		w.note(-len(batch))
		w.mu.Lock()
		p.took += time.Duration(len(w.passes)) * w.jitter
		w.passes = append(w.passes, p)
		w.mu.Unlock()
		time.Sleep(p.took)
		err := w.breaks(batch)
		for _, i := range batch {
			i.Request.ended[i.Place]++
			i.Request.errs[i.Place] = err
		}
		w.Done(batch, device, err)
	}
}

// seen returns the passes so far, once every goroutine is idle.
func (w *world) seen() []pass {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.passes)
}

// call calls Do in a goroutine of its own.
func (w *world) call(ctx context.Context, c Call[*request]) <-chan error {
	done := make(chan error, 1)
	c.Inputs = len(c.Request.tokens)
	w.workers.Go(func() { done <- w.Do(ctx, c) })
	return done
}

// empty checks that nothing is left in the queue.
func (w *world) empty(t *testing.T) {
	t.Helper()
	for lane := range lanes {
		if n := w.calls[lane].Len() + len(w.ready[lane]) + w.preparing[lane] + w.tokens[lane] + w.waiting[lane]; n != 0 {
			t.Errorf("lane %d: %d calls, %d ready of %d tokens, %d being prepared, %d waiting are left",
				lane, w.calls[lane].Len(), len(w.ready[lane]), w.tokens[lane], w.preparing[lane], w.waiting[lane])
		}
	}
	if w.admitted != 0 || slices.ContainsFunc(w.running, func(n int) bool { return n != 0 }) {
		t.Errorf("%d admitted, passes %v are left", w.admitted, w.running)
	}
}
