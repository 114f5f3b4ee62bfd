package op

import (
	"errors"
	"fmt"
)

// ErrShape is wrapped by every error about operands that do not fit together.
var ErrShape = errors.New("shapes do not fit")

// Pass is one recorded forward pass. Its methods record an operation and return the handle of its
// result. A faulty operand is remembered, not reported at once, so that a model reads as formulas:
// Err returns the first fault, and a backend's Run returns it too. A Pass has one owner at a time.
type Pass struct {
	Nodes   []Node
	Outputs []Output
	err     error
}

// Output is a request to copy Tensor, [Rows, Cols] in row-major order, to Into.
type Output struct {
	Tensor Tensor
	Into   []float32
}

// Err returns the first fault of the recording, or nil.
func (p *Pass) Err() error { return p.err }

// Output asks for t in into, which has t.Rows x t.Cols values, once the pass has run.
func (p *Pass) Output(t Tensor, into []float32) {
	p.requireTensor(t, Output{})
	p.require(len(into) == t.Rows*t.Cols, "output [%d, %d] into %d values", t.Rows, t.Cols, len(into))
	p.Outputs = append(p.Outputs, Output{Tensor: t, Into: into})
}

// LastUses returns, for each tensor by ID, the index of the last node that reads it, len(Nodes)
// for outputs, and the index of the node that writes it if nothing reads it. Entry 0 is unused.
func (p *Pass) LastUses() []int {
	last := make([]int, len(p.Nodes)+1)
	for i, n := range p.Nodes {
		last[n.Out.ID] = i
		for _, t := range n.Operation.Inputs() {
			last[t.ID] = i
		}
	}
	for _, o := range p.Outputs {
		last[o.Tensor.ID] = len(p.Nodes)
	}
	return last
}

// Patches records Patches.
func (p *Pass) Patches(o Patches) Tensor {
	grid := o.Side / max(o.Patch, 1)
	picture := o.Side * o.Side * 3
	if !p.require(o.Patch > 0 && grid*o.Patch == o.Side && picture > 0 && len(o.Pixels)%picture == 0,
		"%d bytes of pixels in pictures of side %d and patches of %d", len(o.Pixels), o.Side, o.Patch) {
		return Tensor{}
	}
	return p.add(o, len(o.Pixels)/picture*grid*grid, 3*o.Patch*o.Patch)
}

// Given records Given.
func (p *Pass) Given(o Given) Tensor {
	if !p.require(o.Cols > 0 && len(o.Values)%o.Cols == 0, "%d given values in rows of %d", len(o.Values), o.Cols) {
		return Tensor{}
	}
	return p.add(o, len(o.Values)/o.Cols, o.Cols)
}

// Linear records LinearLayer without a residual.
func (p *Pass) Linear(x Tensor, w Linear) Tensor { return p.LinearResidual(x, w, Tensor{}) }

// LinearResidual records LinearLayer with a residual.
func (p *Pass) LinearResidual(x Tensor, w Linear, residual Tensor) Tensor {
	p.require(x.Cols == w.In, "linear [%d, %d] of rows of %d", w.Out, w.In, x.Cols)
	p.require(residual.ID == 0 || residual.Rows == x.Rows && residual.Cols == w.Out,
		"residual [%d, %d] of a linear result [%d, %d]", residual.Rows, residual.Cols, x.Rows, w.Out)
	return p.add(LinearLayer{X: x, Weight: w, Residual: residual}, x.Rows, w.Out)
}

// GELU records GELU.
func (p *Pass) GELU(x Tensor) Tensor { return p.add(GELU{X: x}, x.Rows, x.Cols) }

// LayerNorm records LayerNorm.
func (p *Pass) LayerNorm(x Tensor, gain, bias Table, eps float32) Tensor {
	p.requireVector(gain, x.Cols, "layer norm gain")
	p.requireVector(bias, x.Cols, "layer norm bias")
	return p.add(LayerNorm{X: x, Gain: gain, Bias: bias, Eps: eps}, x.Rows, x.Cols)
}

// SwiGLU records SwiGLU.
func (p *Pass) SwiGLU(x Tensor) Tensor {
	p.require(x.Cols%2 == 0, "SwiGLU of rows of %d", x.Cols)
	return p.add(SwiGLU{X: x}, x.Rows, x.Cols/2)
}

// Attention records Attention.
func (p *Pass) Attention(o Attention) Tensor {
	width := o.Q.Cols
	if !p.require(o.Heads > 0 && width%o.Heads == 0 && o.K.Cols == width && o.V.Cols == width,
		"attention of %d heads over rows of %d, %d, %d", o.Heads, width, o.K.Cols, o.V.Cols) {
		return Tensor{}
	}
	if !p.requireSequences(o.Queries, o.Q.Rows) || !p.requireSequences(o.Keys, o.K.Rows) {
		return Tensor{}
	}
	p.require(o.K.Rows == o.V.Rows && len(o.Queries) == len(o.Keys),
		"attention of %d keys to %d values, %d to %d sequences", o.K.Rows, o.V.Rows, len(o.Queries)-1, len(o.Keys)-1)
	p.require(everyQueryHasKeys(o), "queries with no keys: lengths %v and %v", o.Queries, o.Keys)
	if r := o.Rotation; r != nil {
		p.require(r.Cos.Cols == width/o.Heads && r.Cos.Cols%2 == 0 && r.Sin.Cols == r.Cos.Cols && r.Sin.Rows == r.Cos.Rows &&
			o.Queries.Longest() <= r.Cos.Rows && o.Keys.Longest() <= r.Cos.Rows,
			"rotation [%d, %d] of heads of %d, longest sequence %d",
			r.Cos.Rows, r.Cos.Cols, width/o.Heads, o.Keys.Longest())
	}
	return p.add(o, o.Q.Rows, width)
}

