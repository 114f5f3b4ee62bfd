package items

import (
	"context"
	"slices"
	"sync"
)

// locks let one goroutine at a time work on the row of an id. The zero value is ready.
type locks struct {
	mu    sync.Mutex
	turns map[string]*turn // of the ids that somebody works on or waits for
}

type turn struct {
	taken chan struct{} // holds one value while somebody has it
	users int           // who has it and who waits
}

// lock waits for all of the ids and returns what gives them back. Everybody takes them in the same
// order, so nobody waits in a circle.
func (l *locks) lock(ctx context.Context, ids ...string) (unlock func(), err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var held []*turn
	unlock = func() {
		for i, t := range held {
			<-t.taken
			l.leave(ids[i], t)
		}
	}
	for _, id := range ids {
		t := l.enter(id)
		select {
		case t.taken <- struct{}{}:
			held = append(held, t)
		case <-ctx.Done():
			l.leave(id, t)
			unlock()
			return nil, context.Cause(ctx)
		}
	}
	return unlock, nil
}

func (l *locks) enter(id string) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.turns[id]
	if t == nil {
		if l.turns == nil {
			l.turns = map[string]*turn{}
		}
		t = &turn{taken: make(chan struct{}, 1)}
		l.turns[id] = t
	}
	t.users++
	return t
}

func (l *locks) leave(id string, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(l.turns, id)
	}
}
