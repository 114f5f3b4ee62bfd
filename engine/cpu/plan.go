package cpu

import (
	"vbge/engine/arena"
	"vbge/engine/op"
)

// step is a node of a pass with what the plan decided about it.
type step struct {
	op.Node
	skip       bool // done by the step before
	gelu       bool // a LinearLayer that applies the GELU after it
	accumulate bool // a LinearLayer whose result stands in its residual's memory
	scratch    int  // place of what an Attention needs besides its operands
}

// plan places the tensors of one pass in one arena. Places are counted in float32 values.
type plan struct {
	steps  []step
	place  []int // of each tensor's first stored value, by tensor ID
	stride []int // stored columns, by tensor ID
	size   int
}

// lineValues is a cache line: every tensor begins at one.
const lineValues = 16

// newPlan decides what shares memory. linearRows says how many rows a product of that many writes
// and reads, and scratch the values an attention needs besides its operands.
func newPlan(p *op.Pass, linearRows func(int) int, scratch func(op.Attention) int) *plan {
	n := len(p.Nodes)
	pl := &plan{steps: make([]step, n), place: make([]int, n+1), stride: make([]int, n+1)}
	last := p.LastUses()
	storage := pl.share(p, last)

	// A storage lives until the last use of any tensor in it.
	until := make([]int, n+1)
	for id := 1; id <= n; id++ {
		until[storage[id]] = max(until[storage[id]], last[id])
	}
	var live arena.Spans
	for i, node := range p.Nodes {
		id := node.Out.ID
		pl.stride[id] = node.Out.Cols
		if a, ok := node.Operation.(op.Attention); ok {
			values := scratch(a)
			pl.steps[i].scratch = live.Take(values, i)
			pl.size = max(pl.size, pl.steps[i].scratch+values)
		}
		if storage[id] == id {
			values := arena.RoundUp(linearRows(node.Out.Rows)*node.Out.Cols, lineValues)
			pl.place[id] = live.Take(values, until[id])
			pl.size = max(pl.size, pl.place[id]+values)
		} else {
			pl.place[id] = pl.place[storage[id]]
		}
		live.Drop(i)
	}
	return pl
}

// share returns, for each tensor by ID, the tensor whose memory it stands in, itself in most cases.
func (pl *plan) share(p *op.Pass, last []int) []int {
	storage := make([]int, len(p.Nodes)+1)
	whole := func(t op.Tensor) bool { return t.First == 0 && t.Cols == p.Nodes[t.ID-1].Out.Cols }
	for i, node := range p.Nodes {
		id := node.Out.ID
		s := step{Node: node}
		storage[id] = id
		// inPlace lets the result take over x's memory, if nothing reads x afterwards. What stood
		// there before x was dead by then for the same reason.
		inPlace := func(x op.Tensor) bool {
			if last[x.ID] != i || !whole(x) || x.Rows != node.Out.Rows {
				return false
			}
			storage[id] = storage[x.ID]
			return true
		}
		switch o := node.Operation.(type) {
		case op.LinearLayer:
			s.accumulate = o.Residual.ID != 0 && o.Residual.ID != o.X.ID && inPlace(o.Residual)
		case op.GELU:
			if inPlace(o.X) && o.X.ID == id-1 {
				if l, ok := p.Nodes[i-1].Operation.(op.LinearLayer); ok && l.Residual.ID == 0 {
					pl.steps[i-1].gelu, s.skip = true, true
				}
			}
		case op.LayerNorm:
			inPlace(o.X)
		case op.AddRows:
			inPlace(o.X)
		case op.Normalise:
			inPlace(o.X)
		}
		pl.steps[i] = s
	}
	return storage
}
