package api

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"

	"vbge/engine"
)

const (
	// largeBody is where a body's parsing, which takes several times as much memory, garbage and all,
	// begins to matter.
	largeBody = 1 << 20
	// addedBytes are of the bodies whose pictures are added at a time: metadata of many short values
	// takes thirty times as much as its JSON.
	addedBytes = 16 << 20
	// shownFiles are read at a time. What is read counts as the reply's memory only then.
	shownFiles = 4
)

// turns bound the memory that requests take beside their bodies, which package transport counts.
type turns struct {
	parsing *semaphore.Weighted // large bodies: one for each processor, as they are computing
	adding  *semaphore.Weighted // bytes of bodies
	showing *semaphore.Weighted // files
}

func newTurns() turns {
	return turns{
		parsing: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		adding:  semaphore.NewWeighted(addedBytes),
		showing: semaphore.NewWeighted(shownFiles),
	}
}

// inTurn returns what parse makes of a body, when it is its turn.
func inTurn[T any](ctx context.Context, t turns, body []byte, parse func() (T, error)) (T, error) {
	if len(body) >= largeBody {
		if err := t.parsing.Acquire(ctx, 1); err != nil {
			var none T
			return none, err
		}
		defer t.parsing.Release(1)
	}
	return parse()
}

// busy refuses a request to embed before it is read, if nothing of it could be queued.
func (a *api) busy() error {
	if a.Embedder.Engine.Full(engine.Interactive) {
		return a.Embedder.explain(engine.ErrQueueFull, engine.Interactive)
	}
	return nil
}
