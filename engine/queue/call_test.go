package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// busy occupies the only device of a world with a pass.
func busy(t *testing.T, w *world) <-chan error {
	t.Helper()
	done := w.call(t.Context(), Call[*request]{Request: inputs("busy", 10)})
	synctest.Wait()
	return done
}

// TestGivenUp: inputs of a call whose context has ended or whose time has passed are never computed, and the call
// returns at once, not after the pass that it waited for.
func TestGivenUp(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.run()
		first := busy(t, w)
		ctx, cancel := context.WithTimeout(t.Context(), 3*ms)
		defer cancel()
		gone, late, patient := inputs("gone", 10, 10), inputs("late", 10, 10), inputs("patient", 10)
		a := w.call(ctx, Call[*request]{Request: gone})
		b := w.call(t.Context(), Call[*request]{Request: late, Timeout: 4 * ms, Lane: Interactive, NoWait: true})
		c := w.call(t.Context(), Call[*request]{Request: patient, Timeout: 11 * ms})
		if err := <-a; !errors.Is(err, context.DeadlineExceeded) || time.Since(w.start) != 3*ms {
			t.Errorf("gone: %v after %v", err, time.Since(w.start))
		}
		if err := <-b; err != nil || time.Since(w.start) != 4*ms { // each input says so itself
			t.Errorf("late: %v after %v", err, time.Since(w.start))
		}
		for i := range 2 {
			if !errors.Is(gone.errs[i], context.DeadlineExceeded) || !errors.Is(late.errs[i], ErrTimeout) {
				t.Errorf("errors %v, %v", gone.errs[i], late.errs[i])
			}
		}
		if err := errors.Join(<-first, <-c); err != nil || patient.computed() != 1 {
			t.Errorf("others: %v, %v", err, patient.errs)
		}
		if len(w.passes) != 2 || !slices.Equal(w.passes[1].names, []string{"patient"}) {
			t.Errorf("passes %v", w.passes)
		}
	})
}

// TestGivenUpUnseen: Take looks itself, since Do may not have been scheduled yet.
func TestGivenUpUnseen(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		gone, good := inputs("gone", 10), inputs("good", 10)
		a := w.call(ctx, Call[*request]{Request: gone})
		synctest.Wait()
		b := w.call(t.Context(), Call[*request]{Request: good})
		for range 2 {
			i, _ := w.Next()
			i.Tokens = 10
			w.Ready(i)
		}
		w.queue.mu.Lock()
		cancel() // Do wakes up, and waits for the lock
		batch := w.fill(nil, Bulk)
		w.queue.mu.Unlock()
		if len(batch) != 1 || batch[0].Request != good {
			t.Errorf("a batch of %v", batch)
		}
		w.queue.mu.Lock()
		w.running[0]++
		w.queue.mu.Unlock()
		w.Done(batch, 0, nil)
		if err := <-a; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := <-b; err != nil {
			t.Error(err)
		}
	})
}

// TestTooLateUnseen: Take knows what time it is, too.
func TestTooLateUnseen(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		r := inputs("late", 10)
		c := &call[*request]{Call: Call[*request]{Request: r, Inputs: 1, Timeout: 5 * ms}, ctx: t.Context(), deadline: time.Now().Add(5 * ms), left: 1, done: make(chan struct{})}
		if err := w.admit(c); err != nil {
			t.Fatal(err)
		}
		i, _ := w.Next()
		w.Ready(i)
		time.Sleep(5 * ms)
		if batch := w.fill(nil, Bulk); len(batch) != 0 || !errors.Is(r.errs[0], ErrTimeout) {
			t.Errorf("a batch of %v, error %v", batch, r.errs[0])
		}
		<-c.done
	})
}

// TestGivenUpWhilePrepared: Do waits for the preparer that reads the request, and the input goes no further.
func TestGivenUpWhilePrepared(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.compute = 100 * ms
		w.run()
		first := busy(t, w) // nobody looks at what is ready until it is done
		w.prepare = 8 * ms
		ctx, cancel := context.WithTimeout(t.Context(), 3*ms)
		defer cancel()
		r := inputs("x", slices.Repeat([]int{10}, 50)...)
		if err := <-w.call(ctx, Call[*request]{Request: r}); !errors.Is(err, context.DeadlineExceeded) || time.Since(w.start) != 8*ms {
			t.Errorf("%v after %v", err, time.Since(w.start))
		}
		if err := <-first; err != nil || len(w.passes) != 1 || r.computed() != 0 {
			t.Errorf("%v, %d passes, %d computed", err, len(w.passes), r.computed())
		}
	})
}

