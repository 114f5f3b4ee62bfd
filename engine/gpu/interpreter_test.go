package gpu

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/ref"
)

// interpreter is an op.Backend that executes plans on Go memory, each step by ref: it holds planning
// against ref without kernels or a device. All memory is NaN until it is written.
type interpreter struct {
	*Meter
	t       *testing.T
	weights map[uint64][]float32 // by address
	ref     *ref.Backend
	plan    *Plan
	spaces  map[Space][]byte
}

func newInterpreter(t *testing.T, kind cuda.Type) *interpreter {
	return &interpreter{Meter: NewMeter(kind), t: t, weights: map[uint64][]float32{}, ref: ref.New()}
}

func (m *interpreter) NewLinear(out, in int, weight, bias []float32) (op.Linear, error) {
	l, err := m.Meter.NewLinear(out, in, weight, bias)
	if err == nil {
		h := l.Handle.(linear)
		m.weights[h.weight] = append([]float32(nil), weight...)
		if h.bias != 0 {
			m.weights[h.bias] = append([]float32(nil), bias...)
		}
	}
	return l, err
}

func (m *interpreter) NewTable(rows, cols int, values []float32) (op.Table, error) {
	t, err := m.Meter.NewTable(rows, cols, values)
	if err == nil {
		m.weights[t.Handle.(table).at] = append([]float32(nil), values...)
	}
	return t, err
}

func (m *interpreter) Run(_ context.Context, p *op.Pass) error {
	var err error
	if m.plan, err = NewPlan(p, m.Type); err != nil {
		return err
	}
	m.spaces = map[Space][]byte{Handoff: poison(m.plan.Handoff), Results: poison(m.plan.Results)}
	m.spaces[Given] = received(m.plan.Given)
	for _, s := range m.plan.Segments {
		m.spaces[Arena] = poison(m.plan.Arena) // nothing in it outlives a segment
		m.spaces[Staging] = received(s.Input)
		for i, step := range s.Steps {
			m.checkPlaces(step)
			if err := m.execute(step); err != nil {
				return fmt.Errorf("region %d, step %d, %s: %w", s.Region, i, step.Kind(), err)
			}
		}
	}
	for _, o := range m.plan.Outputs {
		cuda.Widen(cuda.Float32, p.Outputs[o.Index].Into, m.spaces[Results][o.Place.Offset:][:4*o.Rows*o.Cols])
	}
	return nil
}

// received is what of a block arrives on a device.
func received(in Input) []byte {
	block := poison(in.Bytes)
	sent := in.Fill(block)
	return append(block[:sent:sent], poison(in.Bytes-sent)...)
}

func poison(n int64) []byte { return bytes.Repeat([]byte{0xff}, int(n)) }

// checkPlaces fails if a result overlaps an operand other than by standing exactly in its place, where
// the launcher says that it may, or if a product's or an attention's operand is not aligned.
func (m *interpreter) checkPlaces(s Step) {
	m.t.Helper()
	reads, y := s.Operands()
	from, to := reach(y)
	for k, x := range reads {
		at, end := reach(x)
		if x.Space == y.Space && at < to && from < end {
			inPlace := false
			switch s.(type) {
			case GELU, LayerNorm:
				inPlace = true
			case Product:
				inPlace = k == 1
			}
			if !inPlace || x != y {
				m.t.Fatalf("%s writes %+v over its operand %d, %+v", s.Kind(), y, k, x)
			}
		}
		switch s.(type) {
		case Product, Attention:
			if x.Offset%vectorBytes != 0 || x.Stride*x.Type.Bytes()%vectorBytes != 0 {
				m.t.Fatalf("%s of operand %d, %+v, which is not aligned", s.Kind(), k, x)
			}
		}
	}
}

// reach returns the bytes that o reaches over.
func reach(o Operand) (from, to int64) {
	rows := o.Rows
	if rows == anyRows {
		rows = 1
	}
	return o.Offset, o.Offset + int64(((rows-1)*o.Stride+o.Cols)*o.Type.Bytes())
}

