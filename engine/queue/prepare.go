package queue

import (
	"context"
	"time"
)

// Item is an input that is prepared, ready or computed.
type Item[R Request, P any] struct {
	Request  R
	Place    int // among the request's inputs
	Prepared P
	Tokens   int // that it costs a batch

	call  *call[R]
	ready time.Time
}

// Context returns the context of the item's call.
func (i Item[R, P]) Context() context.Context { return i.call.ctx }

// Lane returns the lane of the item's call.
func (i Item[R, P]) Lane() Lane { return i.call.Lane }

// Begun returns when the item's call was made.
func (i Item[R, P]) Begun() time.Time { return i.call.begun }

// Next waits for an input to prepare. The preparer hands it back to Ready or to Failed. It returns false
// once the queue is stopped.
func (q *Queue[R, P]) Next() (Item[R, P], bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.stopped == nil {
		lane, ok := q.toPrepare()
		if !ok {
			q.preparers.Wait()
			continue
		}
		q.prepareTurn.took(lane, q.preparable(Bulk))
		item := q.takeTurn(lane)
		q.preparing[lane]++
		q.wake()
		return item, true
	}
	return Item[R, P]{}, false
}

// toPrepare returns the lane whose input is prepared next, if there is one and room for it.
func (q *Queue[R, P]) toPrepare() (Lane, bool) {
	bulk, interactive := q.preparable(Bulk), q.preparable(Interactive)
	return q.prepareTurn.next(bulk, interactive), bulk || interactive
}

func (q *Queue[R, P]) preparable(lane Lane) bool {
	return q.calls[lane].Len() > 0 && q.tokens[lane] < q.options.Prepared && (lane == Interactive || q.preparing[Bulk] < q.bulkPreparers())
}

// bulkPreparers is how many inputs of Bulk may be prepared at once. On shared processors that is none while
// an interactive input is under way and Bulk has a batch besides, or one until it has.
func (q *Queue[R, P]) bulkPreparers() int {
	interactive := q.preparing[Interactive] + len(q.ready[Interactive]) + q.computing[Interactive]
	switch {
	case !q.options.Shared || interactive == 0:
		return q.options.Preparers
	case q.computing[Bulk] > 0 || q.tokens[Bulk] >= q.options.Budget:
		return 0
	}
	return 1
}

// takeTurn takes an input of the call whose turn it is, and puts the call last.
func (q *Queue[R, P]) takeTurn(lane Lane) Item[R, P] {
	first := q.calls[lane].Front()
	c := first.Value.(*call[R])
	item := Item[R, P]{Request: c.Request, Place: c.next, call: c}
	if !c.NoWait {
		q.waiting[lane]++
	}
	if c.next++; c.next < c.Inputs {
		q.calls[lane].MoveToBack(first)
	} else {
		q.calls[lane].Remove(first)
	}
	return item
}

// Ready queues a prepared item for a batch.
func (q *Queue[R, P]) Ready(item Item[R, P]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c, lane := item.call, item.call.Lane
	q.preparing[lane]--
	switch {
	case c.why != nil:
		q.drop(c, item.Place, c.why)
	case q.stopped != nil:
		q.drop(c, item.Place, q.stopped)
	default:
		item.ready = time.Now()
		q.ready[lane] = append(q.ready[lane], item)
		q.tokens[lane] += item.Tokens
	}
	q.wake()
}

// Failed ends an item that cannot be prepared, or is not any more since its call was given up.
func (q *Queue[R, P]) Failed(item Item[R, P], err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := item.call
	q.preparing[c.Lane]--
	if why := c.ctx.Err(); why != nil {
		q.drop(c, item.Place, why)
	} else {
		q.leave(c)
		c.Request.Drop(item.Place, err)
		c.end()
	}
	q.wake()
}
