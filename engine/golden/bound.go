package golden

import (
	"strings"

	"vbge/cuda"
)

// Bound is how far an embedding may be from the original's.
type Bound struct {
	Difference float64 `json:"difference"` // at most, in each value
	Cosine     float64 `json:"cosine"`     // at least
}

// BoundOn returns the bound of a device, by the name that --device has for it, that stores as t. On a
// CPU sums are of float32 and little else differs.
func BoundOn(device string, t cuda.Type) Bound {
	if strings.HasPrefix(device, "cuda") {
		return BoundOf(t)
	}
	return Bound{Difference: 5e-6, Cosine: 1 - 1e-6}
}

// BoundOf returns the bound of a GPU that stores weights and activations as t. Float32 differs from the
// original by the order of sums alone. The 16-bit types round every activation: 8 and 11
// significant bits, over some dozen layers.
func BoundOf(t cuda.Type) Bound {
	switch t {
	case cuda.BFloat16:
		return Bound{Difference: 0.01, Cosine: 0.999}
	case cuda.Float16:
		return Bound{Difference: 0.002, Cosine: 0.9999}
	}
	return Bound{Difference: 1e-5, Cosine: 1 - 1e-6}
}
