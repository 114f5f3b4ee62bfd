// Package optest records passes of random operations: the same on every backend, so that one can be
// held against another. Tests of backends and `vbge gpu-check` share it.
package optest

import (
	"context"
	"math"
	"math/rand/v2"

	"vbge/engine/op"
)

// Recording builds a pass on a backend from random values. The same seed gives the same values on
// any backend.
type Recording struct {
	Backend op.Backend
	Random  *rand.Rand
	Pass    op.Pass
	err     error
}

// New returns an empty recording for b.
func New(b op.Backend, seed uint64) *Recording {
	return &Recording{Backend: b, Random: rand.New(rand.NewPCG(seed, 1))}
}

// Err returns why a parameter could not be handed to the backend, or the pass's own fault.
func (r *Recording) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Pass.Err()
}

// Run records f on b, runs it, and returns its result's values, row by row.
func Run(ctx context.Context, b op.Backend, seed uint64, f func(*Recording) op.Tensor) ([]float32, error) {
	r := New(b, seed)
	y := f(r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	values := make([]float32, y.Rows*y.Cols)
	r.Pass.Output(y, values)
	return values, b.Run(ctx, &r.Pass)
}

// Distance returns the largest difference of got from want, relative to values beyond 1, and NaN if
// there is one anywhere.
func Distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range want {
		d := math.Abs(float64(got[i])-float64(want[i])) / max(1, math.Abs(float64(want[i])))
		worst = max(worst, d) // NaN if either is
	}
	return worst
}

// Values returns n normally distributed values.
func (r *Recording) Values(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.Random.NormFloat64())
	}
	return v
}

// Table hands random parameters to the backend.
func (r *Recording) Table(rows, cols int) op.Table {
	return r.newTable(rows, cols, r.Values(rows*cols))
}

func (r *Recording) newTable(rows, cols int, values []float32) op.Table {
	t, err := r.Backend.NewTable(rows, cols, values)
	r.keep(err)
	return t
}

// Linear hands a random layer to the backend whose results are of about the size of its input.
func (r *Recording) Linear(out, in int, bias bool) op.Linear {
	w := r.Values(out * in)
	for i := range w {
		w[i] /= float32(math.Sqrt(float64(in)))
	}
	var b []float32
	if bias {
		b = r.Values(out)
	}
	l, err := r.Backend.NewLinear(out, in, w, b)
	r.keep(err)
	return l
}

func (r *Recording) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Rows returns n row numbers below limit.
func (r *Recording) Rows(n, limit int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(r.Random.IntN(limit))
	}
	return at
}

// Input is a random tensor.
func (r *Recording) Input(rows, cols int) op.Tensor {
	return r.Pass.Embedding(op.Embedding{Word: r.Table(rows, cols), TokenType: r.Table(1, cols), Position: r.Table(rows, cols),
		IDs: r.Rows(rows, rows), Positions: r.Rows(rows, rows)})
}

// Given is a random tensor that the pass is given.
func (r *Recording) Given(rows, cols int) op.Tensor {
	return r.Pass.Given(op.Given{Values: r.Values(rows * cols), Cols: cols})
}

// Pixels returns n random samples.
func (r *Recording) Pixels(n int) []uint8 {
	p := make([]uint8, n)
	for i := range p {
		p[i] = uint8(r.Random.IntN(256))
	}
	return p
}

// Norm is a layer norm with random parameters.
func (r *Recording) Norm(x op.Tensor) op.Tensor {
	return r.Pass.LayerNorm(x, r.Table(1, x.Cols), r.Table(1, x.Cols), 1e-6)
}

// Rotation turns each pair of channels by a random angle.
func (r *Recording) Rotation(rows, width int) *op.Rotary {
	cos, sin := make([]float32, rows*width), make([]float32, rows*width)
	for i := 0; i < len(cos); i += 2 {
		s, c := math.Sincos(r.Random.Float64() * 6)
		cos[i], cos[i+1], sin[i], sin[i+1] = float32(c), float32(c), float32(s), float32(s)
	}
	return &op.Rotary{Cos: r.newTable(rows, width, cos), Sin: r.newTable(rows, width, sin)}
}

// Self is attention of a projection to queries, keys and values to itself.
func (r *Recording) Self(s op.Sequences, heads, width int, rotation *op.Rotary) op.Tensor {
	d := heads * width
	qkv := r.Input(s.Rows(), 3*d)
	return r.Pass.Attention(op.Attention{Q: qkv.Columns(0, d), K: qkv.Columns(d, 2*d), V: qkv.Columns(2*d, 3*d),
		Heads: heads, Queries: s, Keys: s, Rotation: rotation})
}
