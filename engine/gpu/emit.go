package gpu

import (
	"vbge/cuda/kernels"
	"vbge/engine/op"
)

// anyRows is what an Assemble takes a tensor of an earlier segment, or one that the pass is given, to
// have: more than any batch, and as often as it has sources no more than int32 holds. So the text tower's
// launches do not depend on the pictures.
const anyRows = 1 << 29

// emit turns drafts into steps.
func (pl *planner) emit() {
	exports := pl.outputs()
	var e *emitter
	for i, d := range pl.drafts {
		if i == 0 || pl.segment[i] != pl.segment[i-1] {
			pl.finish(e)
			e = &emitter{planner: pl, input: newInputBuilder(Staging), region: pl.regions[pl.segment[i]]}
		}
		e.draft(d)
		for _, k := range exports[d.out.ID] {
			t := pl.pass.Outputs[k].Tensor
			y := pl.result(pl.rows(t), t.Cols)
			e.add(Export{X: pl.operand(t, y.Rows), Y: y})
			pl.plan.Outputs = append(pl.plan.Outputs, Output{k, y.Place, t.Rows, t.Cols})
		}
	}
	pl.finish(e)
}

// outputs notes the outputs that need no step and returns the others by the ID of what they show.
func (pl *planner) outputs() map[int][]int {
	exports := map[int][]int{}
	for k, o := range pl.pass.Outputs {
		t := o.Tensor
		switch at := pl.operands[t.ID]; {
		case t.Rows == 0 || t.Cols == 0:
		case at.Space == Results:
			pl.plan.Outputs = append(pl.plan.Outputs, Output{k, at.Place, t.Rows, t.Cols})
		default:
			exports[t.ID] = append(exports[t.ID], k)
		}
	}
	return exports
}

func (pl *planner) finish(e *emitter) {
	if e == nil || len(e.steps) == 0 {
		return
	}
	input := e.input.finish(func(step int, at Place) {
		p := e.steps[step].(Patches)
		p.Pixels = at
		e.steps[step] = p
	})
	pl.plan.Segments = append(pl.plan.Segments, Segment{Region: e.region, Key: key(e.region, e.steps), Steps: e.steps, Input: input})
}

// emitter makes the steps of one segment.
type emitter struct {
	*planner
	steps  []Step
	input  *inputBuilder
	region int
}

func (e *emitter) add(s Step) { e.steps = append(e.steps, s) }

func (e *emitter) draft(d *draft) {
	rows := e.rows(d.out)
	y := e.operand(d.out, rows)
	switch o := d.operation.(type) {
	case *assembly:
		e.assemble(o, d.out.Rows, y)
	case op.Patches:
		e.input.pixels = append(e.input.pixels, pixels{len(e.steps), e.sizes[d.out.ID].pictures() * 3 * o.Side * o.Side, o.Pixels})
		e.add(Patches{Levels: e.input.levels(o.Levels), Side: o.Side, Patch: o.Patch, Y: y})
	case op.LinearLayer:
		p := Product{X: e.operand(o.X, rows), Weight: o.Weight.Handle.(linear), Y: y}
		if o.Residual.ID != 0 {
			p.Residual = e.operand(o.Residual, rows)
		}
		e.add(p)
	case op.GELU:
		e.add(GELU{e.operand(o.X, rows), y})
	case op.LayerNorm:
		if d.normalise {
			e.add(LayerNormNormalise{e.operand(o.X, rows), normOf(o), y})
		} else {
			e.add(LayerNorm{e.operand(o.X, rows), normOf(o), y})
		}
	case op.SwiGLU:
		if d.norm != nil {
			e.add(SwiGLUNorm{e.operand(o.X, rows), normOf(*d.norm), y})
		} else {
			e.add(SwiGLU{e.operand(o.X, rows), y})
		}
	case op.Normalise:
		e.add(Normalise{X: e.operand(o.X, rows), Y: y, Float32: d.float32})
	case op.Attention:
		e.attention(o, y)
	}
}

func normOf(o op.LayerNorm) Norm {
	return Norm{tableOf(o.Gain).place(), tableOf(o.Bias).place(), o.Eps}
}

