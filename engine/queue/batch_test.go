package queue

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// TestIdle: a device without work takes an input at once.
func TestIdle(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.run()
		one := inputs("one", 10)
		if err := <-w.call(t.Context(), Call[*request]{Request: one}); err != nil || one.computed() != 1 {
			t.Errorf("%v, %v", err, one)
		}
		if p := w.passes[0]; p.began != 0 || time.Since(w.start) != w.compute {
			t.Errorf("began after %v, done after %v", p.began, time.Since(w.start))
		}
	})
}

// TestGathers: while a device computes, inputs of all calls gather, and go as one batch when it is back.
func TestGathers(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.run()
		var calls []<-chan error
		for range 20 { // one each millisecond, passes take ten
			calls = append(calls, w.call(t.Context(), Call[*request]{Request: inputs("x", 10)}))
			time.Sleep(ms)
		}
		for _, c := range calls {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		sizes := []int{}
		for _, p := range w.seen() {
			sizes = append(sizes, len(p.names))
		}
		// The tenth input after the first comes as the device is back.
		if !slices.Equal(sizes, []int{1, 10, 9}) && !slices.Equal(sizes, []int{1, 9, 10}) {
			t.Errorf("batches of %v", sizes)
		}
	})
}

// TestLinger: a device without work waits, but not for a full batch, and not again for what waited before.
func TestLinger(t *testing.T) {
	in(t, Options{Budget: 40, Linger: 5 * ms}, func(t *testing.T, w *world) {
		w.run()
		add := func() <-chan error { return w.call(t.Context(), Call[*request]{Request: inputs("x", 10)}) }
		var last <-chan error
		for _, wait := range []time.Duration{3 * ms, 17 * ms, 0, 0, 0, 1 * ms, 30 * ms, 0} { // after each input
			last = add()
			synctest.Wait()
			time.Sleep(wait)
		}
		<-last
		type batch struct {
			size  int
			began time.Duration
		}
		got := []batch{}
		for _, p := range w.seen() {
			got = append(got, batch{len(p.names), p.began})
		}
		want := []batch{{2, 5 * ms}, {4, 20 * ms}, {1, 30 * ms}, {1, 56 * ms}}
		if !slices.Equal(got, want) {
			t.Errorf("batches %v, want %v", got, want)
		}
	})
}

// TestFill: a Bulk batch waits for inputs that are being prepared, until it is full or they are ready, and not for ever; an
// interactive one does not.
func TestFill(t *testing.T) {
	tests := []struct {
		name    string
		lane    Lane
		inputs  int
		prepare time.Duration // of each four
		sizes   []int
		first   time.Duration // when the first batch begins
	}{
		{"until it is full", Bulk, 12, 2 * ms, []int{8, 4}, 4 * ms},
		{"until nothing is prepared", Bulk, 6, 2 * ms, []int{6}, 4 * ms},
		{"not for ever", Bulk, 6, 25 * ms, []int{4, 2}, 25*ms + gather},
		{"interactive", Interactive, 6, 2 * ms, nil, 2 * ms}, // of any size
	}
	for _, test := range tests {
		in(t, Options{Budget: 80, Shared: true}, func(t *testing.T, w *world) {
			w.prepare = test.prepare
			w.run()
			if err := <-w.call(t.Context(), Call[*request]{Request: inputs("x", slices.Repeat([]int{10}, test.inputs)...), Lane: test.lane}); err != nil {
				t.Error(err)
			}
			var sizes []int
			for _, p := range w.seen() {
				sizes = append(sizes, len(p.names))
			}
			if test.sizes != nil && !slices.Equal(sizes, test.sizes) || w.passes[0].began != test.first {
				t.Errorf("%s: batches of %v, the first after %v; want %v after %v", test.name, sizes, w.passes[0].began, test.sizes, test.first)
			}
		})
	}
}

// TestFillInteractive: an interactive input is not kept for Bulk ones that are being prepared.
func TestFillInteractive(t *testing.T) {
	in(t, Options{Budget: 80, Shared: true}, func(t *testing.T, w *world) {
		w.prepare = 10 * ms
		w.run()
		bulk := w.call(t.Context(), Call[*request]{Request: inputs("bulk", slices.Repeat([]int{10}, 8)...)})
		time.Sleep(5 * ms)
		synctest.Wait()
		w.prepare = 0
		if err := <-w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive}); err != nil {
			t.Error(err)
		}
		if p := w.seen()[0]; p.lane != Interactive || p.began != 5*ms {
			t.Errorf("%+v", p)
		}
		if err := <-bulk; err != nil {
			t.Error(err)
		}
	})
}

