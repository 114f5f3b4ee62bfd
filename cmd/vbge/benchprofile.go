package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine/bench"
)

func newBenchProfile() *cobra.Command {
	var m modelFlags
	kind, batch, asJSON := "image", 8, false
	var duration time.Duration
	c := &cobra.Command{
		Use:   "profile",
		Short: "Say what each operation of the CPU engine takes, beside what the processors can do at most",
		Long: `Runs a batch over and over and prints the time of each kind of operation, all processors' divided by
their number; its arithmetic and the bytes of its operands and results a second; and the shares that these are of the
multiply-adds that the processors can do and of the bytes that they can read from memory, measured in the same run.
Operations that are computed together are counted as the first of them. Operands that a cache has move faster than memory.`,
		Example: "  vbge bench profile --precision bfloat16 --kind image --batch 8",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := m.check(); err != nil {
				return err
			}
			if !slices.Contains(bench.Kinds, kind) || batch < 1 {
				return fmt.Errorf("%w: --kind %s --batch %d: choose a kind of %s, and a positive number", errUsage, kind, batch, strings.Join(bench.Kinds, ", "))
			}
			o := bench.Options{Engine: m.options, Kinds: []string{kind}, Batches: []int{batch}, Time: duration}
			return runProfile(c.Context(), m.dir, o, asJSON, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&m.dir, "model", randomModel, "model folder, or random: the full-size model with random weights")
	m.addDevice(c)
	c.Flags().StringVar(&kind, "kind", kind, "what to embed: one of "+strings.Join(bench.Kinds, ", "))
	c.Flags().IntVar(&batch, "batch", batch, "inputs in a batch")
	c.Flags().DurationVar(&duration, "time", 5*time.Second, "to measure")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

func runProfile(ctx context.Context, dir string, o bench.Options, asJSON bool, out io.Writer) error {
	w, closeWeights, err := benchWeights(dir)
	if err != nil {
		return err
	}
	defer closeWeights()
	o.Weights = w
	r, err := bench.Profile(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "device %s, %s, %d processors; at most %.0f GFLOP/s, %.0f GB/s from memory; %s, batch %d: %.1f ms\n",
		r.Device, r.Precision, r.Processors, r.PeakGFLOPs, r.PeakGBs, r.Kind, r.Batch, r.Wall)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tcount\tms\tshare\tproducts\tGFLOP/s\tof peak\tGB/s\tof memory\t")
	for _, row := range r.Operations {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.1f%%\t%.0f%%\t%.0f\t%.0f%%\t%.1f\t%.0f%%\t\n", row.Operation, row.Count, row.Time, 100*row.Share,
			100*row.Products, row.GFLOPs, 100*row.OfPeak, row.GBs, 100*row.OfMemory)
	}
	return t.Flush()
}
