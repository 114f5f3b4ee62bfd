package cpu

import (
	"math/rand/v2"
	"testing"

	"vbge/engine/op"
)

// vector is a table without a backend: a plan never looks inside.
func vector(cols int) op.Table { return op.Table{Rows: 1, Cols: cols} }

// randomPass records up to 60 operations, each on tensors or columns of tensors recorded before.
func randomPass(r *rand.Rand) *op.Pass {
	const rows, cols = 6, 8
	var p op.Pass
	table := op.Table{Rows: rows, Cols: cols}
	at := []int32{0, 1, 2, 3, 4, 5}
	made := []op.Tensor{p.Embedding(op.Embedding{Word: table, TokenType: vector(cols), Position: table, IDs: at, Positions: at})}
	pick := func() op.Tensor { return made[r.IntN(len(made))] }
	linear := op.Linear{Out: cols, In: cols}
	for range 1 + r.IntN(60) {
		x := pick()
		var y op.Tensor
		switch r.IntN(9) {
		case 0:
			y = p.Linear(x, linear)
		case 1:
			y = p.LinearResidual(x, linear, pick())
		case 2:
			y = p.GELU(p.Linear(x, linear))
		case 3:
			y = p.LayerNorm(x, vector(cols), vector(cols), 1e-6)
		case 4:
			y = p.AddRows(x, table, at)
		case 5:
			y = p.Normalise(x)
		case 6:
			y = p.Gather(at, x, pick())
		case 7:
			y = p.Given(op.Given{Values: make([]float32, rows*cols), Cols: cols})
		case 8:
			s := op.Equal(2, rows/2)
			qkv := p.Linear(x, op.Linear{Out: 3 * cols, In: cols})
			y = p.Attention(op.Attention{Q: qkv.Columns(0, cols), K: qkv.Columns(cols, 2*cols), V: qkv.Columns(2*cols, 3*cols),
				Heads: 2, Queries: s, Keys: s})
		}
		made = append(made, y)
	}
	for range r.IntN(3) {
		p.Output(pick(), make([]float32, rows*cols))
	}
	return &p
}

// TestPlanKeepsWhatIsNeeded walks random passes and records which tensor last wrote each value of
// the arena: every operation must find its operands as they were written.
func TestPlanKeepsWhatIsNeeded(t *testing.T) {
	linearRows := func(n int) int { return n + n%5 }
	const scratch = 37
	for seed := range uint64(2000) {
		p := randomPass(rand.New(rand.NewPCG(seed, 0)))
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		pl := newPlan(p, linearRows, func(op.Attention) int { return scratch })
		writer := make([]int, pl.size)
		write := func(id, place, values int) {
			for i := range values {
				writer[place+i] = id
			}
		}
		read := func(i int, x op.Tensor) {
			t.Helper()
			for v := range x.Rows * pl.stride[x.ID] {
				if got := writer[pl.place[x.ID]+v]; got != x.ID {
					t.Fatalf("seed %d, node %d reads tensor %d, but tensor %d stands there", seed, i, x.ID, got)
				}
			}
		}
		for i, s := range pl.steps {
			id := s.Out.ID
			values := linearRows(s.Out.Rows) * s.Out.Cols
			if s.skip { // the linear before has written GELU's result
				write(id, pl.place[id], values)
				continue
			}
			for _, x := range s.Operation.Inputs() {
				read(i, x)
			}
			switch o := s.Operation.(type) {
			case op.Attention:
				write(-1, s.scratch, scratch)
				if from := pl.place[id]; from < s.scratch+scratch && s.scratch < from+values {
					t.Fatalf("seed %d, node %d: an attention's result overlaps its scratch", seed, i)
				}
			case op.LinearLayer: // rows beyond x's are zeroed before they are read
				stride := pl.stride[o.X.ID]
				write(-1, pl.place[o.X.ID]+o.X.Rows*stride, (linearRows(o.X.Rows)-o.X.Rows)*stride)
			}
			for _, x := range s.Operation.Inputs() {
				read(i, x)
			}
			write(id, pl.place[id], values)
			checkInPlace(t, seed, i, pl, s)
		}
		for _, o := range p.Outputs {
			read(len(pl.steps), o.Tensor)
		}
	}
}

// checkInPlace fails if a result overlaps an operand in any other way than standing exactly in its
// place, and a product's must not overlap its x at all.
func checkInPlace(t *testing.T, seed uint64, i int, pl *plan, s step) {
	t.Helper()
	from, to := pl.place[s.Out.ID], pl.place[s.Out.ID]+s.Out.Rows*s.Out.Cols
	for k, x := range s.Operation.Inputs() {
		at, end := pl.place[x.ID], pl.place[x.ID]+x.Rows*pl.stride[x.ID]
		if to <= at || end <= from {
			continue
		}
		_, product := s.Operation.(op.LinearLayer)
		_, gather := s.Operation.(op.Gather)
		_, attention := s.Operation.(op.Attention)
		exactly := at == from && pl.stride[x.ID] == s.Out.Cols
		if !exactly || gather || attention || product && (k == 0 || !s.accumulate) {
			t.Fatalf("seed %d, node %d, %T: its result stands in operand %d's memory", seed, i, s.Operation, k)
		}
	}
}

func TestPlanIsSmall(t *testing.T) {
	// Twenty layers in a row need the memory of two tensors, not of twenty.
	var p op.Pass
	const rows, cols = 16, 16
	table := op.Table{Rows: rows, Cols: cols}
	at := make([]int32, rows)
	x := p.Embedding(op.Embedding{Word: table, TokenType: vector(cols), Position: table, IDs: at, Positions: at})
	for range 20 {
		x = p.LayerNorm(p.GELU(p.Linear(x, op.Linear{Out: cols, In: cols})), vector(cols), vector(cols), 1e-6)
	}
	p.Output(x, make([]float32, rows*cols))
	pl := newPlan(&p, func(n int) int { return n }, func(op.Attention) int { return 0 })
	if pl.size != 2*rows*cols {
		t.Errorf("an arena of %d values, want %d", pl.size, 2*rows*cols)
	}
}
