package queue

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

// Request hears of its inputs that are not computed.
type Request interface {
	// Drop says why the input at a place is not computed. The queue is locked: it must not be called from here.
	Drop(place int, err error)
}

// Call is a request and how it wants to be treated.
type Call[R Request] struct {
	Request R
	Inputs  int
	Lane    Lane
	// NoWait refuses with ErrFull, at once and as a whole, what there is no room for. Without it inputs
	// stay the caller's until it is their turn, and do not count as waiting until then.
	NoWait bool
	// Timeout is how long an input may wait, from the call on, until it is in a batch; 0 is for ever.
	Timeout time.Duration
}

// call is a Call under way. Each of its inputs ends once: computed, failed or dropped.
type call[R Request] struct {
	Call[R]
	ctx      context.Context
	begun    time.Time
	deadline time.Time // zero where there is no Timeout
	next     int       // the first input that no preparer has taken
	left     int       // inputs that have not ended
	why      error     // why inputs that are being prepared end when they are
	err      error     // of the call as a whole
	done     chan struct{}
	element  *list.Element // in Queue.calls while next < Inputs
}

// Do queues a call's inputs and returns when all have ended: no goroutine reads the request any more.
// The error is for the call as a whole: ctx done, the queue full or stopped, or a batch that failed. An
// input that is past its Timeout is dropped on its own account, with an error that wraps ErrTimeout.
func (q *Queue[R, P]) Do(ctx context.Context, c Call[R]) error {
	if err := ctx.Err(); err != nil || c.Inputs == 0 {
		return q.refuse(c, err)
	}
	w := &call[R]{Call: c, ctx: ctx, begun: time.Now(), left: c.Inputs, done: make(chan struct{})}
	var expired <-chan time.Time
	if c.Timeout > 0 {
		w.deadline = w.begun.Add(c.Timeout)
		timer := time.NewTimer(c.Timeout)
		defer timer.Stop()
		expired = timer.C
	}
	if err := q.admit(w); err != nil {
		return q.refuse(c, err)
	}
	for {
		select {
		case <-w.done:
			return w.err
		case <-expired:
			q.giveUp(w, w.tooLate())
		case <-ctx.Done():
			q.giveUp(w, ctx.Err())
			<-w.done
			return w.err
		}
	}
}

// refuse ends a call that was not queued.
func (q *Queue[R, P]) refuse(c Call[R], err error) error {
	if err != nil {
		for place := range c.Inputs {
			c.Request.Drop(place, err)
		}
	}
	return err
}

func (c *call[R]) tooLate() error {
	return fmt.Errorf("%w: %v passed before its computation began", ErrTimeout, c.Timeout)
}

func (q *Queue[R, P]) admit(c *call[R]) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped != nil {
		return q.stopped
	}
	if c.NoWait {
		if c.Inputs > q.room(c.Lane) {
			return fmt.Errorf("%w: %d inputs wait, %d more are over the limit of %d (set by --max-queue)", ErrFull, q.admitted, c.Inputs, q.options.MaxWaiting)
		}
		q.admitted += c.Inputs
		q.waiting[c.Lane] += c.Inputs
	}
	c.element = q.calls[c.Lane].PushBack(c)
	q.wake()
	return nil
}

// room returns how many inputs a lane may add without waiting. Bulk leaves an eighth to Interactive, unless nobody waits:
// a call as large as the queue is let in then.
func (q *Queue[R, P]) room(lane Lane) int {
	room := q.options.MaxWaiting - q.admitted
	if lane == Bulk && q.admitted > 0 {
		room -= q.options.MaxWaiting / 8
	}
	return room
}

// Full reports whether a call with NoWait would be refused, however small.
func (q *Queue[R, P]) Full(lane Lane) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room(lane) < 1
}

// giveUp drops all of a call's inputs that are not being computed.
func (q *Queue[R, P]) giveUp(c *call[R], why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.abandon(c, why)
	kept := q.ready[c.Lane][:0]
	for _, item := range q.ready[c.Lane] {
		if item.call == c {
			q.tokens[c.Lane] -= item.Tokens
			q.drop(c, item.Place, why)
		} else {
			kept = append(kept, item)
		}
	}
	clear(q.ready[c.Lane][len(kept):])
	q.ready[c.Lane] = kept
	q.wake()
}

// abandon drops the inputs that no preparer has taken, and those that are being prepared as soon as
// they are.
func (q *Queue[R, P]) abandon(c *call[R], why error) {
	c.why = why
	if c.next == c.Inputs {
		return
	}
	q.calls[c.Lane].Remove(c.element)
	for ; c.next < c.Inputs; c.next++ {
		if c.NoWait {
			q.leave(c)
		}
		c.lose(c.next, why)
	}
}

// drop ends an input that waits.
func (q *Queue[R, P]) drop(c *call[R], place int, why error) {
	q.leave(c)
	c.lose(place, why)
}

// leave counts an input as waiting no longer.
func (q *Queue[R, P]) leave(c *call[R]) {
	q.waiting[c.Lane]--
	if c.NoWait {
		q.admitted--
	}
}

// lose ends an input that is not computed.
func (c *call[R]) lose(place int, why error) {
	c.Request.Drop(place, why)
	if c.err == nil && !errors.Is(why, ErrTimeout) {
		c.err = why
	}
	c.end()
}

func (c *call[R]) end() {
	if c.left--; c.left == 0 {
		close(c.done)
	}
}
