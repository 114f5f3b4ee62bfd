package weights

import (
	"errors"
	"fmt"
	"slices"

	"vbge/weights/tensor"
)

// Fate is what Convert does with a tensor.
type Fate string

// The fates. Only the last keeps Convert from writing.
const (
	Kept    Fate = "kept"    // in the model folder
	Shared  Fate = "shared"  // a block's name for the rotary buffers, which the folder has once
	Unused  Fate = "unused"  // part of a Visualized-BGE that inference does not need; left out
	Surplus Fate = "surplus" // in no Visualized-BGE; left out
	Refused Fate = "refused" // not in the shape or of the type that the model needs
)

// plan is what a checkpoint's tensors amount to under its configuration.
type plan struct {
	*naming
	config  Config
	assumed []Assumption
	fates   map[string]Fate
	keep    []*tensor.View // those inference needs
	ropes   []*tensor.View // the blocks' names for the rotary buffers
	missing []string       // unused ones that are not there
	surplus []string       // those that no Visualized-BGE has, by their names in the file
}

// ErrIncomplete means that a checkpoint lacks tensors which inference needs.
var ErrIncomplete = errors.New("tensors are missing")

// newPlan infers the configuration, which o completes, and checks every name, shape and type against
// it. Where that fails, the plan says as much as could be found out; it is never nil.
func newPlan(tensors []*tensor.View, o ConvertOptions) (*plan, error) {
	p := &plan{naming: &naming{}, fates: make(map[string]Fate, len(tensors))}
	names, err := rename(tensors)
	if err != nil {
		return p, err
	}
	p.naming = names
	shapes := make(map[string][]int, len(tensors))
	left := make(map[string]*tensor.View, len(tensors))
	for _, t := range names.tensors {
		shapes[t.Name], left[t.Name] = t.Shape, t
	}
	if p.config, p.assumed, err = infer(shapes, o.Config); err != nil {
		return p, err
	}
	if o.Pooling != nil {
		p.config.Pooling = *o.Pooling
	}
	var lacking []string
	var problems []error
	for _, want := range layout(p.config) {
		t, ok := left[want.name]
		delete(left, want.name)
		switch {
		case ok:
			fate, err := p.judge(t, want)
			p.fates[t.Name] = fate
			if err != nil {
				problems = append(problems, err)
			}
		case want.role == needed:
			lacking = append(lacking, want.name)
		default:
			p.missing = append(p.missing, want.name)
		}
	}
	p.rest(left)
	if len(lacking) > 0 {
		problems = append(problems, fmt.Errorf("%w: %s", ErrIncomplete, listed(lacking)))
	}
	return p, errors.Join(problems...)
}

// judge decides what becomes of a tensor that the layout has.
func (p *plan) judge(t *tensor.View, want layoutTensor) (Fate, error) {
	switch {
	case !slices.Equal(t.Shape, want.shape):
		return Refused, &TensorError{Name: want.name, Want: want.shape, Found: append([]int{}, t.Shape...)}
	case want.role == unused:
		return Unused, nil
	case !t.DType.IsWeight():
		return Refused, fmt.Errorf("tensor %s is of type %s; float32, float16 and bfloat16 are read", t.Name, t.DType)
	case want.role == sameRope:
		p.ropes = append(p.ropes, t)
		return Shared, nil
	}
	p.keep = append(p.keep, t)
	return Kept, nil
}

// rest decides what becomes of the tensors that the layout does not have.
func (p *plan) rest(left map[string]*tensor.View) {
	for _, t := range p.tensors {
		switch _, ok := left[t.Name]; {
		case !ok:
		// Versions of transformers before 4.31 saved this buffer, which only counts 0, 1, 2, ...
		case t.Name == "bge_embeddings.position_ids":
			p.fates[t.Name] = Unused
		default:
			p.fates[t.Name] = Surplus
			p.surplus = append(p.surplus, p.before[t.Name])
		}
	}
}

// fits makes sure that the tensors that are kept, which may share storages, are no more than the file.
func (p *plan) fits(fileBytes int64) error {
	var total int64
	for _, t := range p.keep {
		n, err := tensor.Count(t.Shape)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		total += int64(n * t.DType.Size())
	}
	if total > fileBytes {
		return fmt.Errorf("the tensors hold %d bytes, the whole file %d: they overlap", total, fileBytes)
	}
	return nil
}
