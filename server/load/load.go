// Package load sends requests to a server, or to an engine in its own process, and measures what
// comes back: rate, latency, errors, bytes, the server's processor time and its batches.
//
// In a closed loop each of a number of clients sends its next request when it has the reply to the
// last. In an open loop requests are due at a constant rate, whatever the server does, and latency
// counts from the moment that a request was due: a server that stalls cannot hide the requests that
// would have come meanwhile (coordinated omission).
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Target answers requests.
type Target interface {
	// Send sends a request and waits for the whole reply. The error says why there is none. It is
	// called from several goroutines.
	Send(ctx context.Context, s Shot) (Reply, error)
	// Close ends what is kept between requests. Send may follow.
	Close()
}

// Reply is what a request brought.
type Reply struct {
	Status  int     // of HTTP
	Answers int     // vectors, or the one answer to a search
	Failed  int     // inputs without a vector, in a reply of status 200
	Bytes   int     // of the reply's body
	Stages  []Stage // where the server's time went, if it says so
	Message string  // of an error's body
}

// Stage is the time that a part of an answer took.
type Stage struct {
	Name string
	Time time.Duration
}

// Load is what a target is put under.
type Load struct {
	Source  *Source
	Clients int             // the most requests under way at once
	Rate    float64         // requests due each second; 0 is a closed loop
	Time    time.Duration   // for which requests are sent; each client sends one at least
	Stop    <-chan struct{} // no more requests are sent once it is closed; nil is never
}

// maxRequests bounds a run's memory: a run with more ends early.
const maxRequests = 1 << 24

// lateness is how long after a load's Time a request that was due in it may be sent: timers are late.
const lateness = 50 * time.Millisecond

// Check refuses a load that would measure nothing.
func (l Load) Check() error {
	if l.Clients < 1 || l.Clients > 1<<16 {
		return fmt.Errorf("%d clients: choose from 1 to %d", l.Clients, 1<<16)
	}
	if l.Rate < 0 || l.Rate > 1e6 {
		return fmt.Errorf("%v requests a second: choose from 0, a closed loop, to a million", l.Rate)
	}
	if l.Time < 0 || l.Rate > 0 && l.Rate*l.Time.Seconds() < 1 {
		return fmt.Errorf("in %v, at %v requests a second, none is due", l.Time, l.Rate)
	}
	return nil
}

var errNotAsked = errors.New("there is no server to ask")

// Run puts a target under a load, waits for every reply, and closes the target. What was measured
// until then is there with an error too, which is ctx's.
func Run(ctx context.Context, t Target, l Load) (*Sample, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	defer t.Close()
	r := &run{Load: l, target: t, began: time.Now()}
	samples := make([]*Sample, l.Clients)
	var clients sync.WaitGroup
	for i := range samples {
		samples[i] = newSample()
		clients.Go(func() { r.client(ctx, samples[i]) })
	}
	clients.Wait()
	s := together(samples)
	s.silent = errNotAsked
	return s, ctx.Err()
}

// Measure is Run with what the server's /metrics say of the same time.
func Measure(ctx context.Context, t *HTTP, l Load) (*Sample, error) {
	before, silent := t.usage(ctx)
	s, err := Run(ctx, t, l)
	if err != nil {
		return s, err
	}
	after, silentAfter := t.usage(ctx)
	t.Close()
	s.usage, s.silent = after.plus(-1, before), cmp.Or(silent, silentAfter)
	return s, nil
}

// run is a load under way.
type run struct {
	Load
	target Target
	began  time.Time
	sent   atomic.Int64
}

// client sends requests one after another until the load ends.
func (r *run) client(ctx context.Context, s *Sample) {
	for first := true; ; first = false {
		due, ok := r.due(ctx, first)
		if !ok {
			return
		}
		if r.Rate > 0 && time.Since(r.began) >= r.Time+lateness { // no client was free for it in time
			s.unsent++
			continue
		}
		reply, err := r.target.Send(ctx, r.Source.Next())
		if err != nil && ctx.Err() != nil {
			return // that it failed says nothing
		}
		s.add(reply, err, due, time.Now())
	}
}

// due waits until the next request is to be sent, and returns that moment; false is the load's end.
func (r *run) due(ctx context.Context, first bool) (time.Time, bool) {
	n := r.sent.Add(1) - 1
	if r.Rate == 0 {
		now := time.Now()
		return now, n < maxRequests && (first || now.Sub(r.began) < r.Time) && !r.over(ctx)
	}
	after := time.Duration(float64(n) / r.Rate * float64(time.Second))
	if n >= maxRequests || after >= r.Time || r.over(ctx) {
		return time.Time{}, false
	}
	due := r.began.Add(after)
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return due, true
	case <-ctx.Done():
	case <-r.Stop:
	}
	return time.Time{}, false
}

func (r *run) over(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-r.Stop:
		return true
	default:
		return false
	}
}
