//go:build native && cgo

package cpu

import (
	"context"
	"errors"
	"slices"
	"testing"

	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
)

// run records f for a backend, runs it, and returns the result's values.
func run(t testing.TB, b op.Backend, seed uint64, f func(*optest.Recording) op.Tensor) []float32 {
	t.Helper()
	values, err := optest.Run(t.Context(), b, seed, f)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func start(t testing.TB, threads int, precision Precision) op.Backend {
	t.Helper()
	if err := Supports(precision); err != nil {
		t.Skip(err)
	}
	b, err := New(Options{Threads: threads, Precision: precision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// bounds say how far one operation, and a pass of up to a dozen, may be off where values are about 1.
var bounds = map[Precision]struct{ one, dozen float64 }{
	Float32:  {1e-5, 5e-5},
	BFloat16: {0.08, 0.3},
	Int8:     {0.12, 0.6},
}

func TestOperations(t *testing.T) {
	t.Log(Describe())
	for precision, bound := range bounds {
		t.Run(string(precision), func(t *testing.T) {
			b := start(t, 2, precision)
			for _, form := range optest.Forms() {
				t.Run(form.Name, func(t *testing.T) {
					for seed := range uint64(3) {
						want := run(t, ref.New(), seed, form.Record)
						worst := optest.Distance(run(t, b, seed, form.Record), want)
						if !(worst <= bound.one) {
							t.Errorf("seed %d: off by %.2g, bound %.2g", seed, worst, bound.one)
						}
						t.Logf("seed %d: %d values, off by %.2g at most", seed, len(want), worst)
					}
				})
			}
		})
	}
}

// TestRandomPasses holds whole passes against ref: what one operation leaves in memory must not
// reach another. There are rows enough for chains, and too few.
func TestRandomPasses(t *testing.T) {
	for precision, bound := range bounds {
		t.Run(string(precision), func(t *testing.T) {
			b := start(t, 2, precision)
			f := optest.Random(func(r *optest.Recording) int { return 2 * (1 + r.Random.IntN(20)) })
			worst := 0.0
			for seed := range uint64(60) {
				off := optest.Distance(run(t, b, seed, f), run(t, ref.New(), seed, f))
				if !(off <= bound.dozen) {
					t.Errorf("seed %d: off by %.2g, bound %.2g", seed, off, bound.dozen)
				}
				worst = max(worst, off)
			}
			t.Logf("off by %.2g at most, bound %.2g", worst, bound.dozen)
		})
	}
}

// TestTiles holds products of the model's widths against ref with the rows of small and large batches: the last tile of a
// chain is lower than the others, and columns are shared out in pieces.
func TestTiles(t *testing.T) {
	const depth, middle = 16, 128
	for precision, bound := range bounds {
		t.Run(string(precision), func(t *testing.T) {
			b := start(t, 2, precision)
			for _, rows := range []int{1, 5, 47, 48, 92, 197, 1576} {
				for _, width := range []int{64, 768, 2304, 3072} {
					f := func(r *optest.Recording) op.Tensor {
						x := r.Pass.Linear(r.Input(rows, depth), r.Linear(middle, depth, true))
						y := r.Pass.GELU(r.Pass.Linear(x, r.Linear(width, middle, true)))
						x = r.Pass.LinearResidual(y, r.Linear(middle, width, true), x)
						return r.Pass.SwiGLU(r.Pass.Linear(r.Norm(x), r.Linear(2*width, middle, true)))
					}
					if rows == 1576 && width != 2304 { // ref would take long
						continue
					}
					off := optest.Distance(run(t, b, 1, f), run(t, ref.New(), 1, f))
					if !(off <= bound.dozen) {
						t.Errorf("%d rows, %d columns: off by %.2g, bound %.2g", rows, width, off, bound.dozen)
					}
				}
			}
		})
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	before := liveBytes()
	for range 3 {
		b := start(t, 2, Float32)
		for _, form := range optest.Forms() {
			run(t, b, 0, form.Record)
		}
		if liveBytes() <= before {
			t.Error("parameters and activations are not counted")
		}
		b.Close()
		b.Close() // a second time is harmless
	}
	if after := liveBytes(); after != before {
		t.Errorf("%d bytes of C memory are live after Close, %d before", after, before)
	}
}

// TestNoRows: every operation has to take tensors without rows, also as the first of a backend that
// has no memory yet.
func TestNoRows(t *testing.T) {
	for _, form := range optest.Empty() {
		want, got := run(t, ref.New(), 1, form.Record), run(t, start(t, 2, Float32), 1, form.Record)
		if !slices.Equal(want, got) {
			t.Errorf("%s: %v, want %v", form.Name, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, threads := range []int{-1, 0, MostThreads + 1, 1 << 32} {
		if b, err := New(Options{Threads: threads, Precision: Float32}); err == nil {
			b.Close()
			t.Errorf("%d threads are not refused", threads)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	b := start(t, 1, Float32)
	f := func(name string, ctx context.Context, want error, record func(*optest.Recording)) {
		t.Helper()
		r := optest.New(b, 1)
		record(r)
		if err := b.Run(ctx, &r.Pass); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("shapes", context.Background(), op.ErrShape, func(r *optest.Recording) { r.Pass.Linear(r.Input(2, 3), r.Linear(4, 5, true)) })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	f("cancelled", cancelled, context.Canceled, func(r *optest.Recording) { r.Input(2, 3) })
	f("heads", context.Background(), ErrWideHead, func(r *optest.Recording) { r.Self(op.Sequences{0, 1}, 1, WidestHead+2, nil) })
	if _, err := b.NewLinear(2, 2, make([]float32, 3), nil); !errors.Is(err, op.ErrShape) {
		t.Errorf("a weight of another size: %v", err)
	}
	b.Close()
	if err := b.Run(context.Background(), &op.Pass{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
