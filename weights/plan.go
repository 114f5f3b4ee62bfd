package weights

import (
	"errors"
	"fmt"
	"slices"

	"vbge/weights/tensor"
)

// plan is what a checkpoint's tensors amount to under its configuration.
type plan struct {
	config  Config
	assumed []Assumption
	keep    []*tensor.View // those inference needs
	ropes   []*tensor.View // the blocks' names for the rotary buffers
	missing []string       // unused ones that are not there
	surplus []string       // those that no Visualized-BGE has
}

// ErrIncomplete means that a checkpoint lacks tensors which inference needs.
var ErrIncomplete = errors.New("tensors are missing")

// newPlan infers the configuration and checks every name, shape and type against it.
func newPlan(tensors []*tensor.View, given *Config) (*plan, error) {
	shapes := make(map[string][]int, len(tensors))
	byName := make(map[string]*tensor.View, len(tensors))
	for _, t := range tensors {
		shapes[t.Name], byName[t.Name] = t.Shape, t
	}
	c, assumed, err := infer(shapes, given)
	if err != nil {
		return nil, err
	}
	p := &plan{config: c, assumed: assumed}
	var lacking []string
	var problems []error
	for _, want := range layout(c) {
		t, ok := byName[want.name]
		delete(byName, want.name)
		switch {
		case !ok && want.role == needed:
			lacking = append(lacking, want.name)
		case !ok:
			p.missing = append(p.missing, want.name)
		case !slices.Equal(t.Shape, want.shape):
			problems = append(problems, &TensorError{Name: want.name, Want: want.shape, Found: append([]int{}, t.Shape...)})
		case want.role == unused:
		case !t.DType.IsWeight():
			problems = append(problems, fmt.Errorf("tensor %s is of type %s; float32, float16 and bfloat16 are read", t.Name, t.DType))
		case want.role == sameRope:
			p.ropes = append(p.ropes, t)
		default:
			p.keep = append(p.keep, t)
		}
	}
	for _, t := range tensors {
		// Versions of transformers before 4.31 saved this buffer, which only counts 0, 1, 2, ...
		if _, left := byName[t.Name]; left && t.Name != "bge_embeddings.position_ids" {
			p.surplus = append(p.surplus, t.Name)
		}
	}
	if len(lacking) > 0 {
		problems = append(problems, fmt.Errorf("%w: %s", ErrIncomplete, listed(lacking)))
	}
	return p, errors.Join(problems...)
}

// bytes returns the size of the tensors that are kept.
func (p *plan) bytes() (total int64, err error) {
	for _, t := range p.keep {
		n, err := tensor.Count(t.Shape)
		if err != nil {
			return 0, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		total += int64(n * t.DType.Size())
	}
	return total, nil
}
