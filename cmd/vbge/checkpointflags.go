package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vbge/weights"
)

// checkpointFlags say what a checkpoint's tensors cannot.
type checkpointFlags struct {
	config  string
	pooling weights.Pooling
}

func (f *checkpointFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "JSON file with what the tensors cannot tell; see docs/model.md")
	c.Flags().TextVar(&f.pooling, "pooling", weights.PoolCLS, "`kind` of pooling, if not what --config says: cls, the first token's vector, or mean, that of all tokens")
}

// apply reads the file and fills in o's Config and Pooling.
func (f *checkpointFlags) apply(c *cobra.Command, o *weights.ConvertOptions) error {
	if f.config != "" {
		given, err := weights.ReadConfig(f.config)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		o.Config = &given
	}
	if c.Flags().Changed("pooling") {
		o.Pooling = &f.pooling
	}
	return nil
}
