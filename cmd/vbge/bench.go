package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vbge/engine/bench"
	"vbge/engine/model"
	"vbge/weights"
	"vbge/weights/npy"
)

func newBench() *cobra.Command {
	var m modelFlags
	o := bench.Options{Batches: []int{1, 8, 32}, Rounds: 3, Time: 6 * time.Second}
	var vectors string
	var asJSON bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure images, pairs and texts a second, beside the machine's limit",
		Long: `Runs the model, without decoding pictures, on batches of random inputs, and the bare matrix
products of the same library in the same run: the share says how much of the limit is used.
A text, and a pair's words, have ` + fmt.Sprint(bench.TextTokens) + ` tokens. All figures are medians.

The model is the full-size one with random weights, or a model folder.`,
		Example: "  vbge bench --model random --kinds image --batches 8 --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := m.check(); err != nil {
				return err
			}
			for _, kind := range o.Kinds {
				if _, _, err := bench.Input(kind); err != nil {
					return fmt.Errorf("%w: --kinds: %w", errUsage, err)
				}
			}
			if len(o.Batches) == 0 || slices.Min(o.Batches) < 1 || o.Rounds < 1 || o.Time < 0 {
				return fmt.Errorf("%w: --batches and --rounds are positive numbers, --time is not negative", errUsage)
			}
			o.Engine = m.options
			if vectors != "" {
				o.Vectors = writeVectors(vectors)
			}
			return runBench(c.Context(), m.dir, o, asJSON, c.OutOrStdout())
		},
	}
	c.AddCommand(newPredict(), newQuality(), newBenchProfile(), newBenchHTTP())
	c.Flags().StringVar(&m.dir, "model", randomModel, "model folder, or random: the full-size model with random weights")
	m.addDevice(c)
	c.Flags().StringSliceVar(&o.Kinds, "kinds", nil, "what to embed: of "+strings.Join(bench.Kinds, ", ")+", or text and a number of tokens, as in text128; by default all that the model takes")
	c.Flags().IntSliceVar(&o.Batches, "batches", o.Batches, "inputs in a batch")
	c.Flags().DurationVar(&o.Time, "time", o.Time, "for each kind and batch")
	c.Flags().IntVar(&o.Rounds, "rounds", o.Rounds, "over which kinds and batches take turns")
	c.Flags().StringVar(&vectors, "vectors", "", "folder for the vectors of each kind and batch, as in image-8.npy: to compare with another program that draws the same inputs")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

// writeVectors returns what writes arrays into a folder: KIND-BATCH.npy.
func writeVectors(dir string) func(kind string, batch int, values []float32) error {
	return func(kind string, batch int, values []float32) error {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.npy", kind, batch)))
		if err != nil {
			return fmt.Errorf("write --vectors: %w", err)
		}
		return errors.Join(npy.WriteFloat32(f, []int{batch, len(values) / batch}, values), f.Close())
	}
}

func runBench(ctx context.Context, dir string, o bench.Options, asJSON bool, out io.Writer) error {
	w, closeWeights, err := benchWeights(dir)
	if err != nil {
		return err
	}
	defer closeWeights()
	o.Weights = w
	if len(o.Kinds) == 0 {
		o.Kinds = bench.KindsOf(w.Config())
	}
	r, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "device %s, %s, %d threads; bare matrix products %.0f GFLOP/s\n", r.Device, r.Precision, r.Threads, r.ProductGFLOPs)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "kind\tbatch\tper second\ttokens/s\tGFLOP/s\tof products\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.0f\t%.0f\t%.0f%%\t\n", row.Kind, row.Batch, row.PerSecond, row.Tokens, row.GFLOPs, 100*row.Share)
	}
	return t.Flush()
}

// benchWeights returns the weights that --model names, and what gives them back.
func benchWeights(dir string) (model.Weights, func(), error) {
	if dir == randomModel {
		return weights.Random(weights.Base(), 0), func() {}, nil
	}
	folder, err := weights.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	return folder, func() { folder.Close() }, nil
}
