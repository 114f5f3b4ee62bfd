//go:build cuda

package kernels

import (
	"context"
	"math"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/ref"
)

// truth records a pass on engine/ref.
type truth struct {
	op.Pass
	t       testing.TB
	backend *ref.Backend
}

// reference returns the values of the tensor that f records, as engine/ref computes them.
func reference(t testing.TB, f func(*truth) op.Tensor) []float32 {
	t.Helper()
	r := &truth{t: t, backend: ref.New()}
	y := f(r)
	values := make([]float32, y.Rows*y.Cols)
	r.Output(y, values)
	must(t, r.backend.Run(context.Background(), &r.Pass))
	return values
}

// table is float32 parameters [rows, cols].
func (r *truth) table(rows, cols int, values []float32) op.Table {
	r.t.Helper()
	t, err := r.backend.NewTable(rows, cols, values)
	must(r.t, err)
	return t
}

// input is a tensor [rows, cols] of these values.
func (r *truth) input(rows, cols int, values []float32) op.Tensor {
	r.t.Helper()
	each, nothing := make([]int32, rows), make([]int32, rows)
	for i := range each {
		each[i] = int32(i)
	}
	zero := r.table(1, cols, make([]float32, cols))
	return r.Embedding(op.Embedding{Word: r.table(rows, cols, values), TokenType: zero, Position: zero, IDs: each, Positions: nothing})
}

// from is the tensor that was uploaded as m.
func (r *truth) from(m *matrix) op.Tensor { return r.input(m.rows, m.cols, m.values) }

// compare holds results of a storage type against the truth. A result may be off by half a unit in the last place of its
// type, for it is rounded once, plus noise units of float32 (2^-23 of the result or of 1, whichever is larger) for how it
// was computed.
func compare(t testing.TB, storage cuda.Type, noise float64, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d results for %d", len(got), len(want))
	}
	furthest, worst, where := 0.0, 0.0, 0
	for i, w := range want {
		size := math.Abs(float64(w))
		allowed := noise * 0x1p-23 * max(1, size)
		allowed += halfUnit(storage, size+allowed)
		off := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(off) {
			t.Fatalf("value %d is %v, not %v", i, got[i], w)
		}
		furthest = max(furthest, off)
		if part := off / allowed; part > worst {
			worst, where = part, i
		}
	}
	if worst > 1 {
		t.Errorf("value %d is %v, not %v: %.2f times the bound", where, got[where], want[where], worst)
	}
	t.Logf("off by at most %.2g, %.0f %% of the bound", furthest, 100*worst)
}

// halfUnit is half a unit in the last place of a value of that size.
func halfUnit(t cuda.Type, size float64) float64 {
	digits, smallest := 24, -149 // bits of the significand; exponent of the smallest subnormal
	switch t {
	case cuda.BFloat16:
		digits, smallest = 8, -133
	case cuda.Float16:
		digits, smallest = 11, -24
	}
	_, exponent := math.Frexp(size) // size < 2^exponent
	return math.Ldexp(0.5, max(exponent-digits, smallest))
}
