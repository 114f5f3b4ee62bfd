package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"
)

// Between attempts to connect the wait doubles from the first to the last.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Lasting is a Catalog that outlives Milvus's outages, for a server. It connects in the background
// and as often as it takes: for the first time, after the milvus-lite of a .db has died, after the
// collection was released or dropped by another client. Until then every call returns, at once, an
// error that wraps ErrUnreachable and the last reason.
type Lasting struct {
	options Options
	log     *slog.Logger
	open    func(context.Context, Options) (session, error)

	closing context.Context // done from Close on
	close   context.CancelFunc
	closed  chan struct{} // closed when keep has returned

	mu       sync.Mutex
	current  *lease // nil while there is no session
	reason   error  // why not; wraps ErrUnreachable
	info     Info   // of the last session
	closeErr error  // of the last session
}

var errClosed = fmt.Errorf("%w: the catalogue is closed", ErrUnreachable)

// session is an open collection and how to learn that it cannot come back by itself.
type session interface {
	Catalog
	down() context.Context // done when the process behind it has ended, its cause says how
}

// lease is a session in use.
type lease struct {
	session
	lost  context.Context         // done when it has to be opened again, its cause says why
	lose  context.CancelCauseFunc // ends lost
	users sync.WaitGroup
}

// OpenLasting opens a collection as Open does, and waits for that at most so long: a Milvus that
// does not answer by then, or cannot be reached, is no error. Anything else is, such as
// ErrOtherModel, ErrDimension, ErrMetric, ErrLocked. With Options.Write a collection that something
// else made is opened all the same, for searching: what writes returns ErrForeign. A nil log is none.
func OpenLasting(ctx context.Context, o Options, wait time.Duration, log *slog.Logger) (*Lasting, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	o.lasting = true
	return openLasting(ctx, o, wait, log, func(ctx context.Context, o Options) (session, error) { return open(ctx, o) })
}

func openLasting(ctx context.Context, o Options, wait time.Duration, log *slog.Logger, open func(context.Context, Options) (session, error)) (*Lasting, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Lasting{
		options: o, log: log.With("uri", o.URI, "collection", o.Collection), open: open, closed: make(chan struct{}),
		reason: fmt.Errorf("%w: still connecting to %s", ErrUnreachable, o.URI),
		info:   Info{Collection: o.Collection, Model: o.Model, Dimension: o.Dimension},
	}
	l.closing, l.close = context.WithCancel(context.Background())
	first := make(chan error, 1)
	go l.keep(first)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-first:
		if err != nil && !passing(err) {
			return nil, errors.Join(err, l.Close())
		}
	case <-timer.C:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), l.Close())
	}
	return l, nil
}

// passing says whether an error of Open may end without anybody changing a flag.
func passing(err error) bool {
	var server *ServerError // such as "service not ready" of a Milvus that is starting
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotLoaded) || errors.As(err, &server)
}

// keep opens the collection again and again until Close. It tells first how the first time went.
func (l *Lasting) keep(first chan<- error) {
	defer close(l.closed)
	defer l.withdraw(errClosed)
	wait, told := firstRetry, ""
	for {
		current, err := l.connect()
		if err != nil {
			l.withdraw(err) // before anybody is told: what is asked then has this reason
		}
		select {
		case first <- err:
		default:
		}
		if err == nil {
			l.log.Info("catalogue connected")
			began := time.Now()
			err = l.serve(current)
			if time.Since(began) > lastRetry { // else it comes and goes
				wait = firstRetry
			}
			told = ""
		}
		if l.closing.Err() != nil {
			return
		}
		l.withdraw(err)
		select {
		case <-l.closing.Done(): // also after an error that OpenLasting returns
			return
		case <-time.After(wait):
		}
		if reason := err.Error(); reason != told {
			l.log.Warn("catalogue out of reach, trying on", "error", err)
			told = reason
		}
		wait = min(2*wait, lastRetry)
	}
}

