package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vbge/weights"
	"vbge/weights/tensor"
)

// exportTypes are the values of --dtype.
var exportTypes = map[string]tensor.DType{"as-is": "", "float32": tensor.F32, "float16": tensor.F16, "bfloat16": tensor.BF16}

func newExport() *cobra.Command {
	var dir, dtype string
	c := &cobra.Command{
		Use:   "export OUT.pth|OUT.safetensors",
		Short: "Write a model folder as a checkpoint that PyTorch loads",
		Long: `Writes the model folder as one file, with the names, shapes and order of the released checkpoint,
as torch.save or as safetensors does. What inference does not use is not in a model folder; it is
filled in with zeros, and ones for a norm's weight, so that load_state_dict takes the file with
strict=True. A file that is there is not replaced.`,
		Example: "  vbge export --model models/base base.safetensors",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			as, ok := exportTypes[dtype]
			if !ok {
				return fmt.Errorf("%w: --dtype %s is none of as-is, float32, float16, bfloat16", errUsage, dtype)
			}
			report, err := weights.Export(c.Context(), dir, args[0], as)
			if errors.Is(err, weights.ErrExportName) {
				err = fmt.Errorf("%w: %w", errUsage, err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), report)
			return err
		},
	}
	addModelDir(c, &dir)
	c.Flags().StringVar(&dtype, "dtype", "as-is", "type of the elements: as-is, float32, float16 or bfloat16")
	return c
}
