package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
)

// standIn is a session that fails as a test wants.
type standIn struct {
	Catalog
	died  context.Context
	die   context.CancelCauseFunc
	count func(context.Context) (int, error)

	mu     sync.Mutex
	closed bool
}

func newStandIn(count func(context.Context) (int, error)) *standIn {
	s := &standIn{count: count}
	s.died, s.die = context.WithCancelCause(context.Background())
	return s
}

func (s *standIn) down() context.Context                  { return s.died }
func (s *standIn) Info() Info                             { return Info{Collection: "found"} }
func (s *standIn) Count(ctx context.Context) (int, error) { return s.count(ctx) }

func (s *standIn) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("closed twice")
	}
	s.closed = true
	s.die(nil)
	return nil
}

func (s *standIn) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// opener opens stand-ins, or fails, in the order given, and keeps when it was asked.
type opener struct {
	answers []any // error, *standIn
	asked   []time.Duration
	began   time.Time
}

func (o *opener) open(context.Context, Options) (session, error) {
	if o.began.IsZero() {
		o.began = time.Now()
	}
	o.asked = append(o.asked, time.Since(o.began))
	answer := o.answers[min(len(o.asked), len(o.answers))-1]
	if s, ok := answer.(*standIn); ok {
		return s, nil
	}
	return nil, answer.(error)
}

func mustCloseLasting(t *testing.T, l *Lasting) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := l.Count(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("count after close: %v", err)
	}
}

// seven counts seven rows.
func seven(context.Context) (int, error) { return 7, nil }

func TestLastingTriesUntilItIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := fmt.Errorf("%w: connection refused", ErrUnreachable)
		o := &opener{answers: slices.Concat(slices.Repeat([]any{refused}, 9), []any{ErrOtherModel, newStandIn(seven)})}
		begin := time.Now()
		l, err := openLasting(t.Context(), Options{URI: "there", Collection: "wanted", Model: "m", Dimension: 3}, time.Second, nil, o.open)
		if err != nil || time.Since(begin) != 0 {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}
		if got, want := l.Info(), (Info{"wanted", "m", 3}); got != want {
			t.Errorf("info %+v before it is connected, want %+v", got, want)
		}
		synctest.Wait()
		if _, err := l.Count(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("count: %v, want ErrUnreachable with the reason", err)
		}
		for range 5 { // at once, also where the reason is another
			if _, err := l.Count(t.Context()); !errors.Is(err, ErrUnreachable) {
				t.Errorf("count: %v", err)
			}
			time.Sleep(lastRetry)
		}
		time.Sleep(lastRetry)
		if n, err := l.Count(t.Context()); n != 7 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 3100 * ms, 6300 * ms, 11300 * ms, 16300 * ms, 21300 * ms, 26300 * ms}
		if !slices.Equal(o.asked, want) {
			t.Errorf("tried at %v, want %v", o.asked, want)
		}
		if l.Info().Collection != "found" {
			t.Errorf("info %+v once it is connected", l.Info())
		}
		mustCloseLasting(t, l)
	})
}

// TestLastingTellsWhy: each reason once, in a row; one that comes back after another is new.
func TestLastingTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		o := &opener{answers: []any{ErrUnreachable, ErrUnreachable, ErrOtherModel, ErrOtherModel, ErrOtherModel, ErrUnreachable}}
		l, err := openLasting(t.Context(), Options{}, time.Second, slog.New(slog.NewTextHandler(&said, nil)), o.open)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		mustCloseLasting(t, l)
		if got := strings.Count(said.String(), "level=WARN"); got != 3 {
			t.Errorf("%d warnings, want 3: %s", got, &said)
		}
	})
}

func TestLastingReturnsWhatDoesNotPass(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		stays bool // the error
	}{
		"other model": {ErrOtherModel, true}, "dimension": {ErrDimension, true}, "metric": {ErrMetric, true},
		"locked": {ErrLocked, true}, "token": {ErrDenied, true}, "executable": {ErrNoBinary, true},
		"unreachable": {ErrUnreachable, false}, "not loaded": {ErrNotLoaded, false},
		"starting": {&ServerError{Code: 1, Reason: "service not ready"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			o := &opener{answers: []any{fmt.Errorf("open: %w", test.err)}}
			l, err := openLasting(t.Context(), Options{}, time.Second, slog.New(slog.NewTextHandler(&said, nil)), o.open)
			if test.stays != errors.Is(err, test.err) || test.stays != (l == nil) {
				t.Errorf("%s: %v", name, err)
			}
			time.Sleep(firstRetry)
			synctest.Wait()
			if goesOn := strings.Contains(said.String(), "trying on"); goesOn == test.stays {
				t.Errorf("%s: the log says %q", name, &said)
			}
			if l != nil {
				mustCloseLasting(t, l)
			}
		})
	}
}

func TestLastingWaitsSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, _ Options) (session, error) { <-ctx.Done(); return nil, ctx.Err() }
		begin := time.Now()
		l, err := openLasting(t.Context(), Options{URI: "there"}, 1500*time.Millisecond, nil, hang)
		if err != nil || time.Since(begin) != 1500*time.Millisecond {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}
		if _, err := l.Count(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "still connecting to there") {
			t.Errorf("count: %v", err)
		}
		mustCloseLasting(t, l)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if l, err := openLasting(ctx, Options{}, time.Minute, nil, hang); l != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
	})
}

// TestLastingOpensAgain: after each of these the next session is there within the first wait.
func TestLastingOpensAgain(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, l *Lasting, s *standIn){
		"process died": func(_ *testing.T, _ *Lasting, s *standIn) { s.die(fmt.Errorf("%w: killed", ErrUnreachable)) },
		"released": func(t *testing.T, l *Lasting, s *standIn) {
			s.count = func(context.Context) (int, error) { return 0, ErrNotLoaded }
			if _, err := l.Count(t.Context()); !errors.Is(err, ErrNotLoaded) {
				t.Errorf("count: %v", err)
			}
		},
		"dropped": func(t *testing.T, l *Lasting, s *standIn) {
			s.count = func(context.Context) (int, error) { return 0, ErrNoCollection }
			if _, err := l.Count(t.Context()); !errors.Is(err, ErrNoCollection) {
				t.Errorf("count: %v", err)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := newStandIn(seven)
			var said strings.Builder
			o := &opener{answers: []any{first, newStandIn(seven)}}
			l, err := openLasting(t.Context(), Options{}, time.Second, slog.New(slog.NewTextHandler(&said, nil)), o.open)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := l.Count(t.Context()); n != 7 || err != nil { // from the beginning
				t.Errorf("%s: count %d, %v", name, n, err)
			}
			lose(t, l, first)
			synctest.Wait()
			if !first.isClosed() {
				t.Errorf("%s: the old session is still open", name)
			}
			if _, err := l.Count(t.Context()); !errors.Is(err, ErrUnreachable) {
				t.Errorf("%s: count meanwhile: %v", name, err)
			}
			time.Sleep(firstRetry + time.Millisecond)
			if n, err := l.Count(t.Context()); n != 7 || err != nil {
				t.Errorf("%s: count %d, %v", name, n, err)
			}
			mustCloseLasting(t, l)
			if got := strings.Count(said.String(), "level=WARN"); got != 1 {
				t.Errorf("%s: %d warnings, want 1: %s", name, got, &said)
			}
		})
	}
}

// TestLastingWaitsForCalls: a session is closed when its calls have ended, and Close ends them.
func TestLastingWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *standIn
		s = newStandIn(func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			if s.isClosed() {
				t.Error("closed under a call")
			}
			return 0, ctx.Err()
		})
		l, err := openLasting(t.Context(), Options{}, time.Second, nil, (&opener{answers: []any{s}}).open)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ended := make(chan error, 2)
		ctx, cancel := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{ctx, t.Context()} {
			go func() {
				_, err := l.Count(ctx)
				ended <- err
			}()
		}
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller's own end: %v", err)
		}
		mustCloseLasting(t, l)
		if err := <-ended; !errors.Is(err, ErrUnreachable) {
			t.Errorf("a call at the end: %v", err)
		}
	})
}

// until calls again until there is no ErrUnreachable.
func until(t *testing.T, call func() error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		switch err := call(); {
		case err == nil:
			return
		case !errors.Is(err, ErrUnreachable) || time.Now().After(end):
			t.Fatal(err)
		}
	}
}

