package op

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func vector(cols int) Table { return Table{Rows: 1, Cols: cols} }

// tensor records an input of the given shape.
func tensor(p *Pass, rows, cols int) Tensor {
	t := Table{Rows: max(rows, 1), Cols: cols}
	return p.Embedding(Embedding{Word: t, TokenType: vector(cols), Position: t, IDs: make([]int32, rows), Positions: make([]int32, rows)})
}

func TestShapes(t *testing.T) {
	f := func(rows, cols int, record func(*Pass) Tensor) {
		t.Helper()
		var p Pass
		y := record(&p)
		if err := p.Err(); err != nil {
			t.Error(err)
		}
		if y.Rows != rows || y.Cols != cols {
			t.Errorf("a result [%d, %d], want [%d, %d]", y.Rows, y.Cols, rows, cols)
		}
	}
	f(2*9, 3*16, func(p *Pass) Tensor {
		return p.Patches(Patches{Pixels: make([]uint8, 2*12*12*3), Side: 12, Patch: 4})
	})
	f(2, 4, func(p *Pass) Tensor { return p.Given(Given{Values: make([]float32, 8), Cols: 4}) })
	f(0, 4, func(p *Pass) Tensor { return p.Given(Given{Cols: 4}) })
	f(5, 7, func(p *Pass) Tensor { return p.Linear(tensor(p, 5, 3), Linear{Out: 7, In: 3}) })
	f(5, 4, func(p *Pass) Tensor { return p.SwiGLU(tensor(p, 5, 8)) })
	f(7, 3, func(p *Pass) Tensor { return p.Prepend(tensor(p, 5, 3), vector(3), Sequences{0, 2, 5}) })
	f(3, 4, func(p *Pass) Tensor { return p.Gather([]int32{4, 0, 4}, tensor(p, 2, 4), tensor(p, 3, 4)) })
	f(2, 8, func(p *Pass) Tensor {
		kv := tensor(p, 5, 16)
		return p.Attention(Attention{Q: tensor(p, 2, 8), K: kv.Columns(0, 8), V: kv.Columns(8, 16), Heads: 2,
			Queries: Equal(2, 1), Keys: Sequences{0, 1, 5}})
	})
}

