package ref

import (
	"context"
	"errors"
	"math"
	"testing"

	"vbge/engine/op"
)

// Values here were worked out by hand or with a pocket calculator from the definitions in package
// op, not by this package.

type fixture struct {
	t *testing.T
	b *Backend
	p op.Pass
}

func (f *fixture) table(rows, cols int, values ...float32) op.Table {
	f.t.Helper()
	t, err := f.b.NewTable(rows, cols, values)
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

func (f *fixture) linear(out, in int, weight, bias []float32) op.Linear {
	f.t.Helper()
	l, err := f.b.NewLinear(out, in, weight, bias)
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

// tensor records an input with these values.
func (f *fixture) tensor(rows, cols int, values ...float32) op.Tensor {
	at, zero := make([]int32, rows), make([]int32, rows)
	for i := range at {
		at[i] = int32(i)
	}
	nothing := f.table(1, cols, make([]float32, cols)...)
	return f.p.Embedding(op.Embedding{Word: f.table(rows, cols, values...), TokenType: nothing, Position: nothing, IDs: at, Positions: zero})
}

func TestOperations(t *testing.T) {
	f := func(name string, want []float32, record func(*fixture) op.Tensor) {
		t.Helper()
		fx := &fixture{t: t, b: New()}
		y := record(fx)
		got := make([]float32, y.Rows*y.Cols)
		fx.p.Output(y, got)
		if err := fx.b.Run(context.Background(), &fx.p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
		}
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-6 {
				t.Errorf("%s: value %d is %v, want %v", name, i, got[i], want[i])
			}
		}
	}
	f("linear", []float32{1*1 + 2*2 + 10, 1*3 + 2*4 + 20, 3*1 + 4*2 + 10, 3*3 + 4*4 + 20}, func(f *fixture) op.Tensor {
		return f.p.Linear(f.tensor(2, 2, 1, 2, 3, 4), f.linear(2, 2, []float32{1, 2, 3, 4}, []float32{10, 20}))
	})
	f("linear of six columns, residual", []float32{91 + 0.5}, func(f *fixture) op.Tensor {
		x := f.tensor(1, 6, 1, 2, 3, 4, 5, 6)
		return f.p.LinearResidual(x, f.linear(1, 6, []float32{1, 2, 3, 4, 5, 6}, nil), f.tensor(1, 1, 0.5))
	})
	// Phi(1) = 0.841344746, Phi(-2) = 0.022750132.
	f("gelu", []float32{0, 0.841344746, -0.045500264, 3 * 0.998650102}, func(f *fixture) op.Tensor {
		return f.p.GELU(f.tensor(1, 4, 0, 1, -2, 3))
	})
	// Of 1, 2, 3, 6: mean 3, biased variance 3.5; eps 0.5 makes the divisor 2.
	f("layer norm", []float32{-1*1 + 1, -0.5*2 + 1, 0*3 + 1, 1.5*4 + 1}, func(f *fixture) op.Tensor {
		return f.p.LayerNorm(f.tensor(1, 4, 1, 2, 3, 6), f.table(1, 4, 1, 2, 3, 4), f.table(1, 4, 1, 1, 1, 1), 0.5)
	})
	// silu(1) = 0.731058579, silu(-1) = -0.268941421.
	f("swiglu", []float32{2 * 0.731058579, -3 * 0.268941421}, func(f *fixture) op.Tensor {
		return f.p.SwiGLU(f.tensor(1, 4, 1, -1, 2, 3))
	})
	f("normalise", []float32{0.6, -0.8, 0, 0}, func(f *fixture) op.Tensor { return f.p.Normalise(f.tensor(2, 2, 3, -4, 0, 0)) })
	f("given", []float32{1, 2, 3, 4, 5, 6}, func(f *fixture) op.Tensor {
		return f.p.Given(op.Given{Values: []float32{1, 2, 3, 4, 5, 6}, Cols: 3})
	})
	f("prepend", []float32{9, 9, 1, 2, 9, 9, 3, 4, 5, 6}, func(f *fixture) op.Tensor {
		return f.p.Prepend(f.tensor(3, 2, 1, 2, 3, 4, 5, 6), f.table(1, 2, 9, 9), op.Sequences{0, 1, 3})
	})
	f("gather", []float32{5, 1, 6}, func(f *fixture) op.Tensor {
		return f.p.Gather([]int32{1, 0, 2}, f.tensor(1, 1, 1), f.tensor(2, 1, 5, 6))
	})
	f("add rows", []float32{11, 22, 3 + 10, 4 + 20}, func(f *fixture) op.Tensor {
		return f.p.AddRows(f.tensor(2, 2, 1, 2, 3, 4), f.table(2, 2, 7, 7, 10, 20), []int32{1, 1})
	})
	f("embedding", []float32{3 + 100 + 20, 4 + 200 + 30}, func(f *fixture) op.Tensor {
		return f.p.Embedding(op.Embedding{Word: f.table(2, 2, 1, 2, 3, 4), TokenType: f.table(1, 2, 100, 200),
			Position: f.table(3, 2, 0, 0, 20, 30, 0, 0), IDs: []int32{1}, Positions: []int32{1}})
	})
	// One picture of 2 x 2 pixels in patches of 1; each channel has its own levels.
	f("patches", []float32{1, 20, -3, 4, 50, -6, 7, 80, -9, 10, 110, -12}, func(f *fixture) op.Tensor {
		var levels [3][256]float32
		for v := range 256 {
			levels[0][v], levels[1][v], levels[2][v] = float32(v), 10*float32(v), -float32(v)
		}
		return f.p.Patches(op.Patches{Pixels: []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Side: 2, Patch: 1, Levels: &levels})
	})
	// A patch is flattened by channel, row, column.
	f("patch order", []float32{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}, func(f *fixture) op.Tensor {
		var levels [3][256]float32
		for v := range 256 {
			levels[0][v], levels[1][v], levels[2][v] = float32(v), float32(v), float32(v)
		}
		return f.p.Patches(op.Patches{Pixels: []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Side: 2, Patch: 2, Levels: &levels})
	})
}

func TestAttention(t *testing.T) {
	f := &fixture{t: t, b: New()}
	// Two heads of one channel, sequences of two and of one token. In the first head the scores of
	// token 0 are ln 3 and 0, so it takes three quarters of its own value; in the second all are 0.
	ln3 := float32(math.Log(3))
	q := f.tensor(3, 2, 1, 0, 0, 0, 5, 5)
	k := f.tensor(3, 2, ln3, 1, 0, 2, 7, 7)
	v := f.tensor(3, 2, 4, 10, 8, 20, 9, 90)
	y := f.p.Attention(op.Attention{Q: q, K: k, V: v, Heads: 2, Queries: op.Sequences{0, 2, 3}, Keys: op.Sequences{0, 2, 3}})
	got := make([]float32, 6)
	f.p.Output(y, got)
	if err := f.b.Run(context.Background(), &f.p); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0.75*4 + 0.25*8, 15, 6, 15, 9, 90} {
		if math.Abs(float64(got[i]-want)) > 1e-5 {
			t.Errorf("value %d is %v, want %v", i, got[i], want)
		}
	}
}

