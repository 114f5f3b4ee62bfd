package gpucheck

import (
	"context"
	"fmt"

	"vbge/engine"
	"vbge/engine/bench"
	"vbge/engine/gpu/roofline"
	"vbge/weights"
)

// Rate is how many inputs a second the device embeds, two batches in flight.
type Rate struct {
	Precision string  `json:"precision"`
	Kind      string  `json:"kind"` // image, pair, text
	Batch     int     `json:"batch"`
	PerSecond float64 `json:"per_second"`
	TFLOPs    float64 `json:"tflops"`
	// Utilisation is the share of the device's stated matrix peak, or 0 where none is known.
	Utilisation float64 `json:"utilisation"`
}

// rates measures the full-size model with random weights, or in a dry run the tiny one.
func (c *check) rates(ctx context.Context) error {
	config, batches := weights.Base(), []int{1, 8, 32, 80}
	if c.DryRun {
		config, batches = tinyConfig(), []int{1}
	}
	for _, t := range storages[:2] { // what is meant for GPUs
		precision := engine.PrecisionOf(t)
		r, err := bench.Run(ctx, bench.Options{
			Engine:  engine.Options{Device: c.Device, Precision: precision},
			Weights: weights.Random(config, 0), Kinds: bench.Kinds, Batches: batches, Time: c.Time, Rounds: 3,
		})
		if err != nil {
			return fmt.Errorf("in %s: %w", precision, err)
		}
		for _, row := range r.Rows {
			rate := Rate{Precision: precision, Kind: row.Kind, Batch: row.Batch, PerSecond: row.PerSecond, TFLOPs: row.GFLOPs / 1e3}
			if peak, ok := c.peak(); ok {
				rate.Utilisation = rate.TFLOPs / peak.MatrixTFLOPs
			}
			c.report.Rates = append(c.report.Rates, rate)
		}
	}
	return nil
}

// peak returns what is stated of the device, if it is one of those known.
func (c *check) peak() (roofline.GPU, bool) { return roofline.Named(c.report.Device.Name) }

func tinyConfig() weights.Config {
	config := weights.Base()
	config.ImageSize = 64
	config.Vision.Width, config.Vision.Layers = 128, 2
	config.Text.VocabSize, config.Text.Hidden, config.Text.Layers, config.Text.Heads, config.Text.Intermediate = 480, 128, 2, 2, 256
	return config
}
