package cpu

import (
	"slices"

	"vbge/engine/arena"
	"vbge/engine/op"
)

// when is a point of a plan: a step of a stage.
type when struct{ stage, step int }

func (a when) before(b when) bool {
	return a.stage < b.stage || a.stage == b.stage && a.step < b.step
}

// uses says for each tensor by ID when it is last read. One that a fused step never stores has no stage.
type uses struct {
	tensors  []op.Tensor
	stored   []bool
	last     []when
	residual []bool // read as one
	output   []bool
}

func newUses(p *op.Pass, stages []stage) *uses {
	n := len(p.Nodes) + 1
	u := &uses{make([]op.Tensor, n), make([]bool, n), make([]when, n), make([]bool, n), make([]bool, n)}
	for i, st := range stages {
		for j, s := range st.steps {
			now := when{i, j}
			id := s.out.ID
			u.tensors[id], u.stored[id], u.last[id] = s.out, true, now
			for _, x := range s.Inputs() {
				u.last[x.ID] = now
			}
			if l, ok := s.Operation.(op.LinearLayer); ok && l.Residual.ID != 0 {
				u.residual[l.Residual.ID] = true
			}
		}
	}
	for _, o := range p.Outputs {
		u.output[o.Tensor.ID], u.last[o.Tensor.ID] = true, when{len(stages), 0}
	}
	return u
}

// chooseTypes stores what is not added to, or wanted, in bfloat16 where the engine multiplies in less than float32. What
// the caller gives stays as it is.
func (pl *plan) chooseTypes(p *op.Pass, u *uses, m machine) {
	for _, n := range p.Nodes {
		id := n.Out.ID
		pl.places[id].stride = n.Out.Cols
		switch n.Operation.(type) {
		case op.Patches, op.Given:
		default:
			pl.places[id].bf16 = m.reduced && !u.residual[id] && !u.output[id]
		}
	}
}

func (p place) bytes(values int) int {
	if p.bf16 {
		return 2 * values
	}
	return 4 * values
}

// arrange finds a place for every tensor. What only a chain's own tiles read is local to them; the rest is in the arena
// from the stage that writes it to the last that reads it, since the tiles of a stage are at different steps of it.
func (pl *plan) arrange(u *uses) {
	var live arena.Spans
	owner := pl.inPlace(u)
	until := make([]when, len(owner)) // of everything in an owner's memory
	for id, o := range owner {
		if u.stored[id] && until[o].before(u.last[id]) {
			until[o] = u.last[id]
		}
	}
	for i, st := range pl.stages {
		var local arena.Spans
		for j, s := range st.steps {
			id := s.out.ID
			at := &pl.places[id]
			if owner[id] != id {
				at.at = pl.places[owner[id]].at
			} else if at.local {
				size := arena.RoundUp(at.bytes((st.tile+spareRows)*s.out.Cols), lineBytes)
				at.at = local.Take(size, until[id].step)
				pl.scratch = max(pl.scratch, at.at+size)
			} else {
				size := arena.RoundUp(at.bytes((s.out.Rows+spareRows)*s.out.Cols), lineBytes)
				at.at = live.Take(size, until[id].stage)
				pl.size = max(pl.size, at.at+size)
			}
			local.Drop(j)
		}
		live.Drop(i)
	}
}

// inPlace returns, for each tensor by ID, the tensor whose memory it stands in, itself in most cases: a result takes over
// an operand's place where nothing reads that afterwards and a step reads each value before it writes it. It decides
// what is local, too.
func (pl *plan) inPlace(u *uses) []int {
	owner := make([]int, len(u.tensors))
	for i, st := range pl.stages {
		for j, s := range st.steps {
			id := s.out.ID
			owner[id] = id
			at := &pl.places[id]
			at.local = len(st.steps) > 1 && u.last[id].stage == i
			x := taken(s)
			if x.ID != 0 && u.last[x.ID] == (when{i, j}) && pl.alike(x, s.out) {
				owner[id] = owner[x.ID]
			} else if !at.local && st.blocks == 1 {
				owner[id] = pl.outlived(u, st.steps[:j], owner, s.out, i)
			}
		}
	}
	return owner
}

// alike reports whether y's rows are laid out as x's, all of whose columns are meant.
func (pl *plan) alike(x, y op.Tensor) bool {
	from, to := pl.places[x.ID], pl.places[y.ID]
	return x.First == 0 && x.Cols == from.stride && x.Cols == y.Cols && from.bf16 == to.bf16 && from.local == to.local
}

// outlived returns the owner of an operand in the arena that earlier steps of a chain were the last to read, row by
// row: a thread that writes rows of y there has read them before. Without one it returns y.
func (pl *plan) outlived(u *uses, earlier []step, owner []int, y op.Tensor, stage int) int {
	for _, s := range earlier {
		for _, x := range s.Inputs() {
			free := u.last[x.ID].stage == stage && !slices.ContainsFunc(earlier, func(t step) bool {
				return t.out.ID == x.ID || owner[t.out.ID] == owner[x.ID]
			})
			if free && pl.alike(x, y) && u.last[x.ID].before(when{stage, len(earlier)}) {
				return owner[x.ID]
			}
		}
	}
	return y.ID
}

// taken returns the operand whose place the step's result could take, or none. A product's other operand is still read
// for other columns when the first are written.
func taken(s step) op.Tensor {
	switch o := s.Operation.(type) {
	case op.LinearLayer:
		if o.Residual.ID != o.X.ID {
			return o.Residual
		}
	case op.GELU:
		return o.X
	case op.LayerNorm:
		return o.X
	case op.AddRows:
		return o.X
	case op.Normalise:
		return o.X
	}
	return op.Tensor{}
}
