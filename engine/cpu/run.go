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
	return b.runTimed(ctx, p, nil)
}

// runTimed runs p and adds what its nodes took to spent, unless that is nil.
func (b *Backend) runTimed(ctx context.Context, p *op.Pass, spent *counters) error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("forward pass: %w", err)
	}
	pl := newPlan(p, machine{threads: b.options.Threads, reduced: b.options.Precision != Float32})
	err := b.thread.do(ctx, func() error { return b.run(p, pl, spent) })
	if err != nil {
		return fmt.Errorf("forward pass on the CPU: %w", err)
	}
	return nil
}

func (b *Backend) run(p *op.Pass, pl *plan, spent *counters) error {
	if err := b.reserve(pl.size); err != nil {
		return err
	}
	r := runner{Backend: b, plan: pl, spent: spent}
	for _, s := range pl.stages {
		if s.rows == 0 {
			continue
		}
		if err := r.compute(s); err != nil {
			return fmt.Errorf("node %d, %T: %w", s.steps[0].node, s.steps[0].Operation, err)
		}
	}
	for _, o := range p.Outputs {
		r.fetch(o)
	}
	return nil
}

// reserve makes the arena hold that many bytes, at least a line: tensors without rows point into it
// too. What it held is lost.
func (b *Backend) reserve(bytes int) error {
	bytes = max(bytes, lineBytes)
	if bytes <= b.size {
		return nil
	}
	C.vbge_cpu_release(b.arena)
	b.arena, b.size = C.vbge_cpu_allocate(C.size_t(bytes)), bytes
	if b.arena == nil {
		b.size = 0
		return fmt.Errorf("no memory for %d MB of activations: lower --max-batch-tokens", bytes>>20)
	}
	return nil
}

// runner computes the stages of one pass on the backend's thread.
type runner struct {
	*Backend
	*plan
	spent *counters
}

// matrix returns where t is, as the native side is told.
func (r runner) matrix(t op.Tensor) C.vbge_matrix {
	p := r.places[t.ID]
	m := C.vbge_matrix{stride: C.int64_t(p.stride)}
	if p.bf16 {
		m._type = C.VBGE_BF16
	}
	m.at = C.int64_t(p.at + p.bytes(t.First))
	if !p.local {
		m.base = (*C.char)(r.arena)
	}
	return m
}

// first returns where m begins, which is not local.
func first(m C.vbge_matrix) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(m.base), m.at) }

// below returns m from one of its rows on.
func below(m C.vbge_matrix, row int) C.vbge_matrix {
	size := 4
	if m._type == C.VBGE_BF16 {
		size = 2
	}
	m.at += C.int64_t(size*row) * m.stride
	return m
}

// tableRows is a table as the native side is told of rows.
func tableRows(t op.Table) C.vbge_matrix {
	return C.vbge_matrix{base: (*C.char)(t.Handle.(unsafe.Pointer)), stride: C.int64_t(t.Cols)}
}

func (r runner) compute(s stage) error {
	one := s.steps[0]
	y := r.matrix(one.out)
	switch o := one.Operation.(type) {
	case op.Attention:
		return r.attention(one, o)
	case op.Patches:
		C.vbge_patches(r.cpu, (*C.float)(first(y)), (*C.uint8_t)(unsafe.SliceData(o.Pixels)), C.int(len(o.Pixels)/(3*o.Side*o.Side)),
			C.int(o.Side), C.int(o.Patch), (*C.float)(&o.Levels[0][0]), r.spent.of(one.node))
	case op.Given:
		copy(unsafe.Slice((*float32)(first(y)), len(o.Values)), o.Values)
	case op.Prepend:
		r.prepend(o, y, r.spent.of(one.node))
	case op.Gather:
		r.gather(o, y, r.spent.of(one.node))
	default:
		return r.chain(s)
	}
	return nil
}

// chain computes row-wise operations. The arrays of Go's that steps point to stay where they are meanwhile.
func (r runner) chain(s stage) error {
	var pinned runtime.Pinner
	defer pinned.Unpin()
	r.steps = r.steps[:0]
	defer func() { clear(r.steps) }() // no pointer of Go's is kept
	for _, one := range s.steps {
		c, err := r.step(one, &pinned)
		if err != nil {
			return err
		}
		r.steps = append(r.steps, c)
	}
	return failure(C.vbge_chain(r.cpu, unsafe.SliceData(r.steps), C.int(len(r.steps)), C.int(s.rows), C.int(s.tile),
		C.int(s.blocks), C.size_t(r.scratch)))
}

