package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"vbge/weights"
)

func newConvert() *cobra.Command {
	var o weights.ConvertOptions
	var config string
	c := &cobra.Command{
		Use:   "convert CHECKPOINT.pth",
		Short: "Make a model folder of a PyTorch checkpoint",
		Long: `Reads the checkpoint without Python, checks every tensor against the configuration that
the tensors themselves imply, and writes a model folder.`,
		Example: "  vbge convert Visualized_base_en_v1.5.pth --vocab vocab.txt --out models/base",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if config != "" {
				given, err := weights.ReadConfig(config)
				if err != nil {
					return fmt.Errorf("%w: %w", errUsage, err)
				}
				o.Config = &given
			}
			report, err := weights.Convert(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), report)
			return err
		},
	}
	c.Flags().StringVar(&o.Vocab, "vocab", "vocab.txt", "vocabulary of bge-base-en-v1.5, one token a line")
	c.Flags().StringVar(&o.Out, "out", "models/base", "model folder to write; one that is there is replaced")
	c.Flags().StringVar(&config, "config", "", "JSON file with what the tensors cannot tell; see docs/model.md")
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
	report, err := weights.Convert(ctx, checkpoint, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, report)
	return err
}