// TestLingerTogether: what has lingered goes to all devices that are free.
func TestLingerTogether(t *testing.T) {
	in(t, Options{Budget: 80, Linger: 5 * ms, Devices: 2}, func(t *testing.T, w *world) {
		w.run()
		synctest.Wait()
		a := w.call(t.Context(), Call[*request]{Request: inputs("bulk", 10)})
		b := w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive})
		if err := errors.Join(<-a, <-b); err != nil {
			t.Error(err)
		}
		for _, p := range w.seen() {
			if p.began != 5*ms {
				t.Errorf("%v began after %v", p.names, p.began)
			}
		}
	})
}

// lanesOf returns the lanes of passes in order, a letter each.
func lanesOf(passes []pass) string {
	s := ""
	for _, p := range passes {
		s += string("bi"[p.lane])
	}
	return s
}

// TestInteractiveFirst: an interactive input goes with the next batch, alone, whatever bulk waits.
func TestInteractiveFirst(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.run()
		bulk := w.call(t.Context(), Call[*request]{Request: inputs("bulk", slices.Repeat([]int{10}, 100)...)})
		time.Sleep(25 * ms)
		began := time.Now()
		err := <-w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive})
		if took := time.Since(began); err != nil || took != 15*ms { // what is left of a pass, and its own
			t.Errorf("%v after %v", err, took)
		}
		if err := <-bulk; err != nil {
			t.Error(err)
		}
		if got := lanesOf(w.seen()[:5]); got != "bbbib" {
			t.Errorf("passes %s", got)
		}
		if p := w.seen()[3]; !slices.Equal(p.names, []string{"query"}) {
			t.Errorf("the interactive batch has %v", p.names)
		}
	})
}

