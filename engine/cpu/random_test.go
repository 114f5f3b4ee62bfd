//go:build native && cgo

package cpu

import (
	"math"
	"testing"

	"vbge/engine/op"
	"vbge/engine/ref"
)

// randomOperations records a few operations over one another's results and columns of them, each
// normed, so that differences do not grow. Rows and widths are mostly no multiples of a vector.
func randomOperations(r *recording) op.Tensor {
	rows, heads, width := 1+r.random.IntN(90), 1+r.random.IntN(5), 2*(1+r.random.IntN(20))
	cols := heads * width
	made := []op.Tensor{norm(r, r.input(rows, cols))}
	pick := func() op.Tensor { return made[r.random.IntN(len(made))] }
	cut := int32(r.random.IntN(rows + 1))
	s := op.Sequences{0, cut, int32(rows)}
	for range 1 + r.random.IntN(12) {
		x := pick()
		switch r.random.IntN(8) {
		case 0:
			x = r.pass.Linear(x, r.linear(cols, cols, true))
		case 1:
			x = r.pass.LinearResidual(x, r.linear(cols, cols, false), pick())
		case 2:
			x = r.pass.GELU(r.pass.Linear(x, r.linear(cols, cols, true)))
		case 3:
			x = r.pass.SwiGLU(r.pass.Linear(x, r.linear(2*cols, cols, true)))
		case 4:
			x = r.pass.AddRows(x, r.table(3, cols), r.rows(rows, 3))
		case 5:
			x = r.pass.Gather(r.rows(rows, 2*rows), x, pick())
		case 6:
			y := r.pass.Prepend(x, r.table(1, cols), s)
			x = r.pass.Gather(r.rows(rows, y.Rows), y)
		case 7:
			qkv := r.pass.Linear(x, r.linear(3*cols, cols, true))
			x = r.pass.Attention(op.Attention{Q: qkv.Columns(0, cols), K: qkv.Columns(cols, 2*cols), V: qkv.Columns(2*cols, 3*cols),
				Heads: heads, Queries: s, Keys: s, Rotation: r.rotation(rows, width)})
		}
		made = append(made, norm(r, x))
	}
	return r.pass.Gather(r.rows(rows, rows*len(made)), made...)
}

// TestRandomPasses holds whole passes against ref: what one operation leaves in memory must not
// reach another.
func TestRandomPasses(t *testing.T) {
	b, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const bound = 5e-5 // of values of about 1, after up to a dozen operations
	worst := 0.0
	for seed := range uint64(40) {
		want, got := run(t, ref.New(), seed, randomOperations), run(t, b, seed, randomOperations)
		off := 0.0
		for i := range want {
			off = max(off, math.Abs(float64(want[i]-got[i])))
		}
		if !(off <= bound) {
			t.Errorf("seed %d: off by %.2g, bound %.2g", seed, off, bound)
		}
		worst = max(worst, off)
	}
	t.Logf("off by %.2g at most, bound %.2g", worst, bound)
}
