package gpu

import (
	"context"
	"fmt"

	"vbge/cuda"
	"vbge/engine/arena"
	"vbge/engine/op"
)

// Meter is an op.Backend that computes nothing: it counts what parameters take and plans passes as the
// device's backend does. Memory plans and predictions need no device, and no values of parameters.
type Meter struct {
	Type       cuda.Type
	Parameters int64 // bytes of weights and tables
	Plans      []*Plan
	next       uint64
}

// NewMeter returns a meter of a device that stores activations and weights as t.
func NewMeter(t cuda.Type) *Meter { return &Meter{Type: t, next: placeBytes} }

// Name implements op.Backend.
func (*Meter) Name() string { return "meter" }

// NewLinear implements op.Backend.
func (m *Meter) NewLinear(out, in int, weight, bias []float32) (op.Linear, error) {
	if len(weight) != out*in || bias != nil && len(bias) != out {
		return op.Linear{}, fmt.Errorf("linear [%d, %d] of %d weights and %d biases: %w", out, in, len(weight), len(bias), op.ErrShape)
	}
	l := linear{out: out, in: in, stride: arena.RoundUp(in, rowValues), kind: m.Type}
	l.weight = m.take(l.weightBytes())
	if bias != nil {
		l.bias = m.take(l.biasBytes())
	}
	return op.Linear{Out: out, In: in, Handle: l}, nil
}

// NewTable implements op.Backend.
func (m *Meter) NewTable(rows, cols int, values []float32) (op.Table, error) {
	if len(values) != rows*cols {
		return op.Table{}, fmt.Errorf("table [%d, %d] of %d values: %w", rows, cols, len(values), op.ErrShape)
	}
	t := table{rows: rows, cols: cols}
	t.at = m.take(t.bytes())
	return op.Table{Rows: rows, Cols: cols, Handle: t}, nil
}

// take returns an address that nothing else has.
func (m *Meter) take(bytes int64) uint64 {
	at := m.next
	m.next += uint64(arena.RoundUp(int(max(bytes, 1)), placeBytes))
	m.Parameters += bytes
	return at
}

// Run implements op.Backend: it plans p, appends the plan to Plans and leaves the outputs as they are.
func (m *Meter) Run(ctx context.Context, p *op.Pass) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	plan, err := NewPlan(p, m.Type)
	if err != nil {
		return err
	}
	m.Plans = append(m.Plans, plan)
	return nil
}

// Close implements op.Backend.
func (*Meter) Close() error { return nil }
