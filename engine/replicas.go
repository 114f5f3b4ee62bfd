package engine

import (
	"errors"
	"fmt"
	"strings"

	"vbge/engine/model"
	"vbge/engine/op"
)

// replica is the model on one device.
type replica struct {
	backend op.Backend
	model   *model.Model
}

// replicas are the model on every device of an engine.
type replicas struct {
	all    []*replica
	passes int // that each gains from having under way
}

// PassesAtOnce is how many passes b gains from having under way.
func PassesAtOnce(b op.Backend) int {
	if p, ok := b.(op.Pipeline); ok {
		return p.Passes()
	}
	return 1
}

func openReplicas(w model.Weights, o Options, targets []target) (replicas, error) {
	var r replicas
	for _, t := range targets {
		one, err := openReplica(w, o, t)
		if err != nil {
			return r, errors.Join(err, r.close())
		}
		r.all = append(r.all, one)
	}
	r.passes = PassesAtOnce(r.all[0].backend) // targets are one CPU or GPUs
	return r, nil
}

func openReplica(w model.Weights, o Options, t target) (*replica, error) {
	backend, modelOptions, err := o.open(t)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(backend, w, modelOptions)
	if err == nil {
		err = warmUp(backend, m, w.Config(), o)
	}
	if err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return &replica{backend, m}, nil
}

func (r *replicas) ready() error {
	for _, one := range r.all {
		if m, ok := one.backend.(op.Monitor); ok {
			if err := m.Ready(); err != nil {
				return fmt.Errorf("device %s: %w", one.backend.Name(), err)
			}
		}
	}
	return nil
}

// onProcessors reports whether devices compute on the processors that decode too: a device that reserves memory
// has processors of its own.
func (r *replicas) onProcessors() bool {
	_, reserves := r.all[0].backend.(op.Warmer)
	return !reserves
}

func (r *replicas) close() error {
	var err error
	for _, one := range r.all {
		err = errors.Join(err, one.backend.Close())
	}
	return err
}

func (r *replicas) name() string {
	names := make([]string, len(r.all))
	for i, one := range r.all {
		names[i] = one.backend.Name()
	}
	return strings.Join(names, ",")
}
