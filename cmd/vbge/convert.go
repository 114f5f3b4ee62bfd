package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/selftest"
	"vbge/weights"
)

func newConvert() *cobra.Command {
	var o weights.ConvertOptions
	var f checkpointFlags
	c := &cobra.Command{
		Use:   "convert CHECKPOINT",
		Short: "Make a model folder of a PyTorch or safetensors checkpoint",
		Long: `Reads the checkpoint without Python, checks every tensor against the configuration that
the tensors themselves imply, and writes a model folder. A BERT without a vision tower becomes a
model for texts alone. What the model makes of a known input is kept in the folder: a server
computes it again to see whether its device still does what it should.`,
		Example: "  vbge convert Visualized_base_en_v1.5.pth --vocab vocab.txt --out models/base",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.apply(c, &o); err != nil {
				return err
			}
			return convert(c.Context(), args[0], o, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.Vocab, "vocab", "vocab.txt", "the model's vocabulary, one token a line")
	c.Flags().StringVar(&o.Out, "out", "models/base", "model folder to write; one that is there is replaced")
	f.add(c)
	return c
}

// convertOnce makes the model folder, unless an earlier run has.
func convertOnce(ctx context.Context, checkpoint string, o weights.ConvertOptions, out io.Writer) error {
	folder, err := weights.Open(o.Out)
	if err == nil {
		return folder.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := convert(ctx, checkpoint, o, out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out)
	return err
}

func convert(ctx context.Context, checkpoint string, o weights.ConvertOptions, out io.Writer) error {
	var kept *selftest.Kept
	o.SelfTest = func(dir string) (_ []byte, err error) {
		if kept, err = makeSelfTest(ctx, dir); err != nil {
			return nil, err
		}
		return kept.Encode()
	}
	report, err := weights.Convert(ctx, checkpoint, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%sself-test %s\n", report, kept)
	return err
}

// makeSelfTest embeds the known inputs in float32, which every device and precision is held against.
func makeSelfTest(ctx context.Context, dir string) (*selftest.Kept, error) {
	o := engine.Options{Device: "ref", Precision: "float32"}
	if cpu.Built {
		o.Device = "cpu"
	}
	e, err := engine.Open(dir, o)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	kept, err := selftest.Make(ctx, e)
	if err != nil {
		return nil, err
	}
	return kept, kept.KeepOthers(ctx, e)
}