func (m *interpreter) row(o Operand, r int) []byte {
	return m.spaces[o.Space][o.Offset+int64(r*o.Stride*o.Type.Bytes()):][:o.Cols*o.Type.Bytes()]
}

func (m *interpreter) read(o Operand) []float32 {
	values := make([]float32, o.Rows*o.Cols)
	for r := range o.Rows {
		cuda.Widen(o.Type, values[r*o.Cols:], m.row(o, r))
	}
	return values
}

func (m *interpreter) write(o Operand, values []float32) {
	for r := range o.Rows {
		cuda.Convert(o.Type, m.row(o, r), values[r*o.Cols:(r+1)*o.Cols])
	}
}

func (m *interpreter) ints(p Place, n int) []int32 {
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(binary.LittleEndian.Uint32(m.spaces[p.Space][p.Offset+int64(4*i):]))
	}
	return values
}

func (m *interpreter) parameters(p Place) []float32 { return m.weights[uint64(p.Offset)] }

// tensor records a matrix in a pass for ref.
func (m *interpreter) tensor(p *op.Pass, rows, cols int, values []float32) op.Tensor {
	at := make([]int32, rows)
	for i := range at {
		at[i] = int32(i)
	}
	return p.Embedding(op.Embedding{Word: m.table(rows, cols, values), TokenType: m.table(1, cols, make([]float32, cols)),
		Position: m.table(1, cols, make([]float32, cols)), IDs: at, Positions: make([]int32, rows)})
}

func (m *interpreter) table(rows, cols int, values []float32) op.Table {
	t, err := m.ref.NewTable(rows, cols, values)
	if err != nil {
		m.t.Fatal(err)
	}
	return t
}

func (m *interpreter) vector(p Place) op.Table {
	v := m.parameters(p)
	return m.table(1, len(v), v)
}

// one computes a single operation with ref, whose inputs stand in operands.
func (m *interpreter) one(f func(p *op.Pass, x []op.Tensor) op.Tensor, operands ...Operand) ([]float32, error) {
	var p op.Pass
	var x []op.Tensor
	for _, o := range operands {
		x = append(x, m.tensor(&p, o.Rows, o.Cols, m.read(o)))
	}
	y := f(&p, x)
	values := make([]float32, y.Rows*y.Cols)
	p.Output(y, values)
	return values, m.ref.Run(context.Background(), &p)
}

func (m *interpreter) norm(p *op.Pass, x op.Tensor, n Norm) op.Tensor {
	return p.LayerNorm(x, m.vector(n.Gain), m.vector(n.Bias), n.Eps)
}

func (m *interpreter) execute(s Step) error {
	reads, y := s.Operands()
	var f func(p *op.Pass, x []op.Tensor) op.Tensor
	switch s := s.(type) {
	case Assemble:
		return m.assemble(s)
	case Attention:
		return m.attention(s)
	case Patches:
		f = func(p *op.Pass, _ []op.Tensor) op.Tensor {
			var levels [3][256]float32
			for c := range levels {
				cuda.Widen(cuda.Float32, levels[c][:], m.spaces[Staging][s.Levels.Offset+int64(1024*c):])
			}
			grid, picture := s.Side/s.Patch, 3*s.Side*s.Side
			return p.Patches(op.Patches{Pixels: m.spaces[Staging][s.Pixels.Offset:][:y.Rows/(grid*grid)*picture],
				Side: s.Side, Patch: s.Patch, Levels: &levels})
		}
	case Product:
		w, err := m.ref.NewLinear(s.Weight.out, s.Weight.in, m.weights[s.Weight.weight], m.weights[s.Weight.bias])
		if err != nil {
			return err
		}
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return p.LinearResidual(x[0], w, append(x, op.Tensor{})[1]) }
	case GELU:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return p.GELU(x[0]) }
	case LayerNorm:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return m.norm(p, x[0], s.Norm) }
	case LayerNormNormalise:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return p.Normalise(m.norm(p, x[0], s.Norm)) }
	case SwiGLU:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return p.SwiGLU(x[0]) }
	case SwiGLUNorm:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return m.norm(p, p.SwiGLU(x[0]), s.Norm) }
	case Normalise:
		f = func(p *op.Pass, x []op.Tensor) op.Tensor { return p.Normalise(x[0]) }
	case Export:
		f = func(_ *op.Pass, x []op.Tensor) op.Tensor { return x[0] }
	default:
		return fmt.Errorf("no such step")
	}
	values, err := m.one(f, reads...)
	if err != nil {
		return err
	}
	if len(values) != y.Rows*y.Cols {
		return fmt.Errorf("%d values for %+v", len(values), y)
	}
	m.write(y, values)
	return nil
}

