package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vbge/cuda"
	"vbge/engine/bench"
	"vbge/engine/gpu/roofline"
	"vbge/weights"
)

func newPredict() *cobra.Command {
	key, kind, batch := "h100", "image", 32
	var keys []string
	for _, g := range roofline.GPUs() {
		keys = append(keys, g.Key)
	}
	c := &cobra.Command{
		Use:   "predict",
		Short: "Predict, from stated peaks, how long each step takes on a GPU",
		Long: `Plans a batch of the full-size model in bfloat16 as the CUDA engine does and predicts every step's
time from the figures that the GPU's maker states. It needs no GPU and measures nothing: docs/gpu.md
says what it assumes. A text, and a pair's words, have ` + fmt.Sprint(bench.TextTokens) + ` tokens.`,
		Example: "  vbge bench predict --gpu l4 --kind text --batch 64",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			g, ok := roofline.Find(key)
			if !ok {
				return fmt.Errorf("%w: --gpu %s: choose of %s", errUsage, key, strings.Join(keys, ", "))
			}
			if !slices.Contains(bench.Kinds, kind) {
				return fmt.Errorf("%w: --kind %s: choose of %s", errUsage, kind, strings.Join(bench.Kinds, ", "))
			}
			if batch < 1 || batch > mostPredicted {
				return fmt.Errorf("%w: --batch is a number from 1 to %d", errUsage, mostPredicted)
			}
			return runPredict(g, kind, batch, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&key, "gpu", key, strings.Join(keys, ", "))
	c.Flags().StringVar(&kind, "kind", kind, "what to embed: "+strings.Join(bench.Kinds, ", "))
	c.Flags().IntVar(&batch, "batch", batch, "inputs in the batch")
	return c
}

// mostPredicted is more inputs than any device holds: the batch's pixels are made in memory.
const mostPredicted = 1024

func runPredict(g roofline.GPU, kind string, batch int, out io.Writer) error {
	planner, err := roofline.NewPlanner(weights.Base(), cuda.BFloat16)
	if err != nil {
		return err
	}
	plan, tokens, err := planner.Plan(kind, batch)
	if err != nil {
		return err
	}
	r := roofline.Predict(plan, g)
	fmt.Fprintf(out, "Prediction, not a measurement: %s, %.0f TFLOP/s, %.0f GB/s (%s).\n", g.Name, g.MatrixTFLOPs, g.BandwidthGBs, g.Source)
	fmt.Fprintf(out, "Batch of %d, kind %s, %d tokens, bfloat16.\n\n", batch, kind, tokens)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "launches\tMB\tGFLOP\tms\tof all\t  step")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%d\t%.1f\t%.1f\t%.3f\t%.1f%%\t  %s\n", row.Launches, float64(row.Cost.Bytes())/1e6,
			float64(row.Cost.MatrixFLOPs)/1e9, milliseconds(row.Time), percent(row.Time, r.Time()), row.Name)
	}
	fmt.Fprintf(t, "%d\t\t\t%.3f\t%.1f%%\t  between launches\n", r.Launches, milliseconds(r.Launching), percent(r.Launching, r.Time()))
	fmt.Fprintf(t, "%d\t%.1f\t%.1f\t%.3f\t100.0%%\t  together\n", r.Launches, float64(r.Cost.Bytes())/1e6,
		float64(r.Cost.MatrixFLOPs)/1e9, milliseconds(r.Time()))
	if err := t.Flush(); err != nil {
		return err
	}
	memory, cached := r.OtherShare()
	fmt.Fprintf(out, "\n%.0f a second; %.0f%% of the matrix peak; neither products nor attention: %.1f%% of the computing,\n%.1f%% where the level 2 cache holds a step's operands.\n",
		float64(batch)/r.Time().Seconds(), 100*r.Utilisation(), 100*memory, 100*cached)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func percent(part, whole time.Duration) float64 { return 100 * float64(part) / float64(whole) }
