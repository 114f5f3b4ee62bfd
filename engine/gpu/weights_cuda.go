//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"

	"vbge/cuda"
	"vbge/engine/arena"
	"vbge/engine/op"
)

// chunkBytes is the pinned memory that parameters are uploaded through: large enough for the bus's
// full rate.
const chunkBytes = 4 << 20

// alignment is where a parameter's parts begin: what cuBLASLt's fastest algorithms ask for.
const alignment = 256

// NewLinear implements op.Backend: weight and bias are converted to the backend's type.
func (b *Backend) NewLinear(out, in int, weight, bias []float32) (op.Linear, error) {
	if len(weight) != out*in || bias != nil && len(bias) != out {
		return op.Linear{}, fmt.Errorf("linear [%d, %d] of %d weights and %d biases: %w", out, in, len(weight), len(bias), op.ErrShape)
	}
	kind := b.options.Type
	l := linear{out: out, in: in, stride: arena.RoundUp(in, rowValues), kind: kind}
	biasAt := arena.RoundUp(out*l.stride*kind.Bytes(), alignment)
	err := b.load(biasAt+len(bias)*kind.Bytes(), func(m *machine, at cuda.Pointer) error {
		l.weight = uint64(at)
		if bias != nil {
			l.bias = l.weight + uint64(biasAt)
			if err := m.upload(at+cuda.Pointer(biasAt), kind, bias, len(bias), len(bias)); err != nil {
				return err
			}
		}
		return m.upload(at, kind, weight, in, l.stride)
	})
	if err != nil {
		return op.Linear{}, fmt.Errorf("linear [%d, %d]: %w", out, in, err)
	}
	return op.Linear{Out: out, In: in, Handle: l}, nil
}

// NewTable implements op.Backend.
func (b *Backend) NewTable(rows, cols int, values []float32) (op.Table, error) {
	if len(values) != rows*cols {
		return op.Table{}, fmt.Errorf("table [%d, %d] of %d values: %w", rows, cols, len(values), op.ErrShape)
	}
	t := table{rows: rows, cols: cols}
	err := b.load(4*len(values), func(m *machine, at cuda.Pointer) error {
		t.at = uint64(at)
		return m.upload(at, cuda.Float32, values, cols, cols)
	})
	if err != nil {
		return op.Table{}, fmt.Errorf("table [%d, %d]: %w", rows, cols, err)
	}
	return op.Table{Rows: rows, Cols: cols, Handle: t}, nil
}

// load takes device memory for a parameter and lets fill fill it, on the worker's thread.
func (b *Backend) load(bytes int, fill func(m *machine, at cuda.Pointer) error) error {
	return b.worker.do(context.Background(), func() error {
		if err := b.failure.get(); err != nil {
			return err
		}
		memory, err := b.machine.allocate(int64(max(bytes, 1)))
		if errors.Is(err, cuda.ErrOutOfMemory) {
			return fmt.Errorf("%w: the weights do not fit beside what else is on the device (%s loaded so far): %s: %w",
				ErrMemory, mebibytes(b.machine.weights), halfAdvice(b.options.Type), err)
		}
		if err == nil {
			b.machine.weights += memory.Bytes
			b.machine.parameters = append(b.machine.parameters, memory)
			err = fill(b.machine, memory.Pointer)
		}
		if err != nil {
			b.failure.set(err)
			return b.failure.get()
		}
		return nil
	})
}

// upload converts values, rows of cols, and copies them to rows of stride values on the device, a
// chunk at a time. What lies between cols and stride becomes 0: products of whole vectors read it.
func (m *machine) upload(to cuda.Pointer, kind cuda.Type, values []float32, cols, stride int) error {
	if len(values) == 0 {
		return nil
	}
	row := stride * kind.Bytes()
	atOnce := len(m.chunk.Bytes) / row
	if atOnce == 0 { // rows longer than a chunk are vectors or dense tables: cut anywhere
		atOnce, cols, stride, row = len(m.chunk.Bytes)/kind.Bytes(), 1, 1, kind.Bytes()
	}
	for first := 0; first*cols < len(values); first += atOnce {
		rows := min(atOnce, len(values)/cols-first)
		chunk := m.chunk.Bytes[:rows*row]
		if cols == stride {
			cuda.Convert(kind, chunk, values[first*cols:][:rows*cols])
		} else {
			clear(chunk)
			for r := range rows {
				cuda.Convert(kind, chunk[r*row:], values[(first+r)*cols:][:cols])
			}
		}
		if err := m.copyIn.CopyIn(to+cuda.Pointer(first*row), chunk); err != nil {
			return fmt.Errorf("upload parameters: %w", err)
		}
		if err := m.wait(m.copyIn, m.uploaded); err != nil {
			return fmt.Errorf("upload parameters: %w", err)
		}
	}
	return nil
}
