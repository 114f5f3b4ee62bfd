//go:build native && cgo

package cpu

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vbge/engine/op"
	"vbge/engine/ref"
)

// recording builds the same pass on any backend, from the same random values.
type recording struct {
	t       testing.TB
	backend op.Backend
	random  *rand.Rand
	pass    op.Pass
}

func (r *recording) values(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.random.NormFloat64())
	}
	return v
}

func (r *recording) table(rows, cols int) op.Table {
	t, err := r.backend.NewTable(rows, cols, r.values(rows*cols))
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

func (r *recording) linear(out, in int, bias bool) op.Linear {
	w := r.values(out * in)
	for i := range w {
		w[i] /= float32(math.Sqrt(float64(in)))
	}
	var b []float32
	if bias {
		b = r.values(out)
	}
	l, err := r.backend.NewLinear(out, in, w, b)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (r *recording) rows(n, limit int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(r.random.IntN(limit))
	}
	return at
}

// input is a random tensor.
func (r *recording) input(rows, cols int) op.Tensor {
	return r.pass.Embedding(op.Embedding{Word: r.table(rows, cols), TokenType: r.table(1, cols), Position: r.table(rows, cols),
		IDs: r.rows(rows, rows), Positions: r.rows(rows, rows)})
}

func (r *recording) pixels(n int) []uint8 {
	p := make([]uint8, n)
	for i := range p {
		p[i] = uint8(r.random.IntN(256))
	}
	return p
}

func (r *recording) rotation(rows, width int) *op.Rotary {
	cos, sin := make([]float32, rows*width), make([]float32, rows*width)
	for i := 0; i < len(cos); i += 2 {
		s, c := math.Sincos(r.random.Float64() * 6)
		cos[i], cos[i+1], sin[i], sin[i+1] = float32(c), float32(c), float32(s), float32(s)
	}
	c, err := r.backend.NewTable(rows, width, cos)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := r.backend.NewTable(rows, width, sin)
	if err != nil {
		r.t.Fatal(err)
	}
	return &op.Rotary{Cos: c, Sin: s}
}

// self is attention of a projection to queries, keys and values to itself.
func (r *recording) self(s op.Sequences, heads, width int, rotation *op.Rotary) op.Tensor {
	d := heads * width
	qkv := r.input(s.Rows(), 3*d)
	return r.pass.Attention(op.Attention{Q: qkv.Columns(0, d), K: qkv.Columns(d, 2*d), V: qkv.Columns(2*d, 3*d),
		Heads: heads, Queries: s, Keys: s, Rotation: rotation})
}

// run records f for a backend, runs it, and returns the result's values.
func run(t testing.TB, b op.Backend, seed uint64, f func(*recording) op.Tensor) []float32 {
	t.Helper()
	r := &recording{t: t, backend: b, random: rand.New(rand.NewPCG(seed, 1))}
	y := f(r)
	values := make([]float32, y.Rows*y.Cols)
	r.pass.Output(y, values)
	if err := b.Run(context.Background(), &r.pass); err != nil {
		t.Fatal(err)
	}
	return values
}

// operations are recordings that use each operation on its own and in every form that the plan
// treats apart, at widths with and without whole vectors.
var operations = map[string]func(*recording) op.Tensor{
	"patches": func(r *recording) op.Tensor {
		var levels [3][256]float32
		for i := range 256 {
			levels[0][i], levels[1][i], levels[2][i] = float32(i), -float32(i), float32(i)/3
		}
		return r.pass.Patches(op.Patches{Pixels: r.pixels(3 * 24 * 24 * 3), Side: 24, Patch: 8, Levels: &levels})
	},
	"linear":         func(r *recording) op.Tensor { return r.pass.Linear(r.input(70, 48), r.linear(33, 48, true)) },
	"linear no bias": func(r *recording) op.Tensor { return r.pass.Linear(r.input(5, 16), r.linear(64, 16, false)) },
	"linear one row": func(r *recording) op.Tensor { return r.pass.Linear(r.input(1, 768), r.linear(768, 768, true)) },
	"linear of columns": func(r *recording) op.Tensor {
		return r.pass.Linear(r.input(9, 64).Columns(16, 48), r.linear(24, 32, true))
	},
	"residual in place": func(r *recording) op.Tensor {
		x, y := r.input(37, 48), r.input(37, 20)
		return r.pass.LinearResidual(x, r.linear(20, 48, true), y)
	},
	"residual used later": func(r *recording) op.Tensor {
		x, y := r.input(37, 20), r.input(37, 20)
		z := r.pass.LinearResidual(x, r.linear(20, 20, true), y)
		return r.pass.LinearResidual(z, r.linear(20, 20, true), y)
	},
	"residual of itself": func(r *recording) op.Tensor {
		x := r.input(6, 20)
		return r.pass.LinearResidual(x, r.linear(20, 20, true), x)
	},
	"gelu fused": func(r *recording) op.Tensor {
		return r.pass.GELU(r.pass.Linear(r.input(37, 48), r.linear(20, 48, true)))
	},
	"gelu alone": func(r *recording) op.Tensor { return r.pass.GELU(r.input(5, 37)) },
	"gelu of a value used later": func(r *recording) op.Tensor {
		x := r.pass.Linear(r.input(6, 20), r.linear(20, 20, true))
		return r.pass.LinearResidual(r.pass.GELU(x), r.linear(20, 20, true), x)
	},
	"layer norm":             func(r *recording) op.Tensor { return norm(r, r.input(40, 170)) },
	"layer norm whole lines": func(r *recording) op.Tensor { return norm(r, r.input(3, 768)) },
	"layer norm of columns":  func(r *recording) op.Tensor { return norm(r, r.input(7, 64).Columns(5, 38)) },
	"layer norm not in place": func(r *recording) op.Tensor {
		x := r.input(7, 32)
		return r.pass.LinearResidual(norm(r, x), r.linear(32, 32, true), x)
	},
	"swiglu":    func(r *recording) op.Tensor { return r.pass.SwiGLU(r.input(20, 2*85)) },
	"normalise": func(r *recording) op.Tensor { return r.pass.Normalise(r.input(20, 33)) },
	"attention": func(r *recording) op.Tensor { return r.self(op.Sequences{0, 1, 18, 18, 215}, 3, 64, nil) },
	"attention rotated": func(r *recording) op.Tensor {
		return r.self(op.Equal(2, 17), 2, 16, r.rotation(17, 16))
	},
	"attention of narrow heads": func(r *recording) op.Tensor { return r.self(op.Sequences{0, 40, 41}, 4, 8, r.rotation(40, 8)) },
	"attention of widest heads": func(r *recording) op.Tensor { return r.self(op.Sequences{0, 33}, 1, WidestHead, nil) },
	"attention of long text":    func(r *recording) op.Tensor { return r.self(op.Sequences{0, 512}, 1, 32, nil) },
	"attention twice": func(r *recording) op.Tensor {
		x := r.self(op.Sequences{0, 30}, 2, 16, nil)
		y := r.self(op.Sequences{0, 3, 30}, 2, 16, nil)
		return r.pass.LinearResidual(x, r.linear(32, 32, true), y)
	},
	"attention of one query": func(r *recording) op.Tensor {
		kv := r.input(25, 96)
		return r.pass.Attention(op.Attention{Q: r.input(2, 48), K: kv.Columns(0, 48), V: kv.Columns(48, 96),
			Heads: 3, Queries: op.Equal(2, 1), Keys: op.Sequences{0, 5, 25}})
	},
	"embedding": func(r *recording) op.Tensor { return r.input(19, 37) },
	"add rows": func(r *recording) op.Tensor {
		return r.pass.AddRows(r.input(19, 37), r.table(4, 37), r.rows(19, 4))
	},
	"prepend": func(r *recording) op.Tensor {
		return r.pass.Prepend(r.input(9, 20), r.table(1, 20), op.Sequences{0, 4, 4, 9})
	},
	"gather": func(r *recording) op.Tensor {
		return r.pass.Gather([]int32{0, 9, 10, 11, 3, 12, 13, 13, 1}, r.input(4, 20), r.input(6, 20), r.input(5, 20))
	},
}

func norm(r *recording, x op.Tensor) op.Tensor {
	return r.pass.LayerNorm(x, r.table(1, x.Cols), r.table(1, x.Cols), 1e-6)
}

func TestOperations(t *testing.T) {
	b, err := New(2)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	t.Log(Describe())
	const bound = 1e-5 // of values of about 1
	for name, f := range operations {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				want, got := run(t, ref.New(), seed, f), run(t, b, seed, f)
				worst := 0.0
				for i := range want {
					worst = max(worst, math.Abs(float64(want[i]-got[i]))/max(1, math.Abs(float64(want[i]))))
				}
				if !(worst <= bound) {
					t.Errorf("seed %d: off by %.2g, bound %.2g", seed, worst, bound)
				}
				t.Logf("seed %d: %d values, off by %.2g at most", seed, len(want), worst)
			}
		})
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	before := liveBytes()
	for range 3 {
		b, err := New(2)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range operations {
			run(t, b, 0, f)
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

// TestNoRows: a batch may have no pictures, or no words; every operation has to take tensors
// without rows, also as the first of a backend that has no memory yet.
func TestNoRows(t *testing.T) {
	passes := map[string]func(*recording) op.Tensor{
		"columns": func(r *recording) op.Tensor { return r.pass.SwiGLU(r.input(0, 48).Columns(16, 48)) },
		"linear": func(r *recording) op.Tensor {
			x := r.pass.Linear(r.input(0, 16), r.linear(16, 16, true))
			return r.pass.LinearResidual(norm(r, r.pass.GELU(x)), r.linear(16, 16, true), x)
		},
		"attention": func(r *recording) op.Tensor { return r.pass.Normalise(r.self(op.Sequences{0}, 2, 8, nil)) },
		"rows": func(r *recording) op.Tensor {
			x := r.pass.AddRows(r.input(0, 8), r.table(2, 8), nil)
			return r.pass.Gather(nil, x, r.pass.Prepend(x, r.table(1, 8), op.Sequences{0}))
		},
		"prepended": func(r *recording) op.Tensor {
			return r.pass.Prepend(r.input(0, 8), r.table(1, 8), op.Sequences{0, 0, 0})
		},
	}
	for name, f := range passes {
		b, err := New(2)
		if err != nil {
			t.Fatal(err)
		}
		want, got := run(t, ref.New(), 1, f), run(t, b, 1, f)
		if !slices.Equal(want, got) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		b.Close()
	}
}

// TestNewRefuses: OpenMP ends the process when it is asked for threads that it cannot have.
func TestNewRefuses(t *testing.T) {
	for _, threads := range []int{-1, 0, MostThreads + 1, 1 << 32} {
		if b, err := New(threads); err == nil {
			b.Close()
			t.Errorf("%d threads are not refused", threads)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	b, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, ctx context.Context, want error, record func(*recording)) {
		t.Helper()
		r := &recording{t: t, backend: b, random: rand.New(rand.NewPCG(1, 1))}
		record(r)
		if err := b.Run(ctx, &r.pass); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("shapes", context.Background(), op.ErrShape, func(r *recording) { r.pass.Linear(r.input(2, 3), r.linear(4, 5, true)) })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	f("cancelled", cancelled, context.Canceled, func(r *recording) { r.input(2, 3) })
	f("heads", context.Background(), ErrWideHead, func(r *recording) { r.self(op.Sequences{0, 1}, 1, WidestHead+2, nil) })
	if _, err := b.NewLinear(2, 2, make([]float32, 3), nil); !errors.Is(err, op.ErrShape) {
		t.Errorf("a weight of another size: %v", err)
	}
	b.Close()
	if err := b.Run(context.Background(), &op.Pass{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
