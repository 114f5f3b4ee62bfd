package optest

import "vbge/cuda"

// Bound returns how far a pass of this package may be from engine/ref on a device that stores
// weights and activations as t, as Distance measures it: values are about 1, and up to a dozen operations
// round to 8, 11 or 24 significant bits.
func Bound(t cuda.Type) float64 {
	switch t {
	case cuda.BFloat16:
		return 0.15
	case cuda.Float16:
		return 0.02
	}
	return 1e-4
}
