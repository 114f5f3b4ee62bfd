package roofline

import (
	"context"
	"fmt"

	"vbge/cuda"
	"vbge/engine/bench"
	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/weights"
)

// Planner plans batches of a model that has shapes and no weights.
type Planner struct {
	config weights.Config
	meter  *gpu.Meter
	model  *model.Model
}

// NewPlanner returns a planner for a model of that configuration on a device that stores weights and
// activations as t.
func NewPlanner(c weights.Config, t cuda.Type) (*Planner, error) {
	p := &Planner{config: c, meter: gpu.NewMeter(t)}
	var err error
	if p.model, err = model.Load(p.meter, weights.Shapes(c), model.Options{PooledRowOnly: true}); err != nil {
		return nil, fmt.Errorf("shapes of the model: %w", err)
	}
	return p, nil
}

// Parameters returns the bytes of the model's weights and tables on the device.
func (p *Planner) Parameters() int64 { return p.meter.Parameters }

// Plan plans a batch of one of bench.Kinds, and counts its tokens.
func (p *Planner) Plan(kind string, batch int) (*gpu.Plan, int, error) {
	pass, tokens, err := bench.Record(p.model, p.config, kind, batch)
	if err != nil {
		return nil, 0, err
	}
	p.meter.Plans = nil
	if err := p.meter.Run(context.Background(), pass); err != nil {
		return nil, 0, err
	}
	return p.meter.Plans[0], tokens, nil
}