// TestShare: while interactive inputs never run out, bulk has every fifth batch, and every fifth input that is prepared
// where that is what takes the time.
func TestShare(t *testing.T) {
	for name, slow := range map[string]struct{ prepare, compute time.Duration }{"computing": {0, 10 * ms}, "preparing": {10 * ms, 0}} {
		t.Run(name, func(t *testing.T) {
			in(t, Options{Budget: 30}, func(t *testing.T, w *world) {
				w.prepare, w.compute = slow.prepare, slow.compute
				w.run()
				bulk, query := inputs("bulk", slices.Repeat([]int{10}, 300)...), inputs("query", slices.Repeat([]int{10}, 300)...)
				a, b := w.call(t.Context(), Call[*request]{Request: bulk}), w.call(t.Context(), Call[*request]{Request: query, Lane: Interactive})
				if err := <-b; err != nil {
					t.Error(err)
				}
				passes, n := w.seen(), 0
				for _, p := range passes {
					if p.lane == Bulk {
						n += len(p.names)
					}
				}
				t.Logf("%d bulk inputs with 300 interactive ones: %s", n, lanesOf(passes))
				if n < 300/5 || n > 300/2 {
					t.Errorf("bulk had %d inputs computed while interactive had 300", n)
				}
				if err := <-a; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestBudget makes batches by hand of one call's inputs, all of them ready. A number is an input's tokens.
func TestBudget(t *testing.T) {
	long := slices.Repeat([]int{60}, lookAhead+1)
	tests := []struct {
		name   string
		tokens []int
		want   [][]int
	}{
		{"as many as fit", []int{40, 30, 30, 1}, [][]int{{40, 30, 30}, {1}}},
		{"a single one over the budget", []int{150, 10}, [][]int{{150}, {10}}},
		{"later ones that fit", []int{60, 50, 30, 50, 10}, [][]int{{60, 30, 10}, {50, 50}}},
		{"the large one is first next time", []int{50, 100, 50, 50, 50}, [][]int{{50, 50}, {100}, {50, 50}}},
		{"not for ever", slices.Concat(long, []int{10}), append([][]int{{60}, {60, 10}}, slices.Repeat([][]int{{60}}, lookAhead-1)...)},
	}
	for _, test := range tests {
		in(t, Options{Budget: 100, Prepared: 1 << 30}, func(t *testing.T, w *world) {
			r := inputs("x", test.tokens...)
			done := w.call(t.Context(), Call[*request]{Request: r})
			for range test.tokens {
				i, _ := w.Next()
				i.Tokens = r.tokens[i.Place]
				w.Ready(i)
			}
			var got [][]int
			for n := 0; n < len(test.tokens); {
				batch, device, _ := w.Take(nil)
				costs := []int{}
				for _, i := range batch {
					costs = append(costs, i.Tokens)
				}
				got, n = append(got, costs), n+len(batch)
				w.Done(batch, device, nil)
			}
			if !slices.EqualFunc(got, test.want, slices.Equal) {
				t.Errorf("%s: batches %v, want %v", test.name, got, test.want)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDevices: idle devices go first; a busy one takes a further pass only where a batch is full.
func TestDevices(t *testing.T) {
	in(t, Options{Budget: 100, Devices: 2, Passes: 2}, func(t *testing.T, w *world) {
		w.run()
		var calls []<-chan error
		add := func(tokens ...int) {
			calls = append(calls, w.call(t.Context(), Call[*request]{Request: inputs("x", tokens...)}))
			synctest.Wait()
		}
		add(10)             // at once, on the first device
		add(20)             // at once, on the second
		add(30)             // waits for more
		add(60)             // still not full
		time.Sleep(4 * ms)  //
		add(70)             // full: {30, 60}, on either; 70 waits
		time.Sleep(16 * ms) // 70 goes when a device has nothing to do
		for _, c := range calls {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		type batch struct {
			tokens int
			began  time.Duration
		}
		var got []batch
		for _, p := range w.seen() {
			got = append(got, batch{p.tokens, p.began})
		}
		if want := []batch{{10, 0}, {20, 0}, {90, 4 * ms}, {70, 10 * ms}}; !slices.Equal(got, want) {
			t.Errorf("passes %v, want %v", got, want)
		}
		if w.passes[0].device == w.passes[1].device {
			t.Error("one device has both first passes")
		}
	})
}

// TestFailedPass: its calls fail, and only they; of them only its inputs.
func TestFailedPass(t *testing.T) {
	broken := errors.New("broken")
	in(t, Options{Budget: 20}, func(t *testing.T, w *world) {
		w.breaks = func(batch []item) error {
			if batch[0].Request.name == "bad" && batch[0].Place == 0 {
				return broken
			}
			return nil
		}
		w.run()
		bad, good := inputs("bad", 20, 20, 20), inputs("good", 20, 20)
		a, b := w.call(t.Context(), Call[*request]{Request: bad}), w.call(t.Context(), Call[*request]{Request: good})
		if err := <-a; !errors.Is(err, broken) || bad.computed() != 2 || !errors.Is(bad.errs[0], broken) {
			t.Errorf("%v, inputs %v", err, bad.errs)
		}
		if err := <-b; err != nil || good.computed() != 2 {
			t.Errorf("%v, inputs %v", err, good.errs)
		}
	})
}

// TestContext: a batch of one call ends with it, a shared one does not.
func TestContext(t *testing.T) {
	in(t, Options{Budget: 20}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		one, other := &call[*request]{ctx: ctx}, &call[*request]{ctx: ctx}
		if Context([]item{{call: one}, {call: one}}).Err() == nil {
			t.Error("a batch of one call goes on without it")
		}
		if Context([]item{{call: one}, {call: other}}).Err() != nil {
			t.Error("a shared batch ends")
		}
	})
}

// endedUnseen is a context that has ended, and whose goroutines have not been told yet.
type endedUnseen struct {
	context.Context
	ended atomic.Bool
}

func (c *endedUnseen) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

// TestDroppedInputsLeaveRoom: where a device finds nothing but inputs that are given up, those behind them
// are prepared and computed, though nobody else comes.
func TestDroppedInputsLeaveRoom(t *testing.T) {
	in(t, Options{Budget: 10, Prepared: 20}, func(t *testing.T, w *world) {
		w.run()
		first := w.call(t.Context(), Call[*request]{Request: inputs("first", 10)})
		synctest.Wait()
		ctx := &endedUnseen{Context: t.Context()}
		gone := w.call(ctx, Call[*request]{Request: inputs("gone", 10, 10)})
		synctest.Wait()
		behind := inputs("behind", 10)
		last := w.call(t.Context(), Call[*request]{Request: behind})
		synctest.Wait()
		ctx.ended.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		if behind.computed() != 1 {
			t.Error("it waits for ever")
			w.Stop(errStopped)
		}
		if err := errors.Join(<-first, <-last); err != nil || !errors.Is(<-gone, context.Canceled) {
			t.Error(err)
		}
	})
}
