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
		for _, p := range misplaced(w.passes, w.options.Devices, w.options.Passes) {
			t.Errorf("device %d got a pass at %v, against the rules", p.device, p.began)
		}
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

// misplaced returns the passes, noted as they began, that no device should have got: it had the most that it may, or
// another had fewer. Passes of one instant may be noted in another order than they were taken in: if there is an order
// that is right, taking next any that has its right place finds it.
func misplaced(passes []pass, devices, most int) []pass {
	var wrong []pass
	for i := 0; i < len(passes); {
		now := passes[i].began
		running := make([]int, devices)
		for _, earlier := range passes[:i] {
			if earlier.began+earlier.took > now {
				running[earlier.device]++
			}
		}
		var waiting []pass
		for ; i < len(passes) && passes[i].began == now; i++ {
			waiting = append(waiting, passes[i])
		}
		for len(waiting) > 0 {
			next := slices.IndexFunc(waiting, func(p pass) bool {
				return running[p.device] < most && running[p.device] == slices.Min(running)
			})
			if next < 0 {
				wrong = append(wrong, waiting...)
				break
			}
			running[waiting[next].device]++
			waiting = slices.Delete(waiting, next, next+1)
		}
	}
	return wrong
}

func TestMisplaced(t *testing.T) {
	at := func(began time.Duration, device int) pass { return pass{began: began, took: 10, device: device} }
	for name, c := range map[string]struct {
		passes []pass
		wrong  int
	}{
		"in turn":                     {[]pass{at(0, 0), at(1, 1), at(2, 0), at(3, 1)}, 0},
		"noted in another order":      {[]pass{at(0, 0), at(0, 0), at(0, 1)}, 0},
		"a second while one is free":  {[]pass{at(0, 0), at(1, 0), at(2, 1)}, 1},
		"two of an instant, one free": {[]pass{at(0, 1), at(0, 1)}, 1},
		"a third":                     {[]pass{at(0, 0), at(0, 1), at(1, 0), at(1, 1), at(2, 1)}, 1},
		"after one has ended":         {[]pass{at(0, 0), at(5, 1), at(10, 1)}, 1},
	} {
		if got := misplaced(c.passes, 2, 2); len(got) != c.wrong {
			t.Errorf("%s: %v are misplaced, want %d", name, got, c.wrong)
		}
	}
}