func TestFaults(t *testing.T) {
	f := func(want string, record func(*Pass)) {
		t.Helper()
		var p Pass
		record(&p)
		if err := p.Err(); !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	self := func(p *Pass, a Attention) {
		x := tensor(p, 4, 8)
		a.Q, a.K, a.V = x, x, x
		p.Attention(a)
	}
	f("patches of 5", func(p *Pass) { p.Patches(Patches{Pixels: make([]uint8, 12*12*3), Side: 12, Patch: 5}) })
	f("431 bytes", func(p *Pass) { p.Patches(Patches{Pixels: make([]uint8, 431), Side: 12, Patch: 4}) })
	f("9 given values in rows of 4", func(p *Pass) { p.Given(Given{Values: make([]float32, 9), Cols: 4}) })
	f("in rows of 0", func(p *Pass) { p.Given(Given{}) })
	f("linear [7, 4] of rows of 3", func(p *Pass) { p.Linear(tensor(p, 5, 3), Linear{Out: 7, In: 4}) })
	f("residual [4, 7]", func(p *Pass) { p.LinearResidual(tensor(p, 5, 3), Linear{Out: 7, In: 3}, tensor(p, 4, 7)) })
	f("layer norm gain", func(p *Pass) { p.LayerNorm(tensor(p, 5, 3), vector(4), vector(3), 1e-6) })
	f("layer norm bias", func(p *Pass) { p.LayerNorm(tensor(p, 5, 3), vector(3), vector(2), 1e-6) })
	f("SwiGLU of rows of 3", func(p *Pass) { p.SwiGLU(tensor(p, 5, 3)) })
	f("3 heads", func(p *Pass) { self(p, Attention{Heads: 3, Queries: Equal(1, 4), Keys: Equal(1, 4)}) })
	f("cumulative lengths [0 3]", func(p *Pass) { self(p, Attention{Heads: 2, Queries: Equal(1, 3), Keys: Equal(1, 4)}) })
	f("cumulative lengths [0 3 2 4]", func(p *Pass) {
		self(p, Attention{Heads: 2, Queries: Sequences{0, 3, 2, 4}, Keys: Sequences{0, 1, 2, 4}})
	})
	f("1 to 2 sequences", func(p *Pass) { self(p, Attention{Heads: 2, Queries: Equal(1, 4), Keys: Equal(2, 2)}) })
	f("no keys", func(p *Pass) { self(p, Attention{Heads: 2, Queries: Equal(2, 2), Keys: Sequences{0, 0, 4}}) })
	f("rotation [3, 4]", func(p *Pass) {
		turn := Table{Rows: 3, Cols: 4}
		self(p, Attention{Heads: 2, Queries: Equal(1, 4), Keys: Equal(1, 4), Rotation: &Rotary{Cos: turn, Sin: turn}})
	})
	f("token id 5 of 5", func(p *Pass) {
		p.Embedding(Embedding{Word: Table{Rows: 5, Cols: 2}, TokenType: vector(2), Position: Table{Rows: 9, Cols: 2}, IDs: []int32{5}, Positions: []int32{8}})
	})
	f("position -1", func(p *Pass) {
		p.Embedding(Embedding{Word: Table{Rows: 5, Cols: 2}, TokenType: vector(2), Position: Table{Rows: 9, Cols: 2}, IDs: []int32{0}, Positions: []int32{-1}})
	})
	f("row 5 of 5", func(p *Pass) { p.Gather([]int32{5}, tensor(p, 2, 4), tensor(p, 3, 4)) })
	f("gather from nothing", func(p *Pass) { p.Gather(nil) })
	f("tensor 9", func(p *Pass) { p.GELU(Tensor{ID: 9, Rows: 1, Cols: 1}) })
	f("columns 4 to 12 of tensor 1 [2, 8]", func(p *Pass) { p.GELU(tensor(p, 2, 8).Columns(4, 12)) })
	f("columns -1 to 3 of tensor 1 [2, 8]", func(p *Pass) { p.Normalise(tensor(p, 2, 8).Columns(-1, 3)) })
	f("columns 5 to 3 of tensor 1 [2, 8]", func(p *Pass) { p.Normalise(tensor(p, 2, 8).Columns(5, 3)) })
	f("3 rows, columns 0 to 2 of tensor 1 [2, 8]", func(p *Pass) {
		var other Pass
		tensor(p, 2, 8)
		p.GELU(tensor(&other, 3, 2))
	})
	f("Output of tensor 1, which this pass has not made", func(p *Pass) {
		var other Pass
		p.Output(tensor(&other, 2, 2), make([]float32, 4))
	})
	f("columns 1 to 3 of tensor 1 [2, 2]", func(p *Pass) { p.Output(tensor(p, 2, 2).Columns(1, 3), make([]float32, 4)) })
	f("heads of 3", func(p *Pass) { // channels turn in pairs
		turn, x := Table{Rows: 4, Cols: 3}, tensor(p, 4, 6)
		p.Attention(Attention{Q: x, K: x, V: x, Heads: 2, Queries: Equal(1, 4), Keys: Equal(1, 4), Rotation: &Rotary{Cos: turn, Sin: turn}})
	})
	f("token types [0, 2]", func(p *Pass) {
		t := Table{Rows: 5, Cols: 2}
		p.Embedding(Embedding{Word: t, TokenType: Table{Cols: 2}, Position: t, IDs: []int32{0}, Positions: []int32{0}})
	})
	f("into 3 values", func(p *Pass) { p.Output(tensor(p, 2, 2), make([]float32, 3)) })
}

func TestLastUses(t *testing.T) {
	var p Pass
	x := tensor(&p, 2, 4)           // 1, read by node 1 and 2
	y := p.GELU(x.Columns(0, 2))    // 2, read by nothing
	z := p.Gather([]int32{3}, x, x) // 3, an output
	p.Output(z, make([]float32, 4))
	if got, want := p.LastUses(), []int{0, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("last uses %v, want %v (of tensors %d, %d, %d)", got, want, x.ID, y.ID, z.ID)
	}
}