func TestKilledLiteComesBack(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	l, err := OpenLasting(t.Context(), o, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := testRows(50)
	mustUpsert(t, l, rows)
	pid := 0
	for range 2 {
		l.mu.Lock()
		pid = l.current.session.(*milvus).lite.process.Pid
		l.mu.Unlock()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitDead(t, pid)
		until(t, func() error { _, err := l.Count(t.Context()); return err })
		mustCount(t, l, 50) // acknowledged rows are in the file
		if got := entries(t, l); len(got) != 50 {
			t.Errorf("%d entries", len(got))
		}
		if found, err := l.Find(t.Context(), []string{rows[3].ID}); err != nil || found[rows[3].ID].ImagePath != rows[3].ImagePath {
			t.Errorf("found %v, %v", found, err)
		}
	}
	if err := l.Delete(t.Context(), []string{rows[0].ID}); err != nil {
		t.Fatal(err)
	}
	if vectors, err := l.Vectors(t.Context(), []string{rows[0].ID, rows[1].ID}); err != nil || len(vectors) != 1 {
		t.Errorf("%d vectors, %v", len(vectors), err)
	}
	if hits, err := l.Search(t.Context(), rows[1].Vector, 1, ""); err != nil || len(hits) != 1 || hits[0].ID != rows[1].ID {
		t.Errorf("hits %v, %v", hits, err)
	}
	mustCloseLasting(t, l)
	mustOpen(t, o) // nobody has its lock
}

func TestLastingRefusesAndReads(t *testing.T) {
	t.Parallel()
	o := liteWriter(t)
	c := mustOpen(t, o)
	makeOthers(t, c.(*milvus))
	if _, err := OpenLasting(t.Context(), o, time.Minute, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("in use: %v, want ErrLocked", err)
	}
	c.Close()
	for name, test := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"other model":             {func(o *Options) { o.Model = "other model" }, ErrOtherModel},
		"other dimension":         {func(o *Options) { o.Dimension = 8 }, ErrDimension},
		"other metric":            {func(o *Options) { o.Collection = "euclid" }, ErrMetric},
		"no vectors of that name": {func(o *Options) { o.Collection = "texts" }, ErrForeign},
		"no model":                {func(o *Options) { o.Model = "" }, ErrInvalid},
		"no such address":         {func(o *Options) { o.URI = "ftp://milvus" }, ErrInvalid},
	} {
		other := o
		test.change(&other)
		if l, err := OpenLasting(t.Context(), other, time.Minute, nil); l != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	o.Collection = "tutorial"
	l, err := OpenLasting(t.Context(), o, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if hits, err := l.Search(t.Context(), testRows(1)[0].Vector, 3, ""); err != nil || len(hits) != 3 {
		t.Errorf("%d hits of the tutorial's, %v", len(hits), err)
	}
	if err := l.Upsert(t.Context(), testRows(1)); !errors.Is(err, ErrForeign) {
		t.Errorf("write to the tutorial's: %v, want ErrForeign", err)
	}
}

// TestRestartedServer: the same port is served again by a Milvus that has forgotten what was loaded.
func TestRestartedServer(t *testing.T) {
	t.Parallel()
	f := &fake{loaded: true}
	stop, address := f.start(t, "127.0.0.1:0")
	l, err := OpenLasting(t.Context(), Options{URI: "http://" + address, Model: "m", Dimension: 2, Timeout: 10 * time.Second}, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	search := func() error { _, err := l.Search(t.Context(), []float32{1, 0}, 9, ""); return err }
	if err := search(); err != nil {
		t.Fatal(err)
	}
	stop()
	begin := time.Now()
	if err := search(); !errors.Is(err, ErrUnreachable) {
		t.Errorf("search without a server: %v, want ErrUnreachable", err)
	}
	if took := time.Since(begin); took > 8*time.Second { // the SDK's own tries would take the ten seconds
		t.Errorf("the error came after %v", took)
	}
	again := &fake{released: &commonpb.Status{Code: 101, Reason: "collection not loaded"}}
	stop, _ = again.start(t, address)
	defer stop()
	var told bool
	until(t, func() error {
		err := search()
		if errors.Is(err, ErrNotLoaded) { // once, then it is loaded
			told = true
			return ErrUnreachable
		}
		return err
	})
	if !told || again.loads != 1 {
		t.Errorf("released: %v, loads: %d, want 1", told, again.loads)
	}
}

// TestServerThatIsLate: the catalogue is there soon after its server.
func TestServerThatIsLate(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	l, err := OpenLasting(t.Context(), Options{URI: "http://" + address, Model: "m", Dimension: 2, Write: true}, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	search := func() error { _, err := l.Search(t.Context(), []float32{1, 0}, 9, ""); return err }
	if err := search(); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("search without a server: %v", err)
	}
	stop, _ := (&fake{loaded: true}).start(t, address)
	defer stop()
	until(t, search)
}
