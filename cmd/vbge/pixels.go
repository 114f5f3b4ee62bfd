package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/weights"
)

func newPixels() *cobra.Command {
	var m modelFlags
	var path string
	c := &cobra.Command{
		Use:     "pixels FILE",
		Short:   "Write the normalised pixels that the model sees of a picture",
		Long:    `Writes the [3, S, S] float32 tensor of one picture as a NumPy array, to compare with the original's.`,
		Example: "  vbge pixels --model models/base leopard.jpg --npy pixels.npy",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if path == "" {
				return fmt.Errorf("%w: name the array with --npy FILE", errUsage)
			}
			if err := m.check(); err != nil {
				return err
			}
			folder, err := weights.Open(m.dir)
			if err != nil {
				return err
			}
			defer folder.Close()
			config := folder.Config()
			if !config.TakesPictures() {
				return fmt.Errorf("%s: %w", m.dir, engine.ErrNoVision)
			}
			if !pixels.Exact() {
				for _, caveat := range engine.Caveats("cpu") {
					fmt.Fprintln(c.ErrOrStderr(), "vbge:", caveat)
				}
			}
			file, err := readPicture(args[0], m.options.Limits)
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			crop, err := m.options.Pixels().Crop(file, config.ImageSize)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", errSomeFailed, args[0], err)
			}
			array, err := createNPY(path)
			if err != nil {
				return err
			}
			return writeNPY(array, []int{3, config.ImageSize, config.ImageSize}, pixels.Normalise(crop, config.Mean, config.Std))
		},
	}
	addModelDir(c, &m.dir)
	m.addLimits(c)
	c.Flags().StringVar(&path, "npy", "", "the array to write")
	return c
}
