package gpu

import (
	"fmt"
	"slices"

	"vbge/engine/op"
)

// draft is what one step or a few of the same kind will compute: one node of a pass, or several that
// became one.
type draft struct {
	operation any           // op.Patches, op.LinearLayer, op.GELU, op.LayerNorm, op.SwiGLU, op.Attention, op.Normalise, op.Given, or an assembly
	norm      *op.LayerNorm // after op.SwiGLU
	normalise bool          // after op.LayerNorm
	float32   bool          // the result is float32 and stands in Results
	out       op.Tensor
	fused     bool // part of another draft
}

// inputs returns the tensors that d reads.
func (d *draft) inputs() []op.Tensor {
	if a, ok := d.operation.(*assembly); ok {
		return a.sources
	}
	return d.operation.(op.Operation).Inputs()
}

// fuser turns the nodes of a pass into drafts. A node joins its input's only if nothing else reads that.
type fuser struct {
	pass    *op.Pass
	drafts  []*draft // in order; one for each node at first
	of      []*draft // that write a tensor, by ID
	readers []int    // nodes and outputs that read a tensor, by ID
}

// fuse returns the pass's drafts in the order of execution.
func fuse(p *op.Pass) ([]*draft, error) {
	n := len(p.Nodes) + 1
	f := &fuser{pass: p, of: make([]*draft, n), readers: make([]int, n)}
	for _, node := range p.Nodes {
		for _, t := range node.Operation.Inputs() {
			f.readers[t.ID]++
		}
	}
	for _, o := range p.Outputs {
		f.readers[o.Tensor.ID]++
	}
	for i, node := range p.Nodes {
		d, err := f.draft(node)
		if err != nil {
			return nil, fmt.Errorf("node %d, %T: %w", i, node.Operation, err)
		}
		d.out = node.Out
		f.of[node.Out.ID] = d
		f.drafts = append(f.drafts, d)
	}
	kept := f.drafts[:0]
	for _, d := range f.drafts {
		if !d.fused {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

// draft makes the draft of one node, which takes in those before it that it can.
func (f *fuser) draft(node op.Node) (*draft, error) {
	if err := checkParameters(node.Operation); err != nil {
		return nil, err
	}
	switch o := node.Operation.(type) {
	case op.LinearLayer: // its GELU is a step of its own: cuBLASLt has the tanh form alone
		if o.X.Cols == 0 && node.Out.Cols > 0 {
			return nil, fmt.Errorf("a product over no columns: %w", op.ErrShape)
		}
	case op.Embedding:
		return &draft{operation: embedding(o)}, nil
	case op.Prepend:
		return &draft{operation: prepend(o)}, nil
	case op.Gather:
		return &draft{operation: f.gather(o)}, nil
	case op.AddRows:
		return &draft{operation: f.addRows(o)}, nil
	case op.LayerNorm:
		return f.layerNorm(o), nil
	case op.Normalise:
		return f.normalise(o, node.Out), nil
	case op.Attention:
		if width := o.Q.Cols / o.Heads; !slices.Contains(HeadWidths, width) {
			return nil, fmt.Errorf("heads of %d channels: %w", width, ErrHeadWidth)
		}
	case op.Patches, op.Given, op.GELU, op.SwiGLU:
	default:
		return nil, fmt.Errorf("the CUDA engine has no such operation")
	}
	return &draft{operation: node.Operation}, nil
}

// sole returns the draft that writes t if t is all of its result and one operation and no
// output reads it: that operation may take the draft in.
func (f *fuser) sole(t op.Tensor) *draft {
	stored := f.pass.Nodes[t.ID-1].Out
	if f.readers[t.ID] != 1 || t.Cols != stored.Cols {
		return nil
	}
	return f.of[t.ID]
}

// soleAssembly is sole for an assembly.
func (f *fuser) soleAssembly(t op.Tensor) (*draft, *assembly) {
	if d := f.sole(t); d != nil {
		if a, ok := d.operation.(*assembly); ok {
			return d, a
		}
	}
	return nil, nil
}

func (f *fuser) addRows(o op.AddRows) *assembly {
	added := lookup{tableOf(o.Table), o.At}
	if d, a := f.soleAssembly(o.X); d != nil && a.norm == nil {
		for slot := range a.add {
			if a.add[slot].none() {
				d.fused = true
				a.add[slot] = added
				return a
			}
		}
	}
	return &assembly{sources: []op.Tensor{o.X}, add: [2]lookup{added}}
}

func (f *fuser) layerNorm(o op.LayerNorm) *draft {
	if d, a := f.soleAssembly(o.X); d != nil && a.norm == nil {
		d.fused = true
		a.norm = &o
		return &draft{operation: a}
	}
	if d := f.sole(o.X); d != nil && d.norm == nil {
		if s, ok := d.operation.(op.SwiGLU); ok {
			d.fused = true
			return &draft{operation: s, norm: &o}
		}
	}
	return &draft{operation: o}
}

// normalise leaves a float32 result where it is nothing but an output: vectors are not rounded to
// the storage type on their way out.
func (f *fuser) normalise(o op.Normalise, out op.Tensor) *draft {
	outputs := 0
	for _, asked := range f.pass.Outputs {
		if asked.Tensor == out {
			outputs++
		}
	}
	if outputs == 0 || outputs != f.readers[out.ID] {
		return &draft{operation: o}
	}
	if d := f.sole(o.X); d != nil {
		if n, ok := d.operation.(op.LayerNorm); ok {
			d.fused = true
			return &draft{operation: n, normalise: true, float32: true}
		}
	}
	return &draft{operation: o, float32: true}
}

// gather reads what its sources were assembled from, if one assembly can.
func (f *fuser) gather(o op.Gather) *assembly {
	parts := make([]*assembly, len(o.From))
	drafts := make([]*draft, len(o.From))
	normed := 0
	for i, t := range o.From {
		if drafts[i], parts[i] = f.soleAssembly(t); drafts[i] != nil && parts[i].norm != nil {
			normed++
		}
	}
	// A norm is over all rows that are gathered or none.
	whole := normed == len(parts)
	for i, t := range o.From {
		if drafts[i] == nil || parts[i].norm != nil && !whole {
			drafts[i], parts[i] = nil, &assembly{sources: []op.Tensor{t}}
		}
	}
	if merged := merge(o, parts); merged != nil {
		for _, d := range drafts {
			if d != nil {
				d.fused = true
			}
		}
		return merged
	}
	for i, t := range o.From {
		parts[i] = &assembly{sources: []op.Tensor{t}}
	}
	return merge(o, parts)
}

// checkParameters returns an error if o's parameters are another backend's.
func checkParameters(o op.Operation) error {
	var tables []op.Table
	switch o := o.(type) {
	case op.LinearLayer:
		if _, ok := o.Weight.Handle.(linear); !ok {
			return fmt.Errorf("a weight that another backend holds: %T", o.Weight.Handle)
		}
	case op.LayerNorm:
		tables = []op.Table{o.Gain, o.Bias}
	case op.Embedding:
		tables = []op.Table{o.Word, o.TokenType, o.Position}
	case op.AddRows:
		tables = []op.Table{o.Table}
	case op.Prepend:
		tables = []op.Table{o.Row}
	case op.Attention:
		if o.Rotation != nil {
			tables = []op.Table{o.Rotation.Cos, o.Rotation.Sin}
		}
	}
	for _, t := range tables {
		if _, ok := t.Handle.(table); !ok {
			return fmt.Errorf("a table that another backend holds: %T", t.Handle)
		}
	}
	return nil
}

func tableOf(t op.Table) table { return t.Handle.(table) }