// TestFailedWhileGivenUp: where an input cannot be prepared since its call is given up, the call says that.
func TestFailedWhileGivenUp(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		r := inputs("x", 10)
		done := w.call(ctx, Call[*request]{Request: r})
		i, _ := w.Next()
		w.queue.mu.Lock()
		cancel() // Do wakes up, and waits for the lock
		w.queue.mu.Unlock()
		w.Failed(i, errors.New("stopped waiting for memory"))
		if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(r.errs[0], context.Canceled) {
			t.Errorf("%v, %v", err, r.errs[0])
		}
	})
}

// TestGivenUpBefore: nothing is queued of a call whose context has ended.
func TestGivenUpBefore(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := inputs("x", 10, 10)
		if err := <-w.call(ctx, Call[*request]{Request: r}); !errors.Is(err, context.Canceled) || !slices.Equal(r.ended, []int{1, 1}) {
			t.Errorf("%v, ended %v", err, r.ended)
		}
		if err := <-w.call(t.Context(), Call[*request]{Request: inputs("none")}); err != nil {
			t.Errorf("no inputs: %v", err)
		}
	})
}

// TestNoWait: what does not fit is refused at once and as a whole; room comes back as inputs go into a batch, or are given
// up. Calls that wait for room do not take it from those that do not.
func TestNoWait(t *testing.T) {
	in(t, Options{Budget: 100, MaxWaiting: 1000}, func(t *testing.T, w *world) {
		w.options.MaxWaiting = 5
		w.run()
		first := busy(t, w)
		waits := w.call(t.Context(), Call[*request]{Request: inputs("waits", slices.Repeat([]int{10}, 100)...)})
		synctest.Wait()
		ask := func(ctx context.Context, n int) <-chan error {
			c := w.call(ctx, Call[*request]{Request: inputs("x", slices.Repeat([]int{10}, n)...), NoWait: true, Lane: Interactive})
			synctest.Wait()
			return c
		}
		refused := func(c <-chan error) {
			t.Helper()
			select {
			case err := <-c:
				if !errors.Is(err, ErrFull) {
					t.Errorf("%v, want ErrFull", err)
				}
			default:
				t.Error("it waits")
			}
		}
		refused(ask(t.Context(), 6))
		three := ask(t.Context(), 3)
		refused(ask(t.Context(), 3))
		ctx, cancel := context.WithCancel(t.Context())
		two := ask(ctx, 2)
		refused(ask(t.Context(), 1))
		cancel()
		if err := <-two; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		again := ask(t.Context(), 2)
		if got := w.Waiting(); got[Interactive] != 5 || got[Bulk] < 20 || got[Bulk] > 100 {
			t.Errorf("%v wait", got)
		}
		if time.Since(w.start) != 0 {
			t.Errorf("%v have passed", time.Since(w.start))
		}
		time.Sleep(11 * ms) // a pass, and the interactive ones are in the next
		five := ask(t.Context(), 5)
		for _, c := range []<-chan error{first, waits, three, again, five} {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRoomOfInteractive: Bulk alone never fills the queue, but a call as large as the queue is let in where nobody waits.
func TestRoomOfInteractive(t *testing.T) {
	in(t, Options{Budget: 10}, func(t *testing.T, w *world) {
		w.options.MaxWaiting = 16
		w.run()
		first := busy(t, w)
		ask := func(lane Lane, n int) <-chan error {
			c := w.call(t.Context(), Call[*request]{Request: inputs("x", slices.Repeat([]int{10}, n)...), NoWait: true, Lane: lane})
			synctest.Wait()
			return c
		}
		var let []<-chan error
		for _, x := range []struct {
			lane                    Lane
			inputs                  int
			full                    bool
			thenBulk, thenImmediate bool // whether Full
		}{
			{Bulk, 15, false, true, false},
			{Bulk, 1, true, true, false},
			{Interactive, 1, false, true, true},
			{Interactive, 1, true, true, true},
		} {
			c := ask(x.lane, x.inputs)
			if x.full {
				if err := <-c; !errors.Is(err, ErrFull) {
					t.Errorf("%+v: %v", x, err)
				}
			} else {
				let = append(let, c)
			}
			if bulk, immediate := w.Full(Bulk), w.Full(Interactive); bulk != x.thenBulk || immediate != x.thenImmediate {
				t.Errorf("%+v: then full %t, %t", x, bulk, immediate)
			}
		}
		for _, c := range append(let, first) {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		if err := <-ask(Bulk, 16); err != nil || w.Full(Bulk) {
			t.Errorf("16 where nobody waits: %v", err)
		}
	})
}

// TestFairness: a call of very many inputs neither holds up a later one of its lane, nor memory for more than what is
// bounded.
func TestFairness(t *testing.T) {
	in(t, Options{Budget: 100, Prepared: 200}, func(t *testing.T, w *world) {
		w.prepare = ms / 10
		w.run()
		many, few := inputs("many", slices.Repeat([]int{10}, 10_000)...), inputs("few", slices.Repeat([]int{10}, 10)...)
		a := w.call(t.Context(), Call[*request]{Request: many})
		time.Sleep(35 * ms)
		began := time.Now()
		if err := <-w.call(t.Context(), Call[*request]{Request: few}); err != nil || few.computed() != 10 {
			t.Errorf("%v, %d computed", err, few.computed())
		}
		// What is ready is two batches, of the next two it has half; a pass is under way.
		if took := time.Since(began); took > 6*w.compute {
			t.Errorf("ten inputs took %v behind ten thousand", took)
		}
		if err := <-a; err != nil || many.computed() != 10_000 {
			t.Errorf("%v, %d computed", err, many.computed())
		}
		// Beside what may be ready, those that are being prepared and a batch that is just taken.
		if most := 200/10 + w.options.Preparers + 10; w.mostPrepared > most {
			t.Errorf("%d inputs were prepared at once, %d are allowed", w.mostPrepared, most)
		}
	})
}

// TestReserve: one preparer is free for Interactive while Bulk has all that it may have.
func TestReserve(t *testing.T) {
	in(t, Options{Budget: 100}, func(t *testing.T, w *world) {
		w.prepare, w.compute = 100*ms, 0
		w.run()
		bulk := w.call(t.Context(), Call[*request]{Request: inputs("bulk", slices.Repeat([]int{10}, 40)...)})
		time.Sleep(50 * ms)
		began := time.Now()
		if err := <-w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive}); err != nil || time.Since(began) != w.prepare {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := <-bulk; err != nil {
			t.Error(err)
		}
	})
}

// TestStop: what is computed is finished, everything else ends at once with the reason, and so does what comes later.
func TestStop(t *testing.T) {
	in(t, Options{Budget: 20}, func(t *testing.T, w *world) {
		w.run()
		r := inputs("x", slices.Repeat([]int{10}, 100)...)
		a := w.call(t.Context(), Call[*request]{Request: r})
		time.Sleep(15 * ms)
		w.Stop(errStopped)
		w.Stop(errors.New("another"))
		if err := <-a; !errors.Is(err, errStopped) || time.Since(w.start) != 20*ms {
			t.Errorf("%v after %v", err, time.Since(w.start))
		}
		if n := r.computed(); n != 3 && n != 4 { // the first pass took what was ready: one or two
			t.Errorf("%d computed", n)
		}
		late := inputs("late", 10)
		if err := <-w.call(t.Context(), Call[*request]{Request: late}); !errors.Is(err, errStopped) || !errors.Is(late.errs[0], errStopped) {
			t.Errorf("a later call: %v, %v", err, late.errs)
		}
	})
}

// TestStopWhilePrepared: the last input of a call ends too, when it is prepared.
func TestStopWhilePrepared(t *testing.T) {
	in(t, Options{Budget: 20}, func(t *testing.T, w *world) {
		w.prepare = 8 * ms
		w.run()
		r := inputs("x", 10)
		done := w.call(t.Context(), Call[*request]{Request: r})
		time.Sleep(3 * ms)
		w.Stop(errStopped)
		if err := <-done; !errors.Is(err, errStopped) || !errors.Is(r.errs[0], errStopped) || time.Since(w.start) != 8*ms {
			t.Errorf("%v, %v after %v", err, r.errs[0], time.Since(w.start))
		}
	})
}

// TestOverlap: preparers that sleep are all roused by one call, and go on while a device computes, as far as they may.
func TestOverlap(t *testing.T) {
	in(t, Options{Budget: 20, Prepared: 40}, func(t *testing.T, w *world) {
		w.prepare, w.compute = 5*ms, 100*ms
		w.run()
		synctest.Wait()
		done := w.call(t.Context(), Call[*request]{Request: inputs("x", slices.Repeat([]int{10}, 20)...)})
		time.Sleep(6 * ms)
		if n := w.Waiting()[Bulk]; n < 6 || len(w.seen()) != 1 { // four prepared at once, some of them computed, four more begun
			t.Errorf("%d inputs in preparation, %d passes", n, len(w.passes))
		}
		for pass := range 3 {
			time.Sleep(time.Duration(50+100*pass)*ms - time.Since(w.start))
			w.queue.mu.Lock()
			if ready := w.tokens[Bulk]; ready < 40 {
				t.Errorf("in pass %d: %d tokens ready of the next", pass, ready)
			}
			w.queue.mu.Unlock()
			time.Sleep(50 * ms)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestYield: on shared processors Bulk is not prepared while an interactive input is under way, as long as it has a batch;
// where it has none one preparer goes on. On processors of its own it is.
func TestYield(t *testing.T) {
	for _, test := range []struct {
		shared, ready bool // whether Bulk has a full batch beside an interactive pass
		want          int
	}{{true, true, 0}, {true, false, 1}, {false, true, 4}, {false, false, 4}} {
		in(t, Options{Budget: 40, Prepared: 200, Shared: test.shared}, func(t *testing.T, w *world) {
			w.run()
			query := w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive})
			synctest.Wait() // it is computed
			if test.ready {
				w.queue.mu.Lock()
				w.tokens[Bulk] += 40
				w.queue.mu.Unlock()
			}
			w.prepare = ms
			bulk := w.call(t.Context(), Call[*request]{Request: inputs("bulk", slices.Repeat([]int{1}, 50)...)})
			synctest.Wait()
			w.queue.mu.Lock()
			if got := w.preparing[Bulk]; got != test.want {
				t.Errorf("%+v: %d bulk inputs are prepared", test, got)
			}
			if test.ready {
				w.tokens[Bulk] -= 40
			}
			w.queue.mu.Unlock()
			if err := errors.Join(<-query, <-bulk); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestYieldToBulkPass: nor is it while both have a pass under way, and it goes on when the interactive one is over.
func TestYieldToBulkPass(t *testing.T) {
	in(t, Options{Budget: 40, Devices: 2, Shared: true}, func(t *testing.T, w *world) {
		w.run()
		first := w.call(t.Context(), Call[*request]{Request: inputs("bulk", 40)})
		time.Sleep(2 * ms)
		query := w.call(t.Context(), Call[*request]{Request: inputs("query", 10), Lane: Interactive})
		time.Sleep(2 * ms)
		synctest.Wait()
		w.prepare = ms
		more := w.call(t.Context(), Call[*request]{Request: inputs("more", slices.Repeat([]int{5}, 6)...)})
		preparing := func() int {
			synctest.Wait()
			w.queue.mu.Lock()
			defer w.queue.mu.Unlock()
			return w.preparing[Bulk]
		}
		if n := preparing(); n != 0 {
			t.Errorf("%d are prepared beside both passes", n)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		if n := preparing(); n != 1 {
			t.Errorf("%d are prepared beside the interactive pass", n)
		}
		if err := <-query; err != nil {
			t.Error(err)
		}
		if n := preparing(); n != 4 { // two were ready after two milliseconds
			t.Errorf("%d are prepared afterwards", n)
		}
		if err := <-more; err != nil {
			t.Error(err)
		}
	})
}
