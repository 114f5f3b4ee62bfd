package engine

import (
	"context"
	"fmt"

	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/weights"
)

// MemoryPlans states what each GPU that o names would hold for a model of configuration c. Nothing is
// started. It is empty where o names no GPU, and an error that wraps gpu.ErrMemory comes with the plan
// that does not fit.
func MemoryPlans(c weights.Config, o Options) ([]gpu.Memory, error) {
	targets, err := o.targets()
	if err != nil || targets[0].kind != "cuda" {
		return nil, err
	}
	storage, err := o.onGPU()
	if err != nil {
		return nil, err
	}
	o = o.withBudget(targets)
	meter := gpu.NewMeter(storage)
	m, err := model.Load(meter, weights.Shapes(c), model.Options{PooledRowOnly: true})
	if err != nil {
		return nil, err
	}
	passes, err := recordAll(m, largest(rehearsals(c, o)))
	if err != nil {
		return nil, err
	}
	for _, p := range passes {
		if err := meter.Run(context.Background(), p); err != nil {
			return nil, fmt.Errorf("plan a pass: %w", err)
		}
	}
	var plans []gpu.Memory
	devices := gpu.Find().Devices
	for _, t := range targets {
		for _, d := range devices {
			if d.Index == t.index {
				plans = append(plans, gpu.MemoryOf(meter, gpu.Options{Device: t.index}, o.MaxBatchTokens, d.Memory))
			}
		}
	}
	for _, p := range plans {
		if err := p.Check(); err != nil {
			return plans, err
		}
	}
	return plans, nil
}
