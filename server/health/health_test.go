package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vbge/engine"
	"vbge/engine/selftest"
	"vbge/weights"
)

// fakeEngine answers the known input with vector once release lets it.
type fakeEngine struct {
	mu       sync.Mutex
	vector   []float32
	err      error         // of the call
	hold     chan struct{} // if not nil, a call waits until it is closed
	stubborn bool          // a call waits for hold alone, whatever its context says
	device   error         // of Ready
	last     time.Time     // of a pass
	asked    int
}

func (f *fakeEngine) set(change func(f *fakeEngine)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeEngine) EmbedAnew(ctx context.Context, _ []byte, _ string) ([]float32, error) {
	f.mu.Lock()
	f.asked++
	hold, stubborn := f.hold, f.stubborn
	f.mu.Unlock()
	if hold != nil && stubborn {
		<-hold
	} else if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the device: %w", ctx.Err())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	f.last = time.Now()
	return f.vector, nil
}

func (f *fakeEngine) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fakeEngine) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.device
}

func (f *fakeEngine) Stats() engine.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return engine.Stats{LastPass: f.last}
}

func (*fakeEngine) Device() string         { return "cpu" }
func (*fakeEngine) ModelID() string        { return "abc" }
func (*fakeEngine) Config() weights.Config { return weights.Base() }
func (*fakeEngine) Precision() string      { return "float32" }

// fakeCatalog counts with err, after delay.
type fakeCatalog struct {
	mu    sync.Mutex
	err   error
	delay time.Duration
	asked int
}

func (f *fakeCatalog) Count(ctx context.Context) (int, error) {
	f.mu.Lock()
	f.asked++
	err, delay := f.err, f.delay
	f.mu.Unlock()
	select {
	case <-time.After(delay):
		return 900, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (f *fakeCatalog) set(err error, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.delay = err, delay
}

func (f *fakeCatalog) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

var right = []float32{0.6, 0.8}

func kept() *selftest.Kept {
	return &selftest.Kept{Version: selftest.Version, Picture: true, Model: "abc", Device: "cpu", Embedding: right}
}

// harness is a Checker of fakes in a bubble of synctest.
type harness struct {
	*Checker
	t       *testing.T
	engine  *fakeEngine
	catalog *fakeCatalog
	log     *bytes.Buffer
}

func check(t *testing.T, change func(o *Options), f func(h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{t: t, engine: &fakeEngine{vector: right}, catalog: &fakeCatalog{}, log: new(bytes.Buffer)}
		o := Options{Engine: h.engine, Kept: kept(), Catalog: h.catalog, Log: slog.New(slog.NewTextHandler(h.log, nil))}
		if change != nil {
			change(&o)
		}
		h.Checker = New(o)
		defer h.Close()
		f(h)
	})
}

// want asks and compares: "" is ready, other words are parts of the reason.
func (h *harness) want(parts ...string) {
	h.t.Helper()
	err := h.Ready(h.t.Context())
	if len(parts) == 0 && err != nil {
		h.t.Errorf("not ready: %v", err)
	}
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			h.t.Errorf("%v, want an error about %q", err, part)
		}
	}
}

// TestQuiet: without traffic the engine is tested every ten seconds, however often somebody asks.
func TestQuiet(t *testing.T) {
	check(t, nil, func(h *harness) {
		for range 60 {
			h.want()
			time.Sleep(500 * time.Millisecond)
		}
		if got, counts := h.engine.questions(), h.catalog.questions(); got != 3 || counts != 15 {
			t.Errorf("in 30 s the engine was tested %d times and the catalogue asked %d times, want 3 and 15", got, counts)
		}
	})
}

// TestTraffic: while passes succeed the engine is tested once, at start; then it is tested when they stop.
func TestTraffic(t *testing.T) {
	check(t, nil, func(h *harness) {
		for range 60 {
			h.want()
			time.Sleep(time.Second)
			h.engine.set(func(f *fakeEngine) { f.last = time.Now() })
		}
		if got := h.engine.questions(); got != 1 {
			t.Errorf("tested %d times under traffic, want once", got)
		}
		h.engine.set(func(f *fakeEngine) { f.hold = make(chan struct{}) }) // traffic has stopped and the device hangs
		time.Sleep(9900 * time.Millisecond)
		h.want()
		time.Sleep(200 * time.Millisecond)
		h.want("self_test: no answer within 5s")
		if got := h.engine.questions(); got != 2 {
			t.Errorf("tested %d times, want twice", got)
		}
	})
}

