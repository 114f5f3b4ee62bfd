// Package queue brings the inputs of many calls to devices in batches. It knows nothing of models: an
// input is a place in a request, what has been prepared of it, and how many tokens it costs.
//
// An input waits until a preparer asks for it (Next), is prepared, is ready (Ready), goes into a batch that
// is taken for a device (Take), and ends (Done). A device with nothing to do takes whatever is ready;
// while it computes, inputs gather. There are two lanes: Interactive goes ahead, Bulk has a share.
//
// Within a lane calls take turns, an input each, so that a call of many inputs holds up a later one by
// no more than what is ready already. That is bounded in tokens, and what a call has beyond it stays
// the caller's: nothing is copied or decoded before its turn.
package queue

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// Lane says whose inputs go first.
type Lane int

const (
	Bulk Lane = iota
	Interactive
	lanes
)

// Share is how often Interactive goes ahead in a row while Bulk waits: of five batches, and of five
// inputs to prepare, Bulk has one at least.
const Share = 4

// lookAhead is how many ready inputs that do not fit what is left of a batch are passed over in search of
// some that do. The first of a lane is never passed over, so each is taken in its turn.
const lookAhead = 32

// gather is how long a Bulk batch waits on shared processors: about as long as it takes to decode a batch of
// ordinary pictures.
const gather = 20 * time.Millisecond

// Options bound a queue. Each number is positive but Linger.
type Options struct {
	Budget     int // tokens of a batch, unless it is a single input
	Prepared   int // tokens that wait ready in each lane; the inputs under way may exceed it
	Preparers  int // Bulk inputs that are prepared at once: fewer than there are preparers keeps one for Interactive
	MaxWaiting int // inputs of calls that do not wait for room
	Devices    int
	Passes     int           // under way at once on a device; beyond the first only full batches
	Linger     time.Duration // that a device without work waits for a fuller batch; 0 is not at all
	// Shared says that devices compute on the preparers' processors. A Bulk batch then waits a little to be
	// filled by what is being prepared, since nothing stands idle meanwhile; and while an interactive input is
	// under way Bulk is prepared only so far that it does not starve, since that slows down passes.
	Shared bool
}

var (
	// ErrFull means that there is no room for a call that does not wait for it.
	ErrFull = errors.New("the queue is full")
	// ErrTimeout means that an input waited for longer than its call allows.
	ErrTimeout = errors.New("waited too long in the queue")
)

// Queue is the state of all calls under way. R is a request, P what is prepared of an input.
type Queue[R Request, P any] struct {
	options Options

	mu        sync.Mutex
	preparers sync.Cond // there may be an input to prepare
	batches   sync.Cond // there may be a batch to take
	stopped   error     // why nothing is queued any more

	calls     [lanes]*list.List // of *call[R] with inputs that no preparer has taken, in turn
	preparing [lanes]int
	ready     [lanes][]Item[R, P]
	tokens    [lanes]int // of ready
	running   []int      // passes under way, by device
	computing [lanes]int // passes under way
	waiting   [lanes]int // inputs not yet in a batch
	admitted  int        // of those, the inputs of calls that do not wait for room

	prepareTurn, batchTurn turn
	linger                 *time.Timer // runs out when a device has waited for a fuller batch
}

// New returns an empty queue.
func New[R Request, P any](o Options) *Queue[R, P] {
	q := &Queue[R, P]{options: o, running: make([]int, o.Devices)}
	q.preparers.L, q.batches.L = &q.mu, &q.mu
	for lane := range lanes {
		q.calls[lane] = list.New()
	}
	return q
}

// Stop ends every input that is not being computed with err, and every later call: Next and Take return
// false. Only the first Stop counts. It does not wait.
func (q *Queue[R, P]) Stop(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped != nil {
		return
	}
	q.stopped = err
	for lane := range lanes {
		for e := q.calls[lane].Front(); e != nil; e = q.calls[lane].Front() {
			q.abandon(e.Value.(*call[R]), err)
		}
		for _, item := range q.ready[lane] {
			q.drop(item.call, item.Place, err)
		}
		q.ready[lane], q.tokens[lane] = nil, 0
	}
	if q.linger != nil {
		q.linger.Stop()
	}
	q.preparers.Broadcast()
	q.batches.Broadcast()
}

// Waiting returns how many inputs are not yet in a batch, by lane. Those that stay the caller's until
// there is room do not count.
func (q *Queue[R, P]) Waiting() [2]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// wake rouses one goroutine for each kind of work that there is. It wakes the next when it has taken
// its own, so that nobody wakes in vain.
func (q *Queue[R, P]) wake() {
	if _, ok := q.toPrepare(); ok {
		q.preparers.Signal()
	}
	if _, ok := q.freeDevice(); ok {
		q.batches.Signal()
	}
}

// turn lets Interactive go ahead, but not for ever.
type turn struct{ ahead int } // times in a row that Interactive went while Bulk waited

// next returns whose turn it is, of the lanes that have something.
func (t *turn) next(bulk, interactive bool) Lane {
	if interactive && !(bulk && t.ahead >= Share) {
		return Interactive
	}
	return Bulk
}

// took notes that a lane had its turn while Bulk had something.
func (t *turn) took(lane Lane, bulk bool) {
	if lane == Interactive && bulk {
		t.ahead++
	} else {
		t.ahead = 0
	}
}
