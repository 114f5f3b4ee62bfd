package gpu

import (
	"vbge/cuda"
	"vbge/engine/arena"
	"vbge/engine/op"
)

// placeBytes is what every tensor begins at a multiple of: a line of the cache, and what cuBLASLt
// takes for granted.
const placeBytes = 256

// place gives every tensor its memory: one that stays in a segment a place in the arena, one that a
// later segment reads a place of its own, outputs that are float32 already their place in Results, and what the
// pass is given a place in Given.
func (pl *planner) place() {
	last := pl.lastUses()
	storage := pl.share(last)
	until := make([]int, len(pl.stored)) // of the memory that begins with each tensor
	for id := range pl.stored {
		until[storage[id]] = max(until[storage[id]], last[id])
	}
	pl.operands = make([]Operand, len(pl.stored))
	var live, handoff arena.Spans
	given := newInputBuilder(Given)
	for i, d := range pl.drafts {
		if i > 0 && pl.segment[i] != pl.segment[i-1] {
			live = nil
		}
		id, rows := d.out.ID, pl.rows(d.out)
		y := Operand{Rows: rows, Cols: d.out.Cols, Stride: arena.RoundUp(d.out.Cols, rowValues), Type: pl.kind}
		units := arena.RoundUp(rows*y.Stride*y.Type.Bytes(), placeBytes) / placeBytes
		lent, isGiven := d.operation.(op.Given)
		switch {
		case d.float32:
			y = pl.result(rows, d.out.Cols)
		case isGiven:
			y.Place = given.matrix(lent.Values, y)
		case storage[id] != id:
			y = pl.operands[storage[id]]
			y.Rows = rows
		case pl.segment[until[id]] == pl.segment[i]:
			y.Place = take(Arena, &live, units, until[id], &pl.plan.Arena)
		default:
			y.Place = take(Handoff, &handoff, units, until[id], &pl.plan.Handoff)
		}
		pl.operands[id] = y
		live.Drop(i)
		handoff.Drop(i)
	}
	pl.plan.Given = given.input
}

// take finds units of placeBytes in a space and notes how large the space has to be.
func take(space Space, taken *arena.Spans, units, until int, size *int64) Place {
	at := taken.Take(units, until)
	*size = max(*size, int64(at+units)*placeBytes)
	return Place{space, int64(at) * placeBytes}
}

// result is a new place in Results.
func (pl *planner) result(rows, cols int) Operand {
	o := Operand{Place{Results, pl.plan.Results}, rows, cols, cols, cuda.Float32}
	pl.plan.Results += int64(arena.RoundUp(4*rows*cols, placeBytes))
	return o
}

// lastUses returns, for each tensor by ID, the last draft that reads it, or the one that writes it.
// Outputs are exported right after they are written. What a pass is given lasts: nothing takes its place.
func (pl *planner) lastUses() []int {
	last := make([]int, len(pl.stored))
	for i, d := range pl.drafts {
		last[d.out.ID] = i
		for _, t := range d.inputs() {
			last[t.ID] = i
		}
	}
	for _, d := range pl.drafts {
		if _, ok := d.operation.(op.Given); ok {
			last[d.out.ID] = len(pl.drafts)
		}
	}
	return last
}

// share returns, for each tensor by ID, the tensor whose memory it stands in, itself in most cases.
func (pl *planner) share(last []int) []int {
	storage := make([]int, len(pl.stored))
	for i, d := range pl.drafts {
		id := d.out.ID
		storage[id] = id
		// inPlace lets the result take over x's memory, if nothing reads x afterwards. What stood
		// there before x was dead by then for the same reason.
		inPlace := func(x op.Tensor) {
			if last[x.ID] == i && x.Cols == pl.stored[x.ID].Cols && x.Cols == d.out.Cols {
				storage[id] = storage[x.ID]
			}
		}
		switch o := d.operation.(type) {
		case op.LinearLayer:
			if o.Residual.ID != 0 && o.Residual.ID != o.X.ID {
				inPlace(o.Residual)
			}
		case op.GELU:
			inPlace(o.X)
		case op.LayerNorm:
			if !d.normalise {
				inPlace(o.X)
			}
		}
	}
	return storage
}
