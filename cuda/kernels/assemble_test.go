//go:build cuda

package kernels

import (
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

// assembleNoise: two sums.
const assembleNoise = 4

// assembly is an Assemble and the same in operations.
type assembly struct {
	*bench
	Assemble
	storage cuda.Type
	layout  layout // of the result
	truth   func(*truth) op.Tensor
}

// indices returns n rows below limit.
func (a *assembly) indices(n, limit int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(a.random.IntN(limit))
	}
	return at
}

func (a *assembly) table(rows int) ([]float32, cuda.Pointer) {
	values := a.normal(rows * a.layout.cols)
	return values, a.floats(values)
}

func (a *assembly) source(rows int) *matrix {
	l := a.layout
	l.rows = rows
	m := a.matrix(a.storage, l, a.normal(rows*l.cols))
	a.Sources = append(a.Sources, m.Matrix)
	return m
}

// assemblies are the ways in which the engine puts matrices together.
var assemblies = map[string]func(*assembly){
	"embedding": func(a *assembly) {
		n, cols := a.layout.rows, a.layout.cols
		word, wordAt := a.table(11)
		tokenType, tokenTypeAt := a.table(2)
		position, positionAt := a.table(5)
		ids, positions := a.indices(n, 11), a.indices(n, 5)
		a.Table, a.TableRows, a.At = wordAt, 11, a.ints(ids)
		a.Add = [2]Lookup{{Table: tokenTypeAt}, {positionAt, a.ints(positions)}}
		a.truth = func(r *truth) op.Tensor {
			return r.Embedding(op.Embedding{Word: r.table(11, cols, word), TokenType: r.table(2, cols, tokenType),
				Position: r.table(5, cols, position), IDs: ids, Positions: positions})
		}
	},
	"add rows": func(a *assembly) {
		n, cols := a.layout.rows, a.layout.cols
		x := a.source(n)
		table, tableAt := a.table(4)
		at := a.indices(n, 4)
		a.Add[1] = Lookup{tableAt, a.ints(at)}
		a.truth = func(r *truth) op.Tensor { return r.AddRows(r.from(x), r.table(4, cols, table), at) }
	},
	"prepend and add rows": func(a *assembly) {
		n, cols := a.layout.rows, a.layout.cols
		x := a.source(max(n-2, 0))
		row, rowAt := a.table(1)
		table, tableAt := a.table(4)
		at := a.indices(n, 4)
		// The row, then half of x, twice; without rows enough for that, the row alone.
		s := op.Sequences{0, int32(x.rows / 2), int32(x.rows)}
		if n == 1 {
			s = op.Sequences{0, 0}
		}
		order := make([]int32, 0, n)
		for i := range s.Len() {
			order = append(order, 0)
			for r := s[i]; r < s[i+1]; r++ {
				order = append(order, 1+r)
			}
		}
		a.Table, a.TableRows, a.At = rowAt, 1, a.ints(order)
		a.Add[0] = Lookup{tableAt, a.ints(at)}
		a.truth = func(r *truth) op.Tensor {
			return r.AddRows(r.Prepend(r.from(x), r.table(1, cols, row), s), r.table(4, cols, table), at)
		}
	},
	"gather": func(a *assembly) {
		x, y, z := a.source(3), a.source(1), a.source(4)
		at := a.indices(a.layout.rows, 8)
		a.At = a.ints(at)
		a.truth = func(r *truth) op.Tensor { return r.Gather(at, r.from(x), r.from(y), r.from(z)) }
	},
	"words among patches": func(a *assembly) {
		n, cols := a.layout.rows, a.layout.cols
		word, wordAt := a.table(6)
		patches := a.source(5)
		tokenType, tokenTypeAt := a.table(1)
		position, positionAt := a.table(9)
		at, types, positions := a.indices(n, 11), make([]int32, n), a.indices(n, 9)
		for i := range at {
			if at[i] >= 6 { // patches have no token type
				types[i] = -1
			}
		}
		a.Table, a.TableRows, a.At = wordAt, 6, a.ints(at)
		a.Add = [2]Lookup{{tokenTypeAt, a.ints(types)}, {positionAt, a.ints(positions)}}
		a.truth = func(r *truth) op.Tensor {
			zero := make([]float32, cols)
			none := make([]int32, n)
			for i := range types {
				none[i] = -types[i] // row 1 adds nothing
			}
			x := r.Gather(at, r.input(6, cols, word), r.from(patches))
			x = r.AddRows(x, r.table(2, cols, append(append([]float32{}, tokenType...), zero...)), none)
			return r.AddRows(x, r.table(9, cols, position), positions)
		}
	},
}

