//go:build native && cgo

package cpu

// #include "vbge_cpu.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"

	"vbge/engine/op"
)

// Run implements op.Backend.
func (b *Backend) Run(ctx context.Context, p *op.Pass) error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("forward pass: %w", err)
	}
	pl := newPlan(p,
		func(rows int) int { return int(C.vbge_linear_rows(C.int(rows))) },
		func(a op.Attention) int { return b.attentionScratch(a) })
	err := b.thread.do(ctx, func() error { return b.run(p, pl) })
	if err != nil {
		return fmt.Errorf("forward pass on the CPU: %w", err)
	}
	return nil
}

func (b *Backend) run(p *op.Pass, pl *plan) error {
	if err := b.reserve(pl.size); err != nil {
		return err
	}
	r := runner{Backend: b, plan: pl}
	for i, s := range pl.steps {
		if s.skip {
			continue
		}
		if err := r.compute(s); err != nil {
			return fmt.Errorf("node %d, %T: %w", i, s.Operation, err)
		}
	}
	for _, o := range p.Outputs {
		r.fetch(o)
	}
	return nil
}

// reserve makes the arena hold that many values, at least one: tensors without rows point into it
// too. What it held is lost.
func (b *Backend) reserve(values int) error {
	values = max(values, 1)
	if values <= b.values {
		return nil
	}
	C.vbge_cpu_release(b.arena)
	b.arena, b.values = C.vbge_cpu_allocate(C.size_t(4*values)), values
	if b.arena == nil {
		b.values = 0
		return fmt.Errorf("no memory for %d MB of activations: lower --max-batch-tokens", 4*values>>20)
	}
	return nil
}

func (b *Backend) attentionScratch(a op.Attention) int {
	return int(C.vbge_attention_scratch(C.int(b.threads), C.int(a.Keys.Longest()), C.int(a.Q.Cols/a.Heads)))
}

// runner computes the steps of one pass on the backend's thread.
type runner struct {
	*Backend
	*plan
}

// at returns where t's first value is, and the values from one of its rows to the next.
func (r runner) at(t op.Tensor) (*C.float, C.int64_t) {
	return r.value(r.place[t.ID] + t.First), C.int64_t(r.stride[t.ID])
}

func (r runner) value(place int) *C.float {
	return (*C.float)(unsafe.Add(r.arena, 4*place))
}

func (r runner) compute(s step) error {
	y, _ := r.at(s.Out)
	rows, cols := C.int(s.Out.Rows), C.int(s.Out.Cols)
	switch o := s.Operation.(type) {
	case op.LinearLayer:
		return r.linear(s, o)
	case op.Attention:
		return r.attention(s, o, y)
	case op.Patches:
		C.vbge_patches(r.cpu, y, (*C.uint8_t)(unsafe.SliceData(o.Pixels)), C.int(len(o.Pixels)/(3*o.Side*o.Side)),
			C.int(o.Side), C.int(o.Patch), (*C.float)(&o.Levels[0][0]))
	case op.Given:
		copy(unsafe.Slice((*float32)(unsafe.Pointer(y)), len(o.Values)), o.Values)
	case op.GELU:
		x, stride := r.at(o.X)
		C.vbge_gelu(r.cpu, y, x, stride, rows, cols)
	case op.LayerNorm:
		x, stride := r.at(o.X)
		C.vbge_layer_norm(r.cpu, y, x, stride, rows, cols, tableOf(o.Gain), tableOf(o.Bias), C.float(o.Eps))
	case op.SwiGLU:
		x, stride := r.at(o.X)
		C.vbge_swiglu(r.cpu, y, x, stride, rows, cols)
	case op.Embedding:
		C.vbge_embedding(r.cpu, y, rows, cols, tableOf(o.Word), tableOf(o.TokenType), tableOf(o.Position), ints(o.IDs), ints(o.Positions))
	case op.AddRows:
		x, stride := r.at(o.X)
		C.vbge_add_rows(r.cpu, y, x, stride, rows, cols, tableOf(o.Table), ints(o.At))
	case op.Prepend:
		r.prepend(o, s.Out)
	case op.Gather:
		r.gather(o, s.Out)
	case op.Normalise:
		x, stride := r.at(o.X)
		C.vbge_normalise(r.cpu, y, x, stride, rows, cols)
	default:
		return fmt.Errorf("the CPU engine has no such operation")
	}
	return nil
}

