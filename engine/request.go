package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/engine/queue"
)

// Lane says whose inputs go first.
type Lane int

// Interactive inputs go ahead of Bulk ones, which have a share of the device all the same.
const (
	Bulk        = Lane(queue.Bulk)
	Interactive = Lane(queue.Interactive)
)

// String returns what clients, logs and metrics call the lane.
func (l Lane) String() string {
	if l == Interactive {
		return "interactive"
	}
	return "bulk"
}

// Request is what Do embeds.
type Request struct {
	Inputs []Input
	Lane   Lane
	// NoWait refuses with ErrQueueFull, at once and as a whole, what the queue has no room for.
	// Otherwise inputs stay the caller's until it is their turn, and have no part of Options.MaxQueue.
	NoWait bool
	// QueueTimeout bounds how long an input waits for its computation to begin: beyond it its error
	// wraps ErrQueueTimeout. 0 is no bound but the context's.
	QueueTimeout time.Duration
}

var (
	// ErrQueueFull means that Options.MaxQueue inputs are waiting, or would be.
	ErrQueueFull = queue.ErrFull
	// ErrQueueTimeout means that an input waited for longer than its request allows.
	ErrQueueTimeout = queue.ErrTimeout
	// ErrTooLong is wrapped for words that do not fit the position table, where RefuseLong asks.
	ErrTooLong = errors.New("text too long")
	// ErrInput is wrapped for inputs that no model could embed: ids that are not the vocabulary's, ids and a text.
	ErrInput = errors.New("unusable input")
	// ErrNoVision is wrapped for pictures where the model has no vision tower.
	ErrNoVision = model.ErrNoVision
	// ErrNotFinite is wrapped for the inputs of a GPU's pass with a result that is no number.
	ErrNotFinite = gpu.ErrNotFinite
	// ErrMemory is wrapped where weights or a pass do not fit a GPU's memory.
	ErrMemory = gpu.ErrMemory
	// ErrClosed is returned by an engine that is being closed.
	ErrClosed = errors.New("the engine is closed")
	// ErrPanic is wrapped for inputs whose preparation or pass panicked: a fault of this program. errors.As finds
	// a *PanicError with the stack.
	ErrPanic = errors.New("internal fault")
)

// Do embeds a request's inputs and returns one result for each, in order. An input that cannot be embedded has
// its own error and does not disturb the others. The error is for the call as a whole: ctx done, the
// queue full, the engine closed, or a device failed; every input that has no embedding says why then, and
// what was computed is still there.
//
// When Do returns, no goroutine reads the inputs any more. Where ctx ends while an input is being prepared
// or computed, Do waits for that: a picture's decoding, a pass.
//
// An embedding does not depend on what else is in the call, or in others under way, to within 2e-6 in each
// value in float32 and the precision's own rounding otherwise: matrix products may add up in another
// order in a batch of another size.
func (e *Engine) Do(ctx context.Context, r Request) ([]Result, error) {
	lane := queue.Bulk
	if r.Lane == Interactive {
		lane = queue.Interactive
	}
	w := &work{r.Inputs, make([]Result, len(r.Inputs))}
	err := e.queue.Do(ctx, queue.Call[*work]{Request: w, Inputs: len(r.Inputs), Lane: lane, NoWait: r.NoWait, Timeout: r.QueueTimeout})
	if err != nil {
		err = fmt.Errorf("embed %d inputs: %w", len(r.Inputs), err)
	}
	return w.results, err
}

// work is a request under way.
type work struct {
	inputs  []Input
	results []Result
}

// Drop implements queue.Request.
func (w *work) Drop(place int, err error) { w.results[place] = Result{Err: err} }

// PanicError is a panic that cost its input, or its pass, alone.
type PanicError struct {
	Value any
	Stack []byte // for a log: it is not in Error, which others may read
}

func (p *PanicError) Error() string { return fmt.Sprintf("%v: panic: %v", ErrPanic, p.Value) }
func (p *PanicError) Unwrap() error { return ErrPanic }

// PassReport describes one pass that a device has run.
type PassReport struct {
	Device   string
	Inputs   int
	Tokens   int // through the text tower
	Pictures int // through the vision tower
	Cached   int // pictures whose tokens came from the cache
	Duration time.Duration
	Err      error // also where the pass was of one request alone, whose context ended
}

// Full reports whether a Request with NoWait would be refused now, however small it is: a server need not read it.
func (e *Engine) Full(lane Lane) bool { return e.queue.Full(queue.Lane(lane)) }

// Stats is a snapshot of an engine's queues and cache.
type Stats struct {
	Waiting      [2]int // inputs not yet computing, by Lane
	CacheBytes   int64
	CacheEntries int
	CacheHits    int64 // since the engine was opened
	CacheMisses  int64
	LastPass     time.Time // when a pass last succeeded; zero if none has
}

// Stats returns a snapshot.
func (e *Engine) Stats() Stats {
	s := Stats{Waiting: e.queue.Waiting()}
	if e.cache != nil {
		c := e.cache.Stats()
		s.CacheBytes, s.CacheEntries, s.CacheHits, s.CacheMisses = c.Bytes, c.Entries, c.Hits, c.Misses
	}
	if last := e.lastPass.Load(); last != nil {
		s.LastPass = *last
	}
	return s
}