func (e *emitter) attention(o op.Attention, y Operand) {
	n := o.Queries.Len()
	room := BucketSequences(n)
	if s := e.sizes[o.Q.ID]; s.of == ofPictures && s.count == n {
		room = s.pictures()
	}
	a := Attention{
		Q: e.operand(o.Q, y.Rows), K: e.operand(o.K, e.rows(o.K)), V: e.operand(o.V, e.rows(o.V)),
		Heads: o.Heads, Width: o.Q.Cols / o.Heads,
		MaxTiles: kernels.MaxTiles(y.Rows, room), Sequences: room, Y: y,
	}
	a.Queries, a.Keys = e.input.sequences(o.Queries, room), e.input.sequences(o.Keys, room)
	a.Tiles = e.input.tiles(o.Queries, a.MaxTiles)
	if r := o.Rotation; r != nil {
		a.Cos, a.Sin = tableOf(r.Cos).place(), tableOf(r.Sin).place()
	}
	a.queries, a.keys = o.Q.Rows, o.K.Rows
	for i := range n {
		a.scores += int64(o.Queries[i+1]-o.Queries[i]) * int64(o.Keys[i+1]-o.Keys[i])
	}
	e.add(a)
}

// assemble makes a launch for every maxSources of a's sources; the first has the table too. Rows that
// are another launch's are negative in a launch, as are those that the batch has not.
func (e *emitter) assemble(a *assembly, rows int, y Operand) {
	step := Assemble{Y: y}
	for k, l := range a.add {
		if l.none() {
			continue
		}
		step.Add[k].Table = l.table.place()
		if l.at != nil {
			step.Add[k].At = e.input.rows(l.at, y.Rows)
		}
	}
	if a.norm != nil {
		n := normOf(*a.norm)
		step.Norm = &n
	}
	if a.from == nil {
		step.Sources, step.rows, step.sourceRows = []Operand{e.operand(a.sources[0], y.Rows)}, rows, int64(rows)
		e.add(step)
		return
	}
	l := newLaunches(a)
	for i, group := range l.groups {
		s := step
		if i == 0 && a.table.at != 0 {
			s.Table, s.TableRows = a.table.place(), a.table.rows
		}
		for _, source := range group {
			o := e.operand(source, e.rows(source))
			if o.Space == Handoff || o.Space == Given {
				o.Rows = anyRows
			}
			s.Sources = append(s.Sources, o)
		}
		at := l.at(i, s.TableRows, s.Sources, a.from)
		for _, r := range at {
			if r >= 0 {
				s.rows++
			}
			if int(r) >= s.TableRows {
				s.sourceRows++
			}
		}
		s.At = e.input.rows(at, y.Rows)
		e.add(s)
	}
}

// launches divides an assembly's sources.
type launches struct {
	groups [][]op.Tensor
	group  []int // of the table, then of each source
	place  []int // in its group
	first  []int32
}

func newLaunches(a *assembly) launches {
	l := launches{groups: make([][]op.Tensor, 1), group: []int{0}, place: []int{-1}, first: []int32{0, int32(a.table.rows)}}
	for _, s := range a.sources {
		last := len(l.groups) - 1
		if s.Rows > 0 {
			if len(l.groups[last]) == maxSources {
				l.groups = append(l.groups, nil)
				last++
			}
			l.groups[last] = append(l.groups[last], s)
		}
		l.group, l.place = append(l.group, last), append(l.place, len(l.groups[last])-1)
		l.first = append(l.first, l.first[len(l.first)-1]+int32(s.Rows))
	}
	return l
}

// at returns from as launch i counts: its table's rows, then the rows of its sources' operands.
func (l launches) at(i, tableRows int, sources []Operand, from []int32) []int32 {
	base := make([]int32, len(sources))
	below := int32(tableRows)
	for k, o := range sources {
		base[k] = below
		below += int32(o.Rows)
	}
	at := make([]int32, len(from))
	for r, f := range from {
		k := 0
		for f >= l.first[k+1] {
			k++
		}
		switch {
		case l.group[k] != i:
			at[r] = -1
		case k == 0:
			at[r] = f
		default:
			at[r] = base[l.place[k]] + f - l.first[k]
		}
	}
	return at
}
