//go:build native

package model_test

import (
	"testing"

	"vbge/engine/golden"
	"vbge/weights"
)

// drawn keeps what was drawn of a random model: that takes longer than all else here.
type drawn struct {
	*weights.RandomModel
	tensors map[string][]float32
}

func (d drawn) Float32(name string, shape ...int) (values []float32, err error) {
	if values = d.tensors[name]; values == nil {
		values, err = d.RandomModel.Float32(name, shape...)
		d.tensors[name] = values
	}
	return values, err
}

// TestBaseSeed0 builds the full-size model in memory. On ref it would take minutes, so it is for builds with
// native code alone. The bounds are what is promised of each precision.
func TestBaseSeed0(t *testing.T) {
	_, arrays := readTrace(t, "base_seed0")
	set, w := read(t, golden.Base), drawn{weights.Random(weights.Base(), 0), map[string][]float32{}}
	eachPrecision(t, func(t *testing.T, d device) {
		d.bound = golden.BoundOn("cpu", string(d.precision))
		m := load(t, d, w)
		compare(t, "base image", d, m, set.Images)
		compare(t, "base text", d, m, set.Texts)
		compare(t, "base pair", d, m, set.Pairs)
		compareStages(t, d, m, "trace_image/", arrays, set.Images[0], 28)
	})
}
