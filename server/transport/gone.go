package transport

import (
	"sync"
	"time"
)

const goneInterval = 20 * time.Millisecond

// leavers notices clients that leave while they wait for a reply. One goroutine asks about all of
// them at a time, as reading ahead would take a goroutine each and bytes of the next request.
type leavers struct {
	wake chan struct{} // somebody waits where nobody did

	mu      sync.Mutex
	waiting map[*conn]func()
	asked   []*conn // scratch of look
}

func newLeavers() *leavers {
	return &leavers{wake: make(chan struct{}, 1), waiting: map[*conn]func(){}}
}

// add has left called once c's client has gone, until remove. A client that closes its sending side
// alone counts as gone, as one with a time-out of its own does no more than that.
func (l *leavers) add(c *conn, left func()) {
	if c.fd < 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[c] = left
	if len(l.waiting) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// remove has to come before c's descriptor is closed.
func (l *leavers) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, c)
}

// run looks until done.
func (l *leavers) run(done <-chan struct{}) {
	ticker := time.NewTicker(goneInterval)
	defer ticker.Stop()
	for {
		ticker.Stop()
		select {
		case <-done:
			return
		case <-l.wake:
		}
		ticker.Reset(goneInterval)
		for l.look() {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}
}

// look asks once about everybody and reports whether anybody waits.
func (l *leavers) look() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = l.asked[:0]
	for c := range l.waiting {
		l.asked = append(l.asked, c)
	}
	for _, c := range gone(l.asked) {
		l.waiting[c]()
		delete(l.waiting, c)
	}
	clear(l.asked)
	return len(l.waiting) > 0
}
