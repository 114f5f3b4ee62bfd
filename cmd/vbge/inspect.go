package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"vbge/weights"
)

func newInspect() *cobra.Command {
	var f checkpointFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect CHECKPOINT",
		Short: "List a checkpoint's tensors and what convert would do with them",
		Long: `Lists names, types, shapes and storages (shared ones, offsets, strides), the configuration that
they imply, and what convert would keep or leave out, or why it would refuse the file. It reads the
structure alone, not the weights. A storage of a safetensors file is named by its first byte.`,
		Example: "  vbge inspect Visualized_base_en_v1.5.pth",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			var o weights.ConvertOptions
			if err := f.apply(c, &o); err != nil {
				return err
			}
			i, err := weights.Inspect(args[0], o)
			if err != nil {
				return err
			}
			if !asJSON {
				_, err = fmt.Fprint(c.OutOrStdout(), i)
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(i)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
