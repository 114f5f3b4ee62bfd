package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"vbge/server/catalog"
)

// blackHole is a catalogue that takes everything and keeps nothing.
type blackHole struct{ catalog.Catalog }

func (blackHole) Info() catalog.Info                          { return catalog.Info{Dimension: dimension} }
func (blackHole) Upsert(context.Context, []catalog.Row) error { return nil }
func (blackHole) Entries(context.Context) iter.Seq2[catalog.Entry, error] {
	return func(func(catalog.Entry, error) bool) {}
}

// Whenever the user stops it, a run must not say that all was done when it was not.
func TestStoppedRunIsNeverTakenForAWholeOne(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("%d.jpg", i)] = fmt.Sprint(i)
	}
	dir := tree(t, files)
	whole, stopped := 0, 0
	for range 400 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
		report, err := Run(ctx, Options{Dir: dir, Catalog: blackHole{}, Embedder: &hashEmbedder{}, Batch: 64})
		cancel()
		switch {
		case err == nil && report.Written == len(files):
			whole++
		case errors.Is(err, context.DeadlineExceeded):
			stopped++
		default:
			t.Fatalf("%d of %d written, error %v", report.Written, len(files), err)
		}
	}
	t.Logf("%d whole, %d stopped", whole, stopped)
}

// late is a context that is cancelled just after it was looked at.
type late struct {
	context.Context
	looks int
}

func (l *late) Err() error {
	if l.looks++; l.looks > 1 {
		return context.Canceled
	}
	return nil
}

// The reading stage ends early on cancellation, and its closed channel may be
// seen first.
func TestEarlyEndIsNotTheEnd(t *testing.T) {
	pictures := make(chan picture)
	close(pictures)
	r := &run{Options: Options{Batch: 1, Progress: func(Progress) {}}}
	if err := r.consume(&late{Context: t.Context()}, pictures, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