// TestWedged: a device that hangs turns the server not ready within the deadline, whoever asks, and ready again when
// it comes back. Nobody waits a second time for the same test.
func TestWedged(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		check(t, nil, func(h *harness) {
			hold := make(chan struct{})
			h.engine.set(func(f *fakeEngine) { f.hold, f.stubborn = hold, stubborn })
			began := time.Now()
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() { h.want("self_test: no answer within 5s") })
			}
			group.Wait()
			if took := time.Since(began); took != 5*time.Second || h.engine.questions() != 1 {
				t.Errorf("stubborn %v: 20 callers have the answer after %v and %d tests, want 5 s and one", stubborn, took, h.engine.questions())
			}
			began = time.Now()
			h.want("no answer") // at once
			if took := time.Since(began); took != 0 {
				t.Errorf("stubborn %v: the next caller waits for %v", stubborn, took)
			}
			time.Sleep(time.Minute)
			close(hold)
			synctest.Wait()
			h.want()
		})
	}
}

// TestImpatient: a caller with little time has an answer in its time, and the test goes on for the next.
func TestImpatient(t *testing.T) {
	check(t, nil, func(h *harness) {
		hold := make(chan struct{})
		h.engine.set(func(f *fakeEngine) { f.hold = hold })
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := h.Ready(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if h.log.Len() > 0 {
			t.Errorf("who did not wait is no reason to log %s", h.log)
		}
		close(hold)
		h.want()
		if got := h.engine.questions(); got != 1 {
			t.Errorf("tested %d times, want once", got)
		}
	})
}

// TestWrong: vectors that are not the one that was kept, and calls that fail, are not ready until they are right again,
// whatever passes succeed meanwhile.
func TestWrong(t *testing.T) {
	nan := float32(math.NaN())
	lost := errors.New("launch failed")
	for name, c := range map[string]struct {
		vector []float32
		err    error
		want   string
	}{
		"another vector":  {[]float32{0.8, 0.6}, nil, "off by 0.2"},
		"a little off":    {[]float32{0.60001, 0.79999}, nil, "off by 1e-05"},
		"NaN":             {[]float32{nan, nan}, nil, "off by NaN"},
		"another model's": {[]float32{0.6, 0.8, 0}, nil, "3 values"},
		"no vector":       {nil, nil, "0 values"},
		"an error":        {right, lost, "launch failed"},
		"a full queue":    {right, engine.ErrQueueFull, engine.ErrQueueFull.Error()},
	} {
		check(t, nil, func(h *harness) {
			h.engine.set(func(f *fakeEngine) { f.vector, f.err = c.vector, c.err })
			for range 5 {
				h.want("self_test", c.want)
				time.Sleep(700 * time.Millisecond)
				h.engine.set(func(f *fakeEngine) { f.last = time.Now() })
			}
			if got := h.engine.questions(); got != 3 { // at 0, 1.4 and 2.8 s
				t.Errorf("%s: tested %d times in 3.5 s", name, got)
			}
			if got := h.Wrong(h.t.Context()); (got != nil) != (c.err == nil) { // who does not answer is not wrong
				t.Errorf("%s: whether it is wrong: %v", name, got)
			}
			if c.err != nil && !errors.Is(h.Ready(h.t.Context()), c.err) {
				t.Errorf("%s: the reason is not wrapped", name)
			}
			h.engine.set(func(f *fakeEngine) { f.vector, f.err = right, nil })
			time.Sleep(retry)
			if got := h.Wrong(h.t.Context()); got != nil { // it has had the test made again
				t.Errorf("%s: still wrong: %v", name, got)
			}
			h.want()
		})
	}
}

// TestWrongUntilRight: a test without an answer leaves the verdict as it is.
func TestWrongUntilRight(t *testing.T) {
	check(t, nil, func(h *harness) {
		h.engine.set(func(f *fakeEngine) { f.vector = []float32{0.8, 0.6} })
		h.want("self_test", "off by 0.2")
		time.Sleep(retry)
		h.engine.set(func(f *fakeEngine) { f.vector, f.err = right, engine.ErrQueueFull })
		if err := h.Wrong(h.t.Context()); err == nil || !strings.Contains(err.Error(), "off by 0.2") {
			t.Errorf("after a test without an answer: %v", err)
		}
		time.Sleep(retry)
		h.engine.set(func(f *fakeEngine) { f.err = nil })
		if err := h.Wrong(h.t.Context()); err != nil {
			t.Errorf("after a right one: %v", err)
		}
	})
}

// TestNothingKept: without a vector of the conversion the first answer stands for it, if it can be one.
func TestNothingKept(t *testing.T) {
	check(t, func(o *Options) { o.Kept = nil }, func(h *harness) {
		h.engine.set(func(f *fakeEngine) { f.vector = []float32{float32(math.NaN()), 0} })
		h.want("length NaN")
		h.engine.set(func(f *fakeEngine) { f.vector = []float32{0, 1} })
		time.Sleep(retry)
		h.want()
		if n := strings.Count(h.log.String(), "taken for right"); n != 1 {
			t.Errorf("%d warnings in %s", n, h.log)
		}
		h.engine.set(func(f *fakeEngine) { f.vector = right })
		time.Sleep(11 * time.Second)
		h.want("off by 0.6")
	})
}

// TestCatalog: Milvus down, slow, and back; its answer is kept for two seconds.
func TestCatalog(t *testing.T) {
	check(t, nil, func(h *harness) {
		h.want()
		gone := errors.New("connection refused")
		h.catalog.set(gone, 0)
		time.Sleep(1900 * time.Millisecond)
		h.want() // as it was
		time.Sleep(200 * time.Millisecond)
		h.want("catalog: ask the catalogue: connection refused")
		if err := h.Ready(h.t.Context()); !errors.Is(err, gone) {
			t.Errorf("the reason %v is not wrapped", err)
		}
		h.catalog.set(nil, time.Hour)
		time.Sleep(2100 * time.Millisecond)
		began, before := time.Now(), h.catalog.questions()
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { h.want("catalog: no answer within 2s") })
		}
		group.Wait()
		if took, asked := time.Since(began), h.catalog.questions()-before; took != 2*time.Second || asked != 1 {
			t.Errorf("a silent catalogue: an answer after %v and %d questions", took, asked)
		}
		h.catalog.set(nil, 0)
		time.Sleep(2100 * time.Millisecond)
		h.want()
	})
}

