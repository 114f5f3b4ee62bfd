//go:build cuda

package kernels

import (
	"errors"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

func TestLoadFindsEveryKernel(t *testing.T) {
	d := open(t, nil).device
	set, err := Load(d)
	must(t, err)
	must(t, set.Close())
}

// Every call refuses what does not fit and launches nothing for no rows.
func TestShapes(t *testing.T) {
	b := open(t, nil) // without kernels: whatever is launched fails
	m := func(rows, cols int) Matrix { return Matrix{At: 1 << 20, Rows: rows, Cols: cols, Stride: cols} }
	var n Norm
	calls := map[string]func(rows, to int) error{
		"GELU":      func(rows, to int) error { return b.set.GELU(b.stream, cuda.BFloat16, m(rows, 8), m(rows, to)) },
		"LayerNorm": func(rows, to int) error { return b.set.LayerNorm(b.stream, cuda.BFloat16, m(rows, 8), n, m(rows, to)) },
		"LayerNormNormalise": func(rows, to int) error {
			return b.set.LayerNormNormalise(b.stream, cuda.BFloat16, m(rows, 8), n, m(rows, to))
		},
		"SwiGLU": func(rows, to int) error { return b.set.SwiGLU(b.stream, cuda.BFloat16, m(rows, 16), m(rows, to)) },
		"SwiGLUNorm": func(rows, to int) error {
			return b.set.SwiGLUNorm(b.stream, cuda.BFloat16, m(rows, 16), n, m(rows, to))
		},
		"Normalise": func(rows, to int) error {
			return b.set.Normalise(b.stream, cuda.BFloat16, m(rows, 8), m(rows, to), true)
		},
		"Assemble": func(rows, to int) error {
			return b.set.Assemble(b.stream, cuda.BFloat16, Assemble{Sources: []Matrix{m(rows, 8)}}, m(rows, to))
		},
		"Patches": func(rows, to int) error {
			return b.set.Patches(b.stream, cuda.BFloat16, Patches{Side: 4, Patch: 2}, m(4*rows, to+4))
		},
	}
	for name, call := range calls {
		if err := call(0, 8); err != nil {
			t.Errorf("%s of no rows: %v", name, err)
		}
		if err := call(3, 8); err == nil || errors.Is(err, op.ErrShape) {
			t.Errorf("%s without its kernel: %v", name, err)
		}
		if err := call(3, 9); !errors.Is(err, op.ErrShape) {
			t.Errorf("%s to rows of 9: %v", name, err)
		}
	}
	if err := b.set.Export(b.stream, cuda.BFloat16, m(0, 8), 0); err != nil {
		t.Error(err)
	}
	bad := m(2, 8)
	bad.Stride = 7
	if err := b.set.Export(b.stream, cuda.BFloat16, bad, 0); !errors.Is(err, op.ErrShape) {
		t.Errorf("export of overlapping rows: %v", err)
	}
	few := Assemble{Sources: []Matrix{m(1, 8)}, TableRows: 1, Table: 1 << 20}
	if err := b.set.Assemble(b.stream, cuda.BFloat16, few, m(3, 8)); !errors.Is(err, op.ErrShape) {
		t.Errorf("assembly of 3 of 2 rows: %v", err)
	}
	wide, tall := m(1, 1<<31), m(1<<30, 4104)
	wide.Stride, tall.Stride = 8, 5000 // tall: more blocks than a grid has
	for what, x := range map[string]Matrix{"a row of 2^31": wide, "2^30 rows in two chunks each": tall} {
		if err := b.set.GELU(b.stream, cuda.Float32, x, x); !errors.Is(err, op.ErrShape) {
			t.Errorf("GELU of %s: %v", what, err)
		}
	}
	for _, patch := range []int{7, 16} { // the kernels count what they cut in 32 bits
		samples := 3 * patch * patch
		y := m(1<<32/samples+1, samples)
		if patch == 16 {
			y.Rows = 1<<32/(patch*patch/8) + 1
		}
		if err := b.set.Patches(b.stream, cuda.BFloat16, Patches{Side: patch, Patch: patch}, y); !errors.Is(err, op.ErrShape) {
			t.Errorf("%d patches of %d: %v", y.Rows, patch, err)
		}
	}
	many := Assemble{Sources: []Matrix{m(1, 8), m(1, 8), m(1, 8), m(1, 8)}}
	if err := b.set.Assemble(b.stream, cuda.BFloat16, many, m(3, 8)); !errors.Is(err, op.ErrShape) {
		t.Errorf("assembly of 4 sources: %v", err)
	}
}
