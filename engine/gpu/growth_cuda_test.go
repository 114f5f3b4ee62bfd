//go:build cuda && cgo

package gpu

import (
	"slices"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/optest"
)

// TestGraphsAfterGrowth: a larger pass moves the memory that graphs of smaller ones were captured with.
func TestGraphsAfterGrowth(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	f := func(rows int) func(*optest.Recording) op.Tensor {
		return func(r *optest.Recording) op.Tensor { return r.Norm(r.Input(rows, 32)) }
	}
	small := record(t, b, 1, f(20))
	var first []float32
	for _, rows := range []int{100, 1000, 10000} {
		for range 2 * slotCount {
			clear(small.values)
			if err := b.Run(t.Context(), small.pass); err != nil {
				t.Fatalf("before %d rows: %v", rows, err)
			}
			if first == nil {
				first = slices.Clone(small.values)
			} else if !slices.Equal(first, small.values) {
				t.Errorf("before %d rows: another result", rows)
			}
		}
		large := record(t, b, 1, f(rows))
		if err := b.Run(t.Context(), large.pass); err != nil {
			t.Fatal(err)
		}
	}
}
