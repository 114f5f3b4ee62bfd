package queue

import (
	"context"
	"time"
)

// Take waits for a batch and a device that may compute it, and returns both: the batch in memory's place
// where there is room. It is of one lane, of no more than the budget unless it is a single input, and
// nobody has given its inputs up. The caller hands both back to Done. Take returns false once the
// queue is stopped.
func (q *Queue[R, P]) Take(memory []Item[R, P]) (batch []Item[R, P], device int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.stopped == nil {
		device, ok := q.freeDevice()
		if !ok {
			q.batches.Wait()
			continue
		}
		bulk := len(q.ready[Bulk]) > 0
		lane := q.batchTurn.next(bulk, len(q.ready[Interactive]) > 0)
		if batch = q.fill(memory[:0], lane); len(batch) == 0 {
			q.wake() // what was dropped has left room to prepare
			continue
		}
		q.batchTurn.took(lane, bulk)
		q.running[device]++
		q.computing[lane]++
		q.wake()
		return batch, device, true
	}
	return nil, 0, false
}

// Done hands a batch back whose requests have their results, and its device. With an error each of its
// calls fails as a whole; their other inputs go on.
func (q *Queue[R, P]) Done(batch []Item[R, P], device int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running[device]--
	q.computing[batch[0].call.Lane]--
	for _, item := range batch {
		if item.call.err == nil {
			item.call.err = err
		}
		item.call.end()
	}
	q.wake()
}

// Context returns the context to compute a batch under: that of its call if it is of one alone, or else
// one that does not end, since a call that is given up must not cost others their results.
func Context[R Request, P any](batch []Item[R, P]) context.Context {
	for _, item := range batch[1:] {
		if item.call != batch[0].call {
			return context.Background()
		}
	}
	return batch[0].call.ctx
}

// freeDevice returns the device with the fewest passes under way, if it may take a batch now: whatever is
// ready where it has nothing to do, a full batch where it has.
func (q *Queue[R, P]) freeDevice() (device int, ok bool) {
	for d, passes := range q.running {
		if passes < q.running[device] {
			device = d
		}
	}
	switch passes := q.running[device]; {
	case len(q.ready[Bulk])+len(q.ready[Interactive]) == 0 || passes == q.options.Passes:
		return 0, false
	case q.tokens[Bulk]+q.tokens[Interactive] >= q.options.Budget:
		return device, true
	case passes > 0:
		return 0, false
	}
	return device, !q.lingers()
}

// lingers reports whether a batch that is not full is left to grow, and sees to it that it is not for ever.
func (q *Queue[R, P]) lingers() bool {
	most := q.options.Linger
	if q.options.Shared && len(q.ready[Interactive]) == 0 && (q.preparing[Bulk] > 0 || q.preparable(Bulk)) {
		most = max(most, gather)
	}
	if most <= 0 {
		return false
	}
	left := most
	for _, ready := range q.ready {
		if len(ready) > 0 {
			left = min(left, most-time.Since(ready[0].ready))
		}
	}
	switch {
	case left <= 0:
		return false
	case q.linger == nil:
		q.linger = time.AfterFunc(left, q.lingered)
	default:
		q.linger.Reset(left)
	}
	return true
}

func (q *Queue[R, P]) lingered() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches.Signal()
}

// fill moves ready inputs of a lane to an empty batch, in order, and drops those that are given up.
func (q *Queue[R, P]) fill(batch []Item[R, P], lane Lane) []Item[R, P] {
	now := time.Now()
	ready, tokens, passed := q.ready[lane], 0, 0
	kept := ready[:0]
	for i, item := range ready {
		if tokens >= q.options.Budget || passed == lookAhead {
			kept = append(kept, ready[i:]...)
			break
		}
		if len(batch) > 0 && tokens+item.Tokens > q.options.Budget {
			kept = append(kept, item)
			passed++
			continue
		}
		q.tokens[lane] -= item.Tokens
		if err := item.call.over(now); err != nil {
			q.drop(item.call, item.Place, err)
			continue
		}
		q.leave(item.call)
		batch = append(batch, item)
		tokens += item.Tokens
	}
	clear(ready[len(kept):])
	q.ready[lane] = kept
	return batch
}

// over returns why the call's inputs are not worth computing any more, or nil. The goroutine in Do may
// not have been told yet.
func (c *call[R]) over(now time.Time) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if !c.deadline.IsZero() && !now.Before(c.deadline) {
		return c.tooLate()
	}
	return nil
}
