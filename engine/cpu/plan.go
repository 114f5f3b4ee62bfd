package cpu

import (
	"vbge/engine/arena"
	"vbge/engine/op"
)

// machine is what a plan depends on beside the pass.
type machine struct {
	threads int
	reduced bool // activations are stored in bfloat16 where that is enough
}

// plan says how a pass is computed: in stages, one after another, with every tensor in its place.
type plan struct {
	stages  []stage
	places  []place // by tensor ID
	size    int     // bytes of the arena
	scratch int     // bytes of local rows, for each thread
}

// stage is a chain of row-wise operations, computed by tiles of rows, or one other operation. A chain of several
// steps is computed tile by tile: a thread does all steps on its tile. One of a single step may be shared out by
// blocks of columns as well.
type stage struct {
	steps  []step
	rows   int
	tile   int // rows
	blocks int // of columns
}

// step is an operation with what the plan decided about it.
type step struct {
	op.Operation
	out   op.Tensor
	node  int       // that records it, the first of two that are fused
	fused op.Tensor // what a LinearLayer hands to the GELU or SwiGLU that is computed with it, or none
}

// place is where a tensor's rows are: in the arena, or one tile of them in each thread's scratch.
type place struct {
	at     int // byte
	stride int // values
	bf16   bool
	local  bool
}

const (
	lineBytes = 64 // a cache line: every tensor begins at one
	// tallest is the most rows of a tile: oneDNN's products reach their full rate, and what a tile hands on stays in a
	// second-level cache of 1 MB.
	tallest = 104
	// fewest is the least rows that a thread computes alone: with fewer, every thread would read all weights for little
	// work.
	fewest = 24
	// columnBlock is how many columns of a packed weight stand together (native/linear.h).
	columnBlock = 64
	// spareRows are those behind a tensor's last that a product may read (native/vbge_cpu.h).
	spareRows = 3
)

// newPlan cuts a pass into stages and places its tensors.
func newPlan(p *op.Pass, m machine) *plan {
	pl := &plan{places: make([]place, len(p.Nodes)+1)}
	steps := fuse(p)
	pl.cut(steps, m)
	u := newUses(p, pl.stages)
	pl.chooseTypes(p, u, m)
	pl.arrange(u)
	return pl
}

// rowWise reports whether row r of o's result depends on row r of its operands alone.
func rowWise(o op.Operation) bool {
	switch o.(type) {
	case op.LinearLayer, op.LayerNorm, op.GELU, op.SwiGLU, op.AddRows, op.Embedding, op.Normalise:
		return true
	}
	return false
}

// fuse makes steps of nodes: a GELU or SwiGLU right after the only linear layer that it reads is one with it.
func fuse(p *op.Pass) []step {
	steps := make([]step, 0, len(p.Nodes))
	last := p.LastUses()
	for i, n := range p.Nodes {
		if k := len(steps) - 1; k >= 0 && steps[k].node == i-1 && fusible(steps[k], n, last[i] == i) {
			steps[k].fused, steps[k].out = steps[k].out, n.Out
			continue
		}
		steps = append(steps, step{Operation: n.Operation, out: n.Out, node: i})
	}
	return steps
}

// fusible reports whether n can be computed with the step before it. alone says that nothing reads that step's result
// after n.
func fusible(s step, n op.Node, alone bool) bool {
	l, ok := s.Operation.(op.LinearLayer)
	if !ok || l.Residual.ID != 0 || !alone {
		return false
	}
	switch o := n.Operation.(type) {
	case op.GELU:
		return o.X == s.out
	case op.SwiGLU:
		return o.X == s.out && n.Out.Cols%columnBlock == 0
	}
	return false
}

// cut groups steps to stages.
func (pl *plan) cut(steps []step, m machine) {
	for i := 0; i < len(steps); {
		n := 1
		rows := steps[i].out.Rows
		if rowWise(steps[i].Operation) && rows >= fewest*m.threads {
			for i+n < len(steps) && rowWise(steps[i+n].Operation) && steps[i+n].out.Rows == rows {
				n++
			}
		}
		pl.stages = append(pl.stages, m.stage(steps[i:i+n], rows))
		i += n
	}
}

// stage chooses tiles: as many as there are threads, or a few times as many, or with few rows one a stage and blocks of
// columns instead.
func (m machine) stage(steps []step, rows int) stage {
	s := stage{steps: steps, rows: rows, blocks: 1}
	tiles := max(1, (rows+tallest-1)/tallest)
	switch _, linear := steps[0].Operation.(op.LinearLayer); {
	case rows >= fewest*m.threads:
		tiles = arena.RoundUp(tiles, m.threads)
	case linear:
		s.blocks = max(1, min((m.threads+tiles-1)/tiles, steps[0].out.Cols/columnBlock))
	default:
		tiles = max(tiles, min(m.threads, rows/16))
	}
	s.tile = max(1, (rows+tiles-1)/tiles)
	return s
}