// TestBothAtOnce: the slow checks are made side by side, and both faults are told.
func TestBothAtOnce(t *testing.T) {
	check(t, nil, func(h *harness) {
		h.engine.set(func(f *fakeEngine) { f.hold = make(chan struct{}) })
		h.catalog.set(nil, time.Hour)
		began := time.Now()
		h.want("self_test: no answer within 5s", "catalog: no answer within 2s")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the answer took %v", took)
		}
	})
}

// TestFailed: a device that cannot recover ends readiness at once, and life.
func TestFailed(t *testing.T) {
	check(t, nil, func(h *harness) {
		h.want()
		if err := h.Live(); err != nil {
			t.Errorf("not live: %v", err)
		}
		lost := errors.New("cuda:0 fell off the bus")
		h.engine.set(func(f *fakeEngine) { f.device = lost })
		h.want("device: cuda:0 fell off the bus")
		if err := h.Live(); !errors.Is(err, lost) {
			t.Errorf("live: %v, want %v", err, lost)
		}
		if !strings.Contains(h.log.String(), "not ready") || !strings.Contains(h.log.String(), "fell off") {
			t.Errorf("the log has no word of it: %s", h.log)
		}
	})
}

// TestClose: a test under way ends with the Checker, and none begins after it.
func TestClose(t *testing.T) {
	check(t, nil, func(h *harness) {
		h.engine.set(func(f *fakeEngine) { f.hold = make(chan struct{}) })
		var group sync.WaitGroup
		group.Go(func() { h.want("self_test: ") })
		synctest.Wait()
		h.Close()
		group.Wait()
		time.Sleep(time.Minute)
		h.want("stopping")
		if got := h.engine.questions(); got != 1 {
			t.Errorf("tested %d times", got)
		}
	})
}

func TestWithoutCatalog(t *testing.T) {
	check(t, func(o *Options) { o.Catalog = nil }, func(h *harness) { h.want() })
}