// connect opens the collection and lends it out.
func (l *Lasting) connect() (*lease, error) {
	s, err := l.open(l.closing, l.options)
	if err != nil {
		return nil, err
	}
	current := &lease{session: s}
	current.lost, current.lose = context.WithCancelCause(s.down())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.info = current, s.Info()
	return current, nil
}

// serve returns when the session was lost, and why, having closed it.
func (l *Lasting) serve(current *lease) error {
	defer current.lose(nil)
	select {
	case <-current.lost.Done():
	case <-l.closing.Done():
	}
	reason := cmp.Or(context.Cause(current.lost), errClosed)
	l.withdraw(reason)
	current.users.Wait() // each has a deadline; all end with l.closing or the process
	err := current.Close()
	l.mu.Lock()
	l.closeErr = err
	l.mu.Unlock()
	return reason
}

// withdraw makes every call fail for this reason from now on.
func (l *Lasting) withdraw(reason error) {
	if !errors.Is(reason, ErrUnreachable) {
		reason = fmt.Errorf("%w: %w", ErrUnreachable, reason)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.reason = nil, reason
}

// use makes a call of the session that there is.
func (l *Lasting) use(ctx context.Context, call func(context.Context, Catalog) error) error {
	l.mu.Lock()
	current, reason := l.current, l.reason
	if current != nil {
		current.users.Add(1)
	}
	l.mu.Unlock()
	if current == nil {
		return reason
	}
	defer current.users.Done()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.closing, cancel)()
	err := call(inner, current)
	switch {
	case err != nil && ctx.Err() == nil && l.closing.Err() != nil:
		return errClosed
	case errors.Is(err, ErrNotLoaded), errors.Is(err, ErrNoCollection):
		current.lose(err)
	}
	return err
}

// Info implements Catalog. Before the collection was opened it is what Options say.
func (l *Lasting) Info() Info {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info
}

// Close implements Catalog. Calls under way end with ErrUnreachable.
func (l *Lasting) Close() error {
	l.close()
	<-l.closed
	return l.closeErr
}

// Upsert implements Catalog.
func (l *Lasting) Upsert(ctx context.Context, rows []Row) error {
	return l.use(ctx, func(ctx context.Context, c Catalog) error { return c.Upsert(ctx, rows) })
}

// Search implements Catalog.
func (l *Lasting) Search(ctx context.Context, vector []float32, limit int, filter string) (hits []Hit, err error) {
	err = l.use(ctx, func(ctx context.Context, c Catalog) error {
		hits, err = c.Search(ctx, vector, limit, filter)
		return err
	})
	return hits, err
}

// Entries implements Catalog.
func (l *Lasting) Entries(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		more := true
		err := l.use(ctx, func(ctx context.Context, c Catalog) error {
			for entry, err := range c.Entries(ctx) {
				if err != nil {
					return err
				}
				if more = yield(entry, nil); !more {
					break
				}
			}
			return nil
		})
		if err != nil && more {
			yield(Entry{}, err)
		}
	}
}

// Find implements Catalog.
func (l *Lasting) Find(ctx context.Context, ids []string) (found map[string]Entry, err error) {
	err = l.use(ctx, func(ctx context.Context, c Catalog) error {
		found, err = c.Find(ctx, ids)
		return err
	})
	return found, err
}

// Vectors implements Catalog.
func (l *Lasting) Vectors(ctx context.Context, ids []string) (vectors map[string][]float32, err error) {
	err = l.use(ctx, func(ctx context.Context, c Catalog) error {
		vectors, err = c.Vectors(ctx, ids)
		return err
	})
	return vectors, err
}

// Delete implements Catalog.
func (l *Lasting) Delete(ctx context.Context, ids []string) error {
	return l.use(ctx, func(ctx context.Context, c Catalog) error { return c.Delete(ctx, ids) })
}

// Count implements Catalog.
func (l *Lasting) Count(ctx context.Context) (count int, err error) {
	err = l.use(ctx, func(ctx context.Context, c Catalog) error {
		count, err = c.Count(ctx)
		return err
	})
	return count, err
}
