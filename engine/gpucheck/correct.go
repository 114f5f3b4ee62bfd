package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vbge/cuda"
	"vbge/engine"
	"vbge/engine/golden"
	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
	"vbge/weights"
)

// Golden says how far a model's embeddings are from the original's in float32.
type Golden struct {
	Model      string       `json:"model"`
	Precision  string       `json:"precision"`
	Examples   int          `json:"examples"`
	Difference float64      `json:"difference"` // the largest of all values
	Cosine     float64      `json:"cosine"`     // the smallest of all vectors
	Bound      golden.Bound `json:"bound"`
}

// OK reports whether the row is within its bound; a NaN is not.
func (g Golden) OK() bool { return g.Difference <= g.Bound.Difference && g.Cosine >= g.Bound.Cosine }

// Form says how far operations are from engine/ref.
type Form struct {
	Precision  string  `json:"precision"`
	Passes     int     `json:"passes"`
	Worst      string  `json:"worst"` // name of the pass with the largest difference
	Difference float64 `json:"difference"`
	Bound      float64 `json:"bound"`
}

// OK reports whether the row is within its bound; a NaN is not.
func (f Form) OK() bool { return f.Difference <= f.Bound }

// storages are those of a GPU, the default first.
var storages = []cuda.Type{cuda.BFloat16, cuda.Float16, cuda.Float32}

func (c *check) device(context.Context) error {
	usable := c.report.Found.Usable()
	if len(usable) == 0 {
		return fmt.Errorf("%w: no GPU to check: %v", engine.ErrDevice, c.report.Found.Reasons)
	}
	for _, d := range usable {
		if name := fmt.Sprintf("cuda:%d", d.Index); c.Device == name || c.Device == "cuda" && d.Index == 0 || c.Device == "auto" || c.Device == "" {
			c.report.Device, c.Device = d, name
			return nil
		}
	}
	return fmt.Errorf("%w: --device %s: the usable devices are %v", engine.ErrDevice, c.Device, usable)
}

// open starts the device. The caller closes it.
func (c *check) open(t cuda.Type) (op.Backend, model.Options, error) {
	return engine.OpenDevice(engine.Options{Device: c.Device, Precision: engine.PrecisionOf(t)})
}

// golden runs the golden models in every precision.
func (c *check) golden(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "vbge-gpu-check-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tiny, err := golden.Convert(ctx, c.Reference, "tiny", dir+"/tiny")
	if err != nil {
		return err
	}
	defer tiny.Close()
	models := []struct {
		name    string
		set     func(string) (golden.Set, error)
		weights model.Weights
	}{{"tiny", golden.Tiny, tiny}}
	if c.DryRun {
		c.missing("the full-size model's golden vectors: left out of a dry run")
	} else {
		models = append(models, models[0])
		models[1].name, models[1].set, models[1].weights = "base, seed 0", golden.Base, weights.Random(weights.Base(), 0)
	}
	for _, m := range models {
		set, err := m.set(c.Reference)
		if err != nil {
			return err
		}
		for _, t := range storages {
			row, err := c.goldenRow(ctx, t, m.weights, set.All())
			if err != nil {
				return fmt.Errorf("%s in %v: %w", m.name, t, err)
			}
			row.Model = m.name
			c.report.Golden = append(c.report.Golden, row)
		}
	}
	return nil
}

func (c *check) goldenRow(ctx context.Context, t cuda.Type, w model.Weights, examples []golden.Example) (row Golden, err error) {
	b, options, err := c.open(t)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	m, err := model.Load(b, w, options)
	if err != nil {
		return row, err
	}
	got, err := golden.Embed(ctx, b, m, examples...)
	if err != nil {
		return row, err
	}
	row = Golden{Precision: engine.PrecisionOf(t), Examples: len(examples), Bound: golden.BoundOf(t)}
	row.Difference, row.Cosine = golden.Worst(got, examples)
	return row, nil
}

// forms runs every form of every operation, and random passes, on the device and on engine/ref.
func (c *check) forms(ctx context.Context) error {
	forms := append(optest.Forms(), optest.Empty()...)
	headWidth := func(r *optest.Recording) int { return gpu.HeadWidths[r.Random.IntN(len(gpu.HeadWidths))] }
	forms = append(forms, optest.Form{Name: "random pass", Record: optest.Random(headWidth)})
	seeds := uint64(3)
	if c.DryRun {
		seeds = 1
	}
	for _, t := range storages {
		row, err := c.formRow(ctx, t, forms, seeds)
		if err != nil {
			return fmt.Errorf("in %v: %w", t, err)
		}
		c.report.Forms = append(c.report.Forms, row)
	}
	return nil
}

func (c *check) formRow(ctx context.Context, t cuda.Type, forms []optest.Form, seeds uint64) (row Form, err error) {
	b, _, err := c.open(t)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	row = Form{Precision: engine.PrecisionOf(t), Bound: optest.Bound(t)}
	for _, form := range forms {
		for seed := range seeds {
			got, err := optest.Run(ctx, b, seed, form.Record)
			if errors.Is(err, gpu.ErrHeadWidth) {
				continue
			}
			if err != nil {
				return row, fmt.Errorf("%s: %w", form.Name, err)
			}
			want, err := optest.Run(ctx, ref.New(), seed, form.Record)
			if err != nil {
				return row, fmt.Errorf("%s on engine/ref: %w", form.Name, err)
			}
			if off := optest.Distance(got, want); !(off <= row.Difference) {
				row.Difference, row.Worst = off, form.Name
			}
			row.Passes++
		}
	}
	return row, nil
}