func (r runner) step(s step, pinned *runtime.Pinner) (C.vbge_step, error) {
	c := C.vbge_step{cols: C.int32_t(s.out.Cols), y: r.matrix(s.out), spent: r.spent.of(s.node)}
	rows := func(at []int32) *C.int32_t {
		pinned.Pin(unsafe.SliceData(at))
		return ints(at)
	}
	switch o := s.Operation.(type) {
	case op.LinearLayer:
		c.operation = r.linear(s, o, &c)
		c.x, c.linear = r.matrix(o.X), o.Weight.Handle.(*C.vbge_linear)
	case op.LayerNorm:
		c.operation, c.x = C.VBGE_LAYER_NORM, r.matrix(o.X)
		c.gain, c.bias, c.eps = tableOf(o.Gain), tableOf(o.Bias), C.float(o.Eps)
	case op.GELU:
		c.operation, c.x = C.VBGE_GELU, r.matrix(o.X)
	case op.SwiGLU:
		c.operation, c.x = C.VBGE_SWIGLU, r.matrix(o.X)
	case op.Normalise:
		c.operation, c.x = C.VBGE_NORMALISE, r.matrix(o.X)
	case op.AddRows:
		c.operation, c.x = C.VBGE_ADD_ROWS, r.matrix(o.X)
		c.table, c.at = tableOf(o.Table), rows(o.At)
	case op.Embedding:
		c.operation = C.VBGE_EMBEDDING
		c.table, c.token_type, c.positions = tableOf(o.Word), tableOf(o.TokenType), tableOf(o.Position)
		c.at, c.position_at = rows(o.IDs), rows(o.Positions)
	default:
		return c, fmt.Errorf("the CPU engine has no such operation")
	}
	return c, nil
}

// linear says which of a product's forms s is.
func (r runner) linear(s step, o op.LinearLayer, c *C.vbge_step) C.int32_t {
	switch {
	case o.Residual.ID != 0:
		c.residual = r.matrix(o.Residual)
		return C.VBGE_LINEAR_RESIDUAL
	case s.fused.ID == 0:
		return C.VBGE_LINEAR
	case s.fused.Cols == s.out.Cols:
		return C.VBGE_LINEAR_GELU
	}
	return C.VBGE_LINEAR_SWIGLU
}

func (r runner) attention(s step, o op.Attention) error {
	width := o.Q.Cols / o.Heads
	if width > WidestHead {
		return fmt.Errorf("%w: %d channels, %d at most", ErrWideHead, width, WidestHead)
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(unsafe.SliceData(o.Queries))
	pinned.Pin(unsafe.SliceData(o.Keys))
	a := C.vbge_attention_args{
		q: r.matrix(o.Q), k: r.matrix(o.K), v: r.matrix(o.V), y: r.matrix(s.out),
		queries: ints(o.Queries), keys: ints(o.Keys),
		sequences: C.int32_t(o.Queries.Len()), heads: C.int32_t(o.Heads), width: C.int32_t(width),
		longest_keys: C.int32_t(o.Keys.Longest()), spent: r.spent.of(s.node),
	}
	if o.Rotation != nil {
		a.cosines, a.sines = tableOf(o.Rotation.Cos), tableOf(o.Rotation.Sin)
	}
	return failure(C.vbge_attention(r.cpu, &a))
}

func (r runner) prepend(o op.Prepend, y C.vbge_matrix, spent *C.int64_t) {
	x, cols := r.matrix(o.X), C.int(o.X.Cols)
	for i := range o.Sequences.Len() {
		from, to := int(o.Sequences[i]), int(o.Sequences[i+1])
		C.vbge_copy_rows(r.cpu, below(y, from+i), tableRows(o.Row), 1, cols, spent)
		C.vbge_copy_rows(r.cpu, below(y, from+i+1), below(x, from), C.int(to-from), cols, spent)
	}
}

// gather copies runs of rows of one tensor at a time: most rows follow their neighbour's.
func (r runner) gather(o op.Gather, y C.vbge_matrix, spent *C.int64_t) {
	for i := 0; i < len(o.At); {
		from, row := source(o.From, int(o.At[i]))
		n := 1
		for i+n < len(o.At) && o.At[i+n] == o.At[i]+int32(n) && row+n < from.Rows {
			n++
		}
		C.vbge_copy_rows(r.cpu, below(y, i), below(r.matrix(from), row), C.int(n), C.int(from.Cols), spent)
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

func (r runner) fetch(o op.Output) {
	m := r.matrix(o.Tensor)
	for row := range o.Tensor.Rows {
		from := unsafe.Slice((*float32)(first(below(m, row))), o.Tensor.Cols)
		copy(o.Into[row*o.Tensor.Cols:], from)
	}
}