// Embedding records Embedding.
func (p *Pass) Embedding(o Embedding) Tensor {
	p.require(len(o.IDs) == len(o.Positions), "%d ids at %d positions", len(o.IDs), len(o.Positions))
	p.requireRows(o.IDs, o.Word.Rows, "token id")
	p.requireRows(o.Positions, o.Position.Rows, "position")
	p.require(o.TokenType.Rows > 0, "token types [%d, %d]", o.TokenType.Rows, o.TokenType.Cols)
	p.require(o.Word.Cols == o.Position.Cols && o.Word.Cols == o.TokenType.Cols,
		"embeddings of widths %d, %d, %d", o.Word.Cols, o.Position.Cols, o.TokenType.Cols)
	return p.add(o, len(o.IDs), o.Word.Cols)
}

// AddRows records AddRows.
func (p *Pass) AddRows(x Tensor, table Table, at []int32) Tensor {
	p.require(x.Rows == len(at) && x.Cols == table.Cols, "%d rows of %d added to [%d, %d]",
		len(at), table.Cols, x.Rows, x.Cols)
	p.requireRows(at, table.Rows, "row")
	return p.add(AddRows{X: x, Table: table, At: at}, x.Rows, x.Cols)
}

// Prepend records Prepend.
func (p *Pass) Prepend(x Tensor, row Table, s Sequences) Tensor {
	p.requireVector(row, x.Cols, "prepended row")
	if !p.requireSequences(s, x.Rows) {
		return Tensor{}
	}
	return p.add(Prepend{X: x, Row: row, Sequences: s}, x.Rows+s.Len(), x.Cols)
}

// Gather records Gather.
func (p *Pass) Gather(at []int32, from ...Tensor) Tensor {
	if !p.require(len(from) > 0, "gather from nothing") {
		return Tensor{}
	}
	rows := 0
	for _, t := range from {
		p.require(t.Cols == from[0].Cols, "gather from rows of %d and %d", t.Cols, from[0].Cols)
		rows += t.Rows
	}
	p.requireRows(at, rows, "row")
	return p.add(Gather{From: from, At: at}, len(at), from[0].Cols)
}

// Normalise records Normalise.
func (p *Pass) Normalise(x Tensor) Tensor { return p.add(Normalise{X: x}, x.Rows, x.Cols) }

func (p *Pass) add(o Operation, rows, cols int) Tensor {
	for _, t := range o.Inputs() {
		p.requireTensor(t, o)
	}
	t := Tensor{ID: len(p.Nodes) + 1, Rows: rows, Cols: cols}
	p.Nodes = append(p.Nodes, Node{Operation: o, Out: t})
	return t
}

func (p *Pass) require(ok bool, format string, args ...any) bool {
	if !ok && p.err == nil {
		p.err = fmt.Errorf("node %d: "+format+": %w", append(append([]any{len(p.Nodes)}, args...), ErrShape)...)
	}
	return ok
}

// requireTensor checks that t is a tensor of this pass or columns of one: backends trust it with
// their memory.
func (p *Pass) requireTensor(t Tensor, reader any) {
	if !p.require(t.ID > 0 && t.ID <= len(p.Nodes), "%T of tensor %d, which this pass has not made", reader, t.ID) {
		return
	}
	stored := p.Nodes[t.ID-1].Out
	p.require(t.Rows == stored.Rows && t.First >= 0 && t.Cols >= 0 && t.First <= stored.Cols-t.Cols,
		"%T of %d rows, columns %d to %d of tensor %d [%d, %d]", reader,
		t.Rows, t.First, t.First+t.Cols, t.ID, stored.Rows, stored.Cols)
}

func (p *Pass) requireVector(v Table, cols int, what string) {
	p.require(v.Rows == 1 && v.Cols == cols, "%s [%d, %d] for rows of %d", what, v.Rows, v.Cols, cols)
}

func (p *Pass) requireRows(at []int32, rows int, what string) {
	for _, r := range at {
		if !p.require(r >= 0 && int(r) < rows, "%s %d of %d", what, r, rows) {
			return
		}
	}
}

func (p *Pass) requireSequences(s Sequences, rows int) bool {
	ok := len(s) > 0 && s[0] == 0 && s.Rows() == rows
	for i := 1; ok && i < len(s); i++ {
		ok = s[i] >= s[i-1]
	}
	return p.require(ok, "cumulative lengths %v of %d rows", s, rows)
}

func everyQueryHasKeys(o Attention) bool {
	for i := range min(o.Queries.Len(), o.Keys.Len()) {
		if o.Queries[i+1] > o.Queries[i] && o.Keys[i+1] <= o.Keys[i] {
			return false
		}
	}
	return true
}
