package main

import (
	"errors"
	"fmt"
	"os"

	"vbge/weights/npy"
)

func createNPY(path string) (*os.File, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write --npy: %w", err)
	}
	return f, nil
}

// writeNPY closes f.
func writeNPY(f *os.File, shape []int, values []float32) error {
	if err := errors.Join(npy.WriteFloat32(f, shape, values), f.Close()); err != nil {
		return fmt.Errorf("write --npy %s: %w", f.Name(), err)
	}
	return nil
}
