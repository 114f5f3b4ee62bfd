// Package ref implements the operations of package op in plain Go, as they are defined: it is the
// specification in code that every other backend is tested against, and it runs small models
// wherever nothing native can be had.
package ref

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"vbge/engine/op"
)

// Backend is the plain Go backend. It computes in float32, with sums and statistics in float64
// where that costs little.
type Backend struct{}

// New returns the plain Go backend.
func New() *Backend { return &Backend{} }

// Name implements op.Backend.
func (*Backend) Name() string { return "ref" }

// Close implements op.Backend.
func (*Backend) Close() error { return nil }

type linear struct{ weight, bias []float32 }

// NewLinear implements op.Backend.
func (*Backend) NewLinear(out, in int, weight, bias []float32) (op.Linear, error) {
	if len(weight) != out*in || bias != nil && len(bias) != out {
		return op.Linear{}, fmt.Errorf("linear [%d, %d] of %d weights and %d biases: %w", out, in, len(weight), len(bias), op.ErrShape)
	}
	return op.Linear{Out: out, In: in, Handle: linear{
		append([]float32(nil), weight...), append([]float32(nil), bias...)}}, nil
}

// NewTable implements op.Backend.
func (*Backend) NewTable(rows, cols int, values []float32) (op.Table, error) {
	if len(values) != rows*cols {
		return op.Table{}, fmt.Errorf("table [%d, %d] of %d values: %w", rows, cols, len(values), op.ErrShape)
	}
	return op.Table{Rows: rows, Cols: cols, Handle: append([]float32(nil), values...)}, nil
}

// Run implements op.Backend. It computes node after node and honours ctx between them.
func (*Backend) Run(ctx context.Context, p *op.Pass) error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("forward pass: %w", err)
	}
	m := memory{values: make([][]float32, len(p.Nodes)+1), cols: make([]int, len(p.Nodes)+1)}
	last := p.LastUses()
	for i, n := range p.Nodes {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("forward pass stopped before node %d of %d: %w", i, len(p.Nodes), err)
		}
		m.values[n.Out.ID] = make([]float32, n.Out.Rows*n.Out.Cols)
		m.cols[n.Out.ID] = n.Out.Cols
		if err := m.compute(n); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		for id := range m.values {
			if last[id] <= i {
				m.values[id] = nil
			}
		}
	}
	for _, o := range p.Outputs {
		for r := range o.Tensor.Rows {
			copy(o.Into[r*o.Tensor.Cols:], m.row(o.Tensor, r))
		}
	}
	return nil
}

// memory holds the tensors of one pass by their ID.
type memory struct {
	values [][]float32
	cols   []int // stored width, of which a tensor may be a range of columns
}

// row returns row r of t, aliasing its storage.
func (m *memory) row(t op.Tensor, r int) []float32 {
	at := r*m.cols[t.ID] + t.First
	return m.values[t.ID][at : at+t.Cols]
}

func (m *memory) compute(n op.Node) error {
	switch o := n.Operation.(type) {
	case op.Patches:
		m.patches(o, n.Out)
	case op.Given:
		copy(m.values[n.Out.ID], o.Values)
	case op.LinearLayer:
		m.linear(o, n.Out)
	case op.GELU:
		m.eachRow(n.Out, o.X, gelu)
	case op.LayerNorm:
		gain, bias := table(o.Gain), table(o.Bias)
		m.eachRow(n.Out, o.X, func(y, x []float32) { layerNorm(y, x, gain, bias, o.Eps) })
	case op.SwiGLU:
		m.eachRow(n.Out, o.X, swiGLU)
	case op.Attention:
		m.attention(o, n.Out)
	case op.Embedding:
		m.embedding(o, n.Out)
	case op.AddRows:
		m.addRows(o, n.Out)
	case op.Prepend:
		m.prepend(o, n.Out)
	case op.Gather:
		m.gather(o, n.Out)
	case op.Normalise:
		m.eachRow(n.Out, o.X, normalise)
	default:
		return fmt.Errorf("ref has no operation %T", o)
	}
	return nil
}

func (m *memory) eachRow(out, in op.Tensor, f func(y, x []float32)) {
	parallel(out.Rows, func(r int) { f(m.row(out, r), m.row(in, r)) })
}

func table(t op.Table) []float32 { return t.Handle.([]float32) }

func tableRow(t op.Table, r int32) []float32 {
	return table(t)[int(r)*t.Cols : (int(r)+1)*t.Cols]
}

// parallel calls f(0) ... f(n-1), in contiguous shares, on all processors, and waits.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				f(i)
			}
		})
	}
	wait.Wait()
}
