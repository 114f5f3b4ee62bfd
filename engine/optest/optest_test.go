package optest

import (
	"math"
	"testing"
)

func TestDistance(t *testing.T) {
	nan := float32(math.NaN())
	for _, test := range []struct {
		got, want []float32
		distance  float64
	}{
		{nil, nil, 0},
		{[]float32{1, 2}, []float32{1, 2}, 0},
		{[]float32{0.5, -0.25}, []float32{0.25, 0}, 0.25},
		{[]float32{110}, []float32{100}, 0.1},
		{[]float32{1}, []float32{1, 2}, math.Inf(1)},
		{[]float32{nan, 1}, []float32{1, 2}, math.NaN()},
		{[]float32{1, nan}, []float32{2, 1}, math.NaN()},
		{[]float32{1, 1}, []float32{nan, 2}, math.NaN()},
	} {
		got := Distance(test.got, test.want)
		if math.IsNaN(got) != math.IsNaN(test.distance) || !math.IsNaN(got) && math.Abs(got-test.distance) > 1e-9 {
			t.Errorf("distance of %v from %v is %v, want %v", test.got, test.want, got, test.distance)
		}
	}
}