func (r runner) linear(s step, o op.LinearLayer) error {
	x, stride := r.at(o.X)
	y, _ := r.at(s.Out)
	flags := C.int(0)
	if s.gelu {
		flags |= C.VBGE_GELU
	}
	if o.Residual.ID != 0 {
		flags |= C.VBGE_ACCUMULATE
		if !s.accumulate {
			residual, stride := r.at(o.Residual)
			C.vbge_copy_rows(r.cpu, y, residual, stride, C.int(s.Out.Rows), C.int(s.Out.Cols))
		}
	}
	return failure(C.vbge_linear_run(r.cpu, o.Weight.Handle.(*C.vbge_linear), x, stride, y, C.int(s.Out.Rows), flags))
}

func (r runner) attention(s step, o op.Attention, y *C.float) error {
	width := o.Q.Cols / o.Heads
	if width > WidestHead {
		return fmt.Errorf("%w: %d channels, %d at most", ErrWideHead, width, WidestHead)
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(unsafe.SliceData(o.Queries))
	pinned.Pin(unsafe.SliceData(o.Keys))
	a := C.vbge_attention_args{
		y: y, queries: ints(o.Queries), keys: ints(o.Keys),
		sequences: C.int(o.Queries.Len()), heads: C.int(o.Heads), width: C.int(width),
		longest_keys: C.int(o.Keys.Longest()), scratch: r.value(s.scratch),
	}
	a.q, a.q_stride = r.at(o.Q)
	a.k, a.k_stride = r.at(o.K)
	a.v, a.v_stride = r.at(o.V)
	if o.Rotation != nil {
		a.cosines, a.sines = tableOf(o.Rotation.Cos), tableOf(o.Rotation.Sin)
	}
	C.vbge_attention(r.cpu, &a)
	return nil
}

func (r runner) prepend(o op.Prepend, out op.Tensor) {
	x, stride := r.at(o.X)
	cols := C.int(out.Cols)
	for i := range o.Sequences.Len() {
		from, to := int(o.Sequences[i]), int(o.Sequences[i+1])
		y := r.value(r.place[out.ID] + (from+i)*out.Cols)
		C.vbge_copy_rows(r.cpu, y, tableOf(o.Row), C.int64_t(out.Cols), 1, cols)
		C.vbge_copy_rows(r.cpu, advance(y, out.Cols), advance(x, from*int(stride)), stride, C.int(to-from), cols)
	}
}

// gather copies runs of rows of one tensor at a time: most rows follow their neighbour's.
func (r runner) gather(o op.Gather, out op.Tensor) {
	for i := 0; i < len(o.At); {
		from, row := source(o.From, int(o.At[i]))
		n := 1
		for i+n < len(o.At) && o.At[i+n] == o.At[i]+int32(n) && row+n < from.Rows {
			n++
		}
		x, stride := r.at(from)
		C.vbge_copy_rows(r.cpu, r.value(r.place[out.ID]+i*out.Cols), advance(x, row*int(stride)), stride, C.int(n), C.int(out.Cols))
		i += n
	}
}

// source returns the tensor and the row of it that row at of all of them together is.
func source(from []op.Tensor, at int) (op.Tensor, int) {
	i := 0
	for at >= from[i].Rows {
		at -= from[i].Rows
		i++
	}
	return from[i], at
}

func advance(x *C.float, values int) *C.float {
	return (*C.float)(unsafe.Add(unsafe.Pointer(x), 4*values))
}

func (r runner) fetch(o op.Output) {
	cols, stride := o.Tensor.Cols, r.stride[o.Tensor.ID]
	first := r.place[o.Tensor.ID] + o.Tensor.First
	for row := range o.Tensor.Rows {
		from := unsafe.Slice((*float32)(unsafe.Pointer(r.value(first+row*stride))), cols)
		copy(o.Into[row*cols:], from)
	}
}