func TestRotate(t *testing.T) {
	// A quarter turn takes (a, b) to (-b, a).
	y := rotate([]float32{1, 2, 3, 4}, []float32{0, 0, 1, 1}, []float32{1, 1, 0, 0})
	for i, want := range []float32{-2, 1, 3, 4} {
		if y[i] != want {
			t.Errorf("channel %d is %v, want %v", i, y[i], want)
		}
	}
}

func TestRefuses(t *testing.T) {
	b := New()
	if _, err := b.NewLinear(2, 2, make([]float32, 3), nil); !errors.Is(err, op.ErrShape) {
		t.Errorf("a weight of another size: %v", err)
	}
	if _, err := b.NewTable(2, 2, make([]float32, 3)); !errors.Is(err, op.ErrShape) {
		t.Errorf("a table of another size: %v", err)
	}
	f := &fixture{t: t, b: b}
	f.tensor(1, 1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Run(ctx, &f.p); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	unknown := op.Pass{Nodes: []op.Node{{Operation: unknownOperation{}, Out: op.Tensor{ID: 1}}}}
	if err := b.Run(context.Background(), &unknown); err == nil {
		t.Error("an operation that ref does not know is run")
	}
	f.p.SwiGLU(f.tensor(1, 3, 1, 2, 3))
	if err := b.Run(context.Background(), &f.p); !errors.Is(err, op.ErrShape) {
		t.Errorf("a faulty pass: %v", err)
	}
}

type unknownOperation struct{}

func (unknownOperation) Inputs() []op.Tensor { return nil }
