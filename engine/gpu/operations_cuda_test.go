//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
)

// operationBound is how far one operation over inputs that are stored as t may be from ref, for
// values of about 1. Inputs, weights and the result are each rounded to half a unit in the last place, 2^-9 and 2^-12 of
// the value, and values reach 4 or 5; attention turns and weighs by rounded queries and keys.
func operationBound(t cuda.Type) float64 {
	switch t {
	case cuda.BFloat16:
		return 0.06
	case cuda.Float16:
		return 0.008
	}
	return 1e-5
}

// truths are ref's results, which every storage type is held against: ref is slow.
type truths map[string][]float32

func (known truths) of(t *testing.T, name string, seed uint64, f func(*optest.Recording) op.Tensor) []float32 {
	t.Helper()
	key := fmt.Sprintf("%s, seed %d", name, seed)
	if _, ok := known[key]; !ok {
		known[key] = run(t, ref.New(), seed, f)
	}
	return known[key]
}

func TestOperations(t *testing.T) {
	needDevice(t)
	known := truths{}
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b, bound := open(t, Options{Type: kind}), operationBound(kind)
			for _, form := range optest.Forms() {
				if form.HeadWidth != 0 && form.HeadWidth != 32 && form.HeadWidth != 64 {
					continue
				}
				for seed := range uint64(2) {
					off := optest.Distance(run(t, b, seed, form.Record), known.of(t, form.Name, seed, form.Record))
					if !(off <= bound) {
						t.Errorf("%s, seed %d: off by %.2g, bound %.2g", form.Name, seed, off, bound)
					}
					t.Logf("%s, seed %d: off by %.2g", form.Name, seed, off)
				}
			}
		})
	}
}

// TestRandomPasses holds whole passes against ref: what one operation leaves in memory must not reach another, and what is
// fused must be the same as what is not. Each is run twice: launched step by step, then as a graph.
func TestRandomPasses(t *testing.T) {
	passes := uint64(12)
	if testing.Short() {
		passes = 4
	}
	needDevice(t)
	known := truths{}
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b := open(t, Options{Type: kind})
			bound := 2 * operationBound(kind) // up to a dozen operations over one another
			f := optest.Random(func(r *optest.Recording) int { return 32 * (1 + r.Random.IntN(2)) })
			worst := 0.0
			for seed := range passes {
				p, want := record(t, b, seed, f), known.of(t, "random", seed, f)
				var first []float32
				for range 2 * slotCount {
					if err := b.Run(t.Context(), p.pass); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					if first == nil {
						first = slices.Clone(p.values)
					} else if !slices.Equal(first, p.values) {
						t.Errorf("seed %d: another result the second time", seed)
					}
				}
				off := optest.Distance(first, want)
				if !(off <= bound) {
					t.Errorf("seed %d: off by %.2g, bound %.2g", seed, off, bound)
				}
				worst = math.Max(worst, off)
			}
			t.Logf("off by %.2g at most, bound %.2g", worst, bound)
		})
	}
}

// TestNoRows: a batch may have no pictures, or no words.
func TestNoRows(t *testing.T) {
	for _, form := range optest.Empty() {
		b := open(t, Options{Type: cuda.BFloat16}) // one that has no memory for batches yet
		got, want := run(t, b, 1, form.Record), run(t, ref.New(), 1, form.Record)
		if off := optest.Distance(got, want); !(off <= operationBound(cuda.BFloat16)) {
			t.Errorf("%s: off by %.2g", form.Name, off)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	f := func(name string, ctx context.Context, want error, record func(*optest.Recording)) {
		t.Helper()
		r := optest.New(b, 1)
		record(r)
		if err := b.Run(ctx, &r.Pass); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("shapes", t.Context(), op.ErrShape, func(r *optest.Recording) { r.Pass.Linear(r.Input(2, 3), r.Linear(4, 5, true)) })
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	f("cancelled", cancelled, context.Canceled, func(r *optest.Recording) { r.Input(2, 3) })
	f("heads", t.Context(), ErrHeadWidth, func(r *optest.Recording) { r.Self(op.Sequences{0, 1}, 1, 48, nil) })
	if _, err := b.NewLinear(2, 2, make([]float32, 3), nil); !errors.Is(err, op.ErrShape) {
		t.Errorf("a weight of another size: %v", err)
	}
	if _, err := b.NewTable(2, 2, make([]float32, 3)); !errors.Is(err, op.ErrShape) {
		t.Errorf("a table of another size: %v", err)
	}
	if err := b.Ready(); err != nil {
		t.Errorf("after refusals: %v", err)
	}
	closeAll(t, b)
	if err := b.Run(t.Context(), &op.Pass{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestNewRefuses: a device that there is not ends in an error that names it, and leaves nothing behind.
func TestNewRefuses(t *testing.T) {
	needDevice(t)
	if b, err := New(Options{Device: 99}); err == nil || !strings.Contains(err.Error(), "cuda:99") {
		t.Errorf("device 99: %v", err)
		if err == nil {
			b.Close()
		}
	} else {
		t.Log(err)
	}
}
