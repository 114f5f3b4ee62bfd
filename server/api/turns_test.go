package api

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vbge/server/fault"
	"vbge/server/items"
)

// TestLargeBodiesTakeTurns parses more large bodies than there are processors: small ones do not wait for them.
func TestLargeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, release := newTurns(), make(chan struct{})
		var c counter
		for range 100 {
			go inTurn(t.Context(), turns, make([]byte, largeBody), func() (int, error) {
				c.add(1)
				<-release
				c.add(-1)
				return 0, nil
			})
			synctest.Wait() // one at a time counts
		}
		if n, err := inTurn(t.Context(), turns, make([]byte, largeBody-1), func() (int, error) { return 7, nil }); n != 7 || err != nil {
			t.Errorf("a small body: %d, %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := inTurn(ctx, turns, make([]byte, largeBody), func() (int, error) { return 0, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a large one whose time is over: %v", err)
		}
		if c.most != runtime.GOMAXPROCS(0) {
			t.Errorf("%d were parsed at once", c.most)
		}
		for range 100 {
			release <- struct{}{}
			synctest.Wait()
		}
	})
}

// counter keeps how many there were at most.
type counter struct {
	mu      sync.Mutex
	n, most int
}

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	c.most = max(c.most, c.n)
}

// slowItems are pictures that take until release.
type slowItems struct {
	Items
	under   counter
	release chan struct{}
}

func (s *slowItems) Add(_ context.Context, news []items.New) ([]items.Added, error) {
	s.under.add(1)
	<-s.release
	s.under.add(-1)
	return make([]items.Added, len(news)), nil
}

func (s *slowItems) Picture(context.Context, string) ([]byte, string, error) {
	s.under.add(1)
	<-s.release
	s.under.add(-1)
	return []byte("file"), "image/png", nil
}

// TestItemsTakeTurns bounds the bodies that are added and the files that are read at a time.
func TestItemsTakeTurns(t *testing.T) {
	for name, x := range map[string]struct {
		request message
		most    int
	}{
		"added": {post("/v1/items", strings.Repeat("x", addedBytes/3)).of("image/png"), 3},
		"shown": {message{method: http.MethodGet, target: "/v1/items/a/image"}, shownFiles},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowItems{release: make(chan struct{})}
				c := newClient(t, Options{MaxItems: 4, MaxImageBytes: addedBytes}, Services{Embedder: &Embedder{Engine: &fakeEngine{}}, Items: s})
				done := make(chan reply)
				for range 8 {
					go func() { done <- c.send(x.request) }()
					synctest.Wait()
				}
				if s.under.most != x.most {
					t.Errorf("%d at once, want %d", s.under.most, x.most)
				}
				for range 8 {
					s.release <- struct{}{}
					if r := <-done; r.fault != nil || r.Status >= 300 {
						t.Errorf("%d %v", r.Status, r.fault)
					}
				}
			})
		})
	}
}

// TestBusy: what cannot be queued is refused before it is read.
func TestBusy(t *testing.T) {
	e := &fakeEngine{}
	asked := 0
	for _, route := range Routes(Options{}, Services{Embedder: &Embedder{Engine: e}}) {
		if route.Busy == nil {
			continue
		}
		asked++
		e.full = false
		if err := route.Busy(); err != nil {
			t.Errorf("%s: %v", route.Path, err)
		}
		e.full = true
		if f, ok := errors.AsType[*fault.Error](route.Busy()); !ok || f.Status != 429 || f.Code != "queue_full" || f.RetryAfter != time.Second {
			t.Errorf("%s: %+v", route.Path, f)
		}
	}
	if asked != 3 {
		t.Errorf("%d routes embed", asked)
	}
}