func (m *interpreter) assemble(s Assemble) error {
	at := make([]int32, s.Y.Rows)
	for i := range at {
		at[i] = int32(i)
	}
	if s.At.Space != None {
		at = m.ints(s.At, s.Y.Rows)
	}
	for i, from := range at {
		if from < 0 {
			continue
		}
		row := make([]float32, s.Y.Cols)
		if r := int(from); r < s.TableRows {
			copy(row, m.parameters(s.Table)[r*s.Y.Cols:])
		} else {
			r -= s.TableRows
			k := 0
			for r >= s.Sources[k].Rows {
				r -= s.Sources[k].Rows
				k++
			}
			cuda.Widen(s.Sources[k].Type, row, m.row(s.Sources[k], r))
		}
		for _, l := range s.Add {
			if l.Table.Space == None {
				continue
			}
			r := int32(0)
			if l.At.Space != None {
				r = m.ints(l.At, s.Y.Rows)[i]
			}
			for c := range row {
				if r >= 0 {
					row[c] += m.parameters(l.Table)[int(r)*len(row)+c]
				}
			}
		}
		if s.Norm != nil {
			var p op.Pass
			p.Output(m.norm(&p, m.tensor(&p, 1, len(row), append([]float32(nil), row...)), *s.Norm), row)
			if err := m.ref.Run(context.Background(), &p); err != nil {
				return err
			}
		}
		cuda.Convert(s.Y.Type, m.row(s.Y, i), row)
	}
	return nil
}

// attention computes the queries that are on the list of tiles.
func (m *interpreter) attention(s Attention) error {
	queries, keys := m.ints(s.Queries, s.Sequences+1), m.ints(s.Keys, s.Sequences+1)
	tiles := m.ints(s.Tiles, 1+2*s.MaxTiles)
	if int(tiles[0]) > s.MaxTiles {
		return fmt.Errorf("%d tiles in room for %d", tiles[0], s.MaxTiles)
	}
	cut := func(o Operand, rows int32) Operand { o.Rows = int(rows); return o }
	n := int32(s.Sequences)
	values, err := m.one(func(p *op.Pass, x []op.Tensor) op.Tensor {
		o := op.Attention{Q: x[0], K: x[1], V: x[2], Heads: s.Heads, Queries: queries, Keys: keys}
		if s.Cos.Space != None {
			cos, sin := m.parameters(s.Cos), m.parameters(s.Sin)
			rows := len(cos) / s.Width
			o.Rotation = &op.Rotary{Cos: m.table(rows, s.Width, cos), Sin: m.table(rows, s.Width, sin)}
		}
		return p.Attention(o)
	}, cut(s.Q, queries[n]), cut(s.K, keys[n]), cut(s.V, keys[n]))
	if err != nil {
		return err
	}
	const queryTile = 64
	for i := range tiles[0] {
		sequence, first := tiles[1+2*i], tiles[2+2*i]
		from := queries[sequence] + first
		for r := from; r < min(from+queryTile, queries[sequence+1]); r++ {
			cuda.Convert(s.Y.Type, m.row(s.Y, int(r)), values[int(r)*s.Y.Cols:int(r+1)*s.Y.Cols])
		}
	}
	return nil
}
