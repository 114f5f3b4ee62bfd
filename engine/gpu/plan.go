package gpu

import (
	"errors"

	"vbge/cuda"
	"vbge/engine/op"
)

// ErrHeadWidth is wrapped for attention whose heads are not as wide as the kernels.
var ErrHeadWidth = errors.New("attention on a GPU has heads of 32 or 64 channels")

// HeadWidths are the channels of a head that attention's kernels are made for.
var HeadWidths = []int{32, 64}

// Plan is one pass as launches: what is fused, and where every tensor stands.
type Plan struct {
	Segments []Segment
	// Given is what the pass is given: tensors of the storage type.
	Given Input
	// What the plan needs of each other space, in bytes; Staging is by segment.
	Arena, Handoff, Results int64
	Outputs                 []Output
}

// Segment is a part of a pass that one CUDA graph runs: the picture tower, or the text tower. Its
// launches depend on the buckets of the counts in it and not on the counts, which stand in Staging.
type Segment struct {
	// Region is where on the device the segment's staging block goes: there is one place for each
	// Region. The picture tower's is always 0, the text tower's always 1, pictures before it or not.
	Region int
	// Key is equal for segments with the same launches at the same places, and for no others: it is
	// all of them, spelt out.
	Key   string
	Steps []Step
	Input Input
}

// Output is where a pass's output stands: dense float32 [Rows, Cols] in Results.
type Output struct {
	Index      int // among the pass's Outputs
	Place      Place
	Rows, Cols int
}

// NewPlan plans p on a device that stores activations as t. Its linears and tables are those of
// this package's backends. It wraps ErrHeadWidth, and op.ErrShape for products over no columns.
func NewPlan(p *op.Pass, t cuda.Type) (*Plan, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	drafts, err := fuse(p)
	if err != nil {
		return nil, err
	}
	pl := &planner{pass: p, kind: t, sizes: sizes(p), stored: make([]op.Tensor, 1, len(p.Nodes)+1)}
	for _, n := range p.Nodes {
		pl.stored = append(pl.stored, n.Out)
	}
	for _, d := range drafts {
		if d.out.Rows > 0 && d.out.Cols > 0 {
			pl.align(d)
			pl.drafts = append(pl.drafts, d)
		}
	}
	pl.cut()
	pl.place()
	pl.emit()
	return &pl.plan, nil
}

// planner makes one plan. Slices by ID have an entry for each tensor; entry 0 is unused.
type planner struct {
	pass     *op.Pass
	kind     cuda.Type
	drafts   []*draft
	stored   []op.Tensor // by ID
	sizes    []size      // by ID
	segment  []int       // of each draft
	regions  []int       // of each segment
	operands []Operand   // by ID, all columns
	plan     Plan
}

// align puts copies before d of those operands that its kernel cannot load as they are: products
// and attention take whole vectors, and columns of a tensor may begin anywhere.
func (pl *planner) align(d *draft) {
	vector := vectorBytes / pl.kind.Bytes()
	aligned := func(t op.Tensor) op.Tensor {
		if t.First%vector == 0 {
			return t
		}
		c := op.Tensor{ID: len(pl.stored), Rows: t.Rows, Cols: t.Cols}
		pl.stored = append(pl.stored, c)
		pl.sizes = append(pl.sizes, pl.sizes[t.ID])
		pl.drafts = append(pl.drafts, &draft{operation: &assembly{sources: []op.Tensor{t}}, out: c})
		return c
	}
	switch o := d.operation.(type) {
	case op.LinearLayer:
		o.X = aligned(o.X)
		o.Residual = aligned(o.Residual)
		d.operation = o
	case op.Attention:
		o.Q, o.K, o.V = aligned(o.Q), aligned(o.K), aligned(o.V)
		d.operation = o
	}
}

// cut begins a segment where token ids are read after pictures: what comes before depends on the number of
// pictures alone, and what follows on the number of tokens alone.
func (pl *planner) cut() {
	region, pictures := 1, false
	for i, d := range pl.drafts {
		a, ok := d.operation.(*assembly)
		ids := ok && a.ids
		if i == 0 {
			if _, ok := d.operation.(op.Patches); ok {
				region = 0
			}
			pl.regions = append(pl.regions, region)
		} else if ids && pictures {
			region, pictures = region+1, false
			pl.regions = append(pl.regions, region)
		}
		if _, ok := d.operation.(op.Patches); ok {
			pictures = true
		}
		pl.segment = append(pl.segment, len(pl.regions)-1)
	}
}

// rows returns the rows that launches over t cover.
func (pl *planner) rows(t op.Tensor) int { return pl.sizes[t.ID].bucket() }

// operand returns where t stands, with that many rows.
func (pl *planner) operand(t op.Tensor, rows int) Operand {
	o := pl.operands[t.ID]
	o.Offset += int64(t.First * o.Type.Bytes())
	o.Rows, o.Cols = rows, t.Cols
	return o
}