func TestAssemble(t *testing.T) {
	layouts := []layout{
		whole(1, 768), whole(9, 768), whole(17, 64), whole(3, 1024), whole(5, 2048), whole(3, 2056), whole(70, 128),
		{3, 776, 0, 0}, {9, 20, 0, 4}, {5, 37, 2, 1}, {6, 170, 0, 6},
	}
	eachSeed(t, []source{assembleKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(layouts, b.randomLayouts(2, 900)...) {
				for name, describe := range assemblies {
					b.run(name+" "+shape(storage, l), func(b *bench) {
						a := &assembly{bench: b, storage: storage, layout: l}
						describe(a)
						checkAssembly(a)
					})
				}
			}
		}
	})
}

// checkAssembly runs a as it is, and with a norm.
func checkAssembly(a *assembly) {
	a.Helper()
	y := a.matrix(a.storage, a.layout, nil)
	must(a, a.set.Assemble(a.stream, a.storage, a.Assemble, y.Matrix))
	compare(a, a.storage, assembleNoise, a.result(y), reference(a, a.truth))

	cols := a.layout.cols
	gain, gainAt := a.table(1)
	bias, biasAt := a.table(1)
	a.Norm = &Norm{gainAt, biasAt, 1e-12}
	must(a, a.set.Assemble(a.stream, a.storage, a.Assemble, y.Matrix))
	compare(a, a.storage, normNoise, a.result(y), reference(a, func(r *truth) op.Tensor {
		return r.LayerNorm(a.truth(r), r.table(1, cols, gain), r.table(1, cols, bias), 1e-12)
	}))
}

// Rows in place, and rows of -1, which a bucket's batch does not fill.
func TestAssembleLeavesRows(t *testing.T) {
	eachSeed(t, []source{assembleKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range []layout{whole(8, 64), whole(3, 768), whole(4, 2048), {5, 37, 2, 1}} {
				for _, norm := range []*Norm{nil, {b.floats(b.normal(l.cols)), b.floats(b.normal(l.cols)), 1e-6}} {
					b.run(shape(storage, l), func(b *bench) {
						x, y := b.matrix(storage, l, b.normal(l.rows*l.cols)), b.matrix(storage, l, b.normal(l.rows*l.cols))
						at := make([]int32, l.rows)
						for i := range at {
							at[i] = int32(i%2) - 1 // -1, 0, -1, 0, ...
						}
						must(b, b.set.Assemble(b.stream, storage, Assemble{Sources: []Matrix{x.Matrix}, At: b.ints(at), Norm: norm}, y.Matrix))
						got := b.result(y)
						for i, a := range at {
							if a < 0 {
								compare(b, storage, 0, got[i*l.cols:][:l.cols], y.values[i*l.cols:][:l.cols])
							} else if norm == nil {
								compare(b, storage, 0, got[i*l.cols:][:l.cols], x.values[:l.cols])
							}
						}
						row := b.normal(l.cols)
						add := Assemble{Sources: []Matrix{x.Matrix}, Add: [2]Lookup{{Table: b.floats(row)}}}
						must(b, b.set.Assemble(b.stream, storage, add, x.Matrix))
						compare(b, storage, assembleNoise, b.result(x), reference(b, func(r *truth) op.Tensor {
							return r.AddRows(r.from(x), r.table(1, l.cols, row), make([]int32, l.rows))
						}))
					})
				}
			}
		}
	})
}
