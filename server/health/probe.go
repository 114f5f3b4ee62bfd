package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// probe is a check that takes a while. One is made at a time; its answer serves everybody who asks
// meanwhile, and afterwards for as long as it stands.
type probe struct {
	ctx    context.Context // done when the Checker is closed
	start  func(f func()) bool
	limit  time.Duration // of one check
	run    func(ctx context.Context) error
	stands func(a answer) bool

	mu   sync.Mutex
	last *attempt // finished or not; nil before the first
}

// answer is a check's result: err is why it failed.
type answer struct {
	at  time.Time
	err error
}

// attempt is one check under way.
type attempt struct {
	began time.Time
	limit time.Duration
	done  chan struct{} // closed when there is an answer
	answer
}

func (a *attempt) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// ask returns the last attempt if it is under way or its answer stands, or else a new one.
func (p *probe) ask() *attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && (!p.last.finished() || p.stands(p.last.answer)) {
		return p.last
	}
	a := &attempt{began: time.Now(), limit: p.limit, done: make(chan struct{})}
	p.last = a
	if !p.start(func() { p.make(a) }) {
		a.answer = answer{a.began, errClosed}
		close(a.done)
	}
	return a
}

// make runs one check to its end, which may be after its limit: not everything heeds a context.
func (p *probe) make(a *attempt) {
	defer close(a.done)
	ctx, cancel := context.WithTimeout(p.ctx, p.limit)
	defer cancel()
	err := p.run(ctx)
	a.answer = answer{time.Now(), err}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		a.err = a.late()
	}
}

// wait returns why the check failed, or nil, or that there is no answer within its limit or as long as ctx lasts.
func (a *attempt) wait(ctx context.Context) error {
	if a.finished() { // the limit may have passed since
		return a.err
	}
	limit := time.NewTimer(time.Until(a.began.Add(a.limit)))
	defer limit.Stop()
	select {
	case <-a.done:
		return a.err
	case <-limit.C:
		return a.late()
	case <-ctx.Done():
		return fmt.Errorf("no answer yet: %w", context.Cause(ctx))
	}
}

func (a *attempt) late() error { return fmt.Errorf("%w within %v", errNoAnswer, a.limit) }

var (
	errNoAnswer = errors.New("no answer")
	errClosed   = errors.New("the server is stopping")
)
