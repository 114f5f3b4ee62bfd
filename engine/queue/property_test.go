package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var errPrepare, errPass = errors.New("cannot be prepared"), errors.New("pass failed")

// TestProperties sends random calls, some of which are given up, through queues of random options, whose preparers and
// devices sometimes fail. Every input ends exactly once, whatever happens.
func TestProperties(t *testing.T) {
	total := map[string]int{}
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { random(t, seed, total) })
	}
	t.Log(total)
	for _, what := range []string{"computed", "canceled", "timeout", "full", "prepare", "pass", "stopped"} {
		if total[what] == 0 {
			t.Errorf("no input was %s: this test sees nothing of it", what)
		}
	}
}

func random(t *testing.T, seed uint64, total map[string]int) {
	r := rand.New(rand.NewPCG(seed, 5))
	o := Options{Budget: 50 + r.IntN(100), Preparers: 1 + r.IntN(4), MaxWaiting: 10 + r.IntN(100), Devices: 1 + r.IntN(3), Passes: 1 + r.IntN(2)}
	if r.IntN(3) == 0 {
		o.Linger = time.Duration(r.IntN(5)) * ms
	}
	o.Shared = r.IntN(3) == 0
	in(t, o, func(t *testing.T, w *world) {
		w.options.Preparers, w.options.MaxWaiting = o.Preparers, o.MaxWaiting
		w.prepare, w.compute = time.Duration(r.IntN(3000))*time.Microsecond, time.Duration(1+r.IntN(10_000))*time.Microsecond
		w.jitter = time.Nanosecond // so that no two passes end at once, and what was under way is certain
		w.fails = func(i item) error {
			if i.Request.tokens[i.Place]%11 == 0 {
				return errPrepare
			}
			return nil
		}
		w.breaks = func(batch []item) error {
			if batch[0].Tokens%13 == 0 {
				return errPass
			}
			return nil
		}
		w.run()
		var requests []*request
		var calls []<-chan error
		stops := r.IntN(4) == 0
		for range 40 {
			tokens := make([]int, r.IntN(40))
			for i := range tokens {
				tokens[i] = 1 + r.IntN(o.Budget+20)
			}
			c := Call[*request]{Request: inputs("x", tokens...), Lane: Lane(r.IntN(2)), NoWait: r.IntN(2) == 0}
			if r.IntN(3) == 0 {
				c.Timeout = time.Duration(1+r.IntN(60)) * ms
			}
			ctx, cancel := t.Context(), func() {}
			if r.IntN(3) == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(60))*ms)
			}
			defer cancel()
			requests, calls = append(requests, c.Request), append(calls, w.call(ctx, c))
			time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
		}
		if stops {
			w.Stop(errStopped)
		}
		for i, c := range calls {
			judge(t, requests[i], <-c, total)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, p := range w.passes {
			if p.tokens > o.Budget && len(p.names) > 1 {
				t.Errorf("a batch of %d inputs and %d tokens, budget %d", len(p.names), p.tokens, o.Budget)
			}
		}
		rules(t, w)
	})
}

// judge checks what became of one request.
func judge(t *testing.T, r *request, err error, total map[string]int) {
	t.Helper()
	whole := false // whether an input says why the call failed as a whole
	for i, times := range r.ended {
		if times != 1 {
			t.Errorf("input %d of %d ended %d times", i, len(r.ended), times)
		}
		why := r.errs[i]
		kinds := map[string]bool{"computed": why == nil, "canceled": errors.Is(why, context.DeadlineExceeded), "timeout": errors.Is(why, ErrTimeout),
			"full": errors.Is(why, ErrFull), "prepare": errors.Is(why, errPrepare), "pass": errors.Is(why, errPass), "stopped": errors.Is(why, errStopped)}
		for kind, is := range kinds {
			if is {
				total[kind]++
			}
		}
		if !kinds["computed"] && !kinds["timeout"] && !kinds["prepare"] {
			whole = true
			if err == nil {
				t.Errorf("input %d: %v, and the call has no error", i, why)
			}
		}
	}
	if err != nil && !whole && len(r.ended) > 0 {
		t.Errorf("the call: %v, and no input says so", err)
	}
}

// rules checks that no device has more passes at once than it may, and none a second one while another has nothing to do.
func rules(t *testing.T, w *world) {
	t.Helper()
	for i, p := range w.passes {
		running := make([]int, w.options.Devices)
		for _, other := range w.passes[:i] {
			if other.began+other.took > p.began {
				running[other.device]++
			}
		}
		if running[p.device] >= w.options.Passes || running[p.device] > slices.Min(running) {
			t.Errorf("pass %d goes to device %d while they have %v under way, of %d each", i, p.device, running, w.options.Passes)
		}
	}
}
