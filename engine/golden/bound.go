package golden

import (
	"math"
	"strings"

	"vbge/cuda"
)

// Bound is how far an embedding may be from the original's.
type Bound struct {
	Difference float64 `json:"difference"` // at most, in each value
	Cosine     float64 `json:"cosine"`     // at least
}

// BoundOn returns the bound of a device at a precision, by the names that --device and --precision have for them. On
// a CPU float32's sums are of float32 and little else differs; the others promise a cosine, and a value can be no
// farther off than that allows.
func BoundOn(device, precision string) Bound {
	onGPU := strings.HasPrefix(device, "cuda")
	switch {
	case onGPU && precision == "bfloat16":
		return BoundOf(cuda.BFloat16)
	case onGPU && precision == "float16":
		return BoundOf(cuda.Float16)
	case onGPU:
		return BoundOf(cuda.Float32)
	case precision == "bfloat16":
		return allowing(0.9995)
	case precision == "int8":
		return allowing(0.995)
	}
	return Bound{Difference: 5e-6, Cosine: 1 - 1e-6}
}

// allowing returns the bound of unit vectors with such a cosine: they are sqrt(2 - 2 cosine) apart.
func allowing(cosine float64) Bound {
	return Bound{Difference: math.Sqrt(2 - 2*cosine), Cosine: cosine}
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
