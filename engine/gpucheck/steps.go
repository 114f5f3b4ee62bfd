package gpucheck

import (
	"context"
	"errors"
	"slices"
	"time"

	"vbge/engine/bench"
	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

// Step is one kind of launch at one shape, timed alone with the second-level cache flushed before it.
type Step struct {
	Name     string        `json:"name"`
	Launches int           `json:"launches"` // of it in the pass
	Time     time.Duration `json:"time"`     // of one launch: the median of all
	Bytes    int64         `json:"bytes"`    // read and written, at least
	FLOPs    int64         `json:"flops"`    // of matrix products and attention
	// Limit is the time that the device's stated peaks allow, or 0 where none are known.
	Limit time.Duration `json:"limit"`
}

// profiler is a backend that can time a pass's steps one by one.
type profiler interface {
	Profile(ctx context.Context, p *op.Pass, flushL2 bool) ([]gpu.StepTime, error)
}

// steps times every step of a batch of pictures.
func (c *check) steps(ctx context.Context) (err error) {
	b, options, err := c.open(storages[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	config, pictures := weights.Base(), 32
	if c.DryRun {
		config, pictures = tinyConfig(), 1
	}
	m, err := model.Load(b, weights.Random(config, 0), options)
	if err != nil {
		return err
	}
	pass, _, err := bench.Record(m, config, "image", pictures)
	if err != nil {
		return err
	}
	times, err := b.(profiler).Profile(ctx, pass, true)
	if err != nil {
		return err
	}
	peak, known := c.peak()
	if !known {
		c.missing("limits of steps and utilisation: no peaks are stated for a device named %q", c.report.Device.Name)
	}
	c.report.StepPictures, c.report.Steps = pictures, merge(times)
	for i, s := range c.report.Steps {
		if known {
			c.report.Steps[i].Limit = peak.Limit(s.Bytes, s.FLOPs)
		}
	}
	return nil
}

// merge makes one row of all launches of a step of one shape.
func merge(times []gpu.StepTime) []Step {
	var steps []Step
	all := map[string][]time.Duration{}
	for _, t := range times {
		name, cost := gpu.NameOf(t.Step), gpu.CostOf(t.Step)
		if _, ok := all[name]; !ok {
			steps = append(steps, Step{Name: name, Bytes: cost.Bytes(), FLOPs: cost.MatrixFLOPs})
		}
		all[name] = append(all[name], t.Time)
	}
	for i, s := range steps {
		slices.Sort(all[s.Name])
		steps[i].Launches, steps[i].Time = len(all[s.Name]), all[s.Name][len(all[s.Name])/2]
	}
	return steps
}
