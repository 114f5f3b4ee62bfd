//go:build native && cgo

package cpu

import (
	"math"
	"testing"

	"vbge/engine/cpu/kerneltest"
)

// sweep calls f with rows of ascending magnitude that are every step-th float from -most to most.
func sweep(most float32, step uint32, f func(x []float32)) {
	const n = 4096
	x := make([]float32, 0, n)
	for _, sign := range []uint32{0, 1 << 31} {
		for bits := uint32(0); bits <= math.Float32bits(most); bits += step {
			if x = append(x, math.Float32frombits(sign|bits)); len(x) == n {
				f(x)
				x = x[:0]
			}
		}
	}
	f(x)
}

// activate runs gelu, or SiLU as the SwiGLU of a second half of ones.
func activate(t *testing.T, table kerneltest.Table, kernel string, x []float32) []float32 {
	t.Helper()
	y, n := make([]float32, len(x)), len(x)
	if kernel == "swiglu" {
		x = append(x[:n:n], y...)
		for i := range n {
			x[n+i] = 1
		}
	}
	table.Run(t, kernel, kerneltest.Call{Y: kerneltest.At(y), X: kerneltest.At(x), N: n})
	return y
}

// halfPlace is half a unit in the last place of a float32: what no result in float32 can do without.
func halfPlace(x float64) float64 { return math.Ldexp(1, max(math.Ilogb(x), -126)-24) }

// TestGELUIsExact: besides being rounded, the GELU of every 997th float from -10 to 10 is the one by
// erfc in double precision to 6e-8, where it is below 1 half of the last place of 1.
func TestGELUIsExact(t *testing.T) {
	const bound = 0x1p-24
	for _, table := range kerneltest.Tables() {
		worst, at := 0.0, float32(0)
		sweep(10, 997, func(x []float32) {
			for i, y := range activate(t, table, "gelu", x) {
				want := 0.5 * float64(x[i]) * math.Erfc(-float64(x[i])/math.Sqrt2)
				if off := math.Abs(float64(y)-want) - halfPlace(want); !(off <= worst) {
					worst, at = off, x[i]
				}
			}
		})
		if !(worst <= bound) {
			t.Errorf("%s: off by %.3g at %g, bound %.3g", table.Name, worst, at, bound)
		}
		t.Logf("%s: off by %.3g (at %g) besides rounding, bound %.3g", table.Name, worst, at, bound)
	}
}

// TestSiLUIsExact: every 997th float from -80 to 80, relative to the result.
func TestSiLUIsExact(t *testing.T) {
	const bound = 4 * 0x1p-24
	for _, table := range kerneltest.Tables() {
		worst, at := 0.0, float32(0)
		sweep(80, 997, func(x []float32) {
			for i, y := range activate(t, table, "swiglu", x) {
				want := float64(x[i]) / (1 + math.Exp(-float64(x[i])))
				if math.Abs(want) < 0x1p-126 {
					continue // a subnormal number has fewer digits
				}
				if off := math.Abs(float64(y)-want) / math.Abs(want); !(off <= worst) {
					worst, at = off, x[i]
				}
			}
		})
		if !(worst <= bound) {
			t.Errorf("%s: off by %.3g of the result at %g, bound %.3g", table.Name, worst, at, bound)
		}
		t.Logf("%s: off by %.3g of the result (at %g), bound %.3g", table.Name, worst, at, bound)
	}
}

// TestActivationsOfOddValues: limits where they exist, and NaN for NaN.
func TestActivationsOfOddValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), math.Float32frombits(0x7f800001) // a NaN with nothing in its upper bits
	x := []float32{nan, -nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32, 1e30, -1e30, 1e-40, -1e-40, 0}
	want := []float32{nan, nan, inf, 0, math.MaxFloat32, 0, 1e30, 0, 5e-41, -5e-41, 0}
	for _, table := range kerneltest.Tables() {
		for _, kernel := range []string{"gelu", "swiglu"} {
			for i, y := range activate(t, table, kernel, x) {
				same := math.Abs(float64(y)-float64(want[i])) <= 1e-24 || y == want[i] || y != y && want[i] != want[i]
				if !same {
					t.Errorf("%s: %s of %g is %g, want %g", table.Name, kernel, x[i], y, want[i])
				}
			}
		}
	}
}

// TestRoundingOddValues: NaN stays NaN, and what lies beyond bfloat16 becomes infinite.
func TestRoundingOddValues(t *testing.T) {
	bits := []uint32{0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff,
		0x3f808000, 0x3f818000, 0x3f808001, 0x3f817fff, 0x00800000, 0x807fffff + 1, 0, 1 << 31}
	for _, table := range kerneltest.Tables() {
		for first := range bits { // each in a whole vector and in an end
			x := make([]float32, 35)
			for i := range x {
				x[i] = math.Float32frombits(bits[(first+i)%len(bits)])
			}
			y := make([]uint16, len(x))
			table.Run(t, "copy", kerneltest.Call{Y: kerneltest.At(y), X: kerneltest.At(x), N: len(x)})
			for i := range x {
				if y[i] != narrowed(x[i]) {
					t.Fatalf("%s: %#08x becomes %#04x, want %#04x", table.Name, math.Float32bits(x[i]), y[i], narrowed(x[i]))
				}
			}
		}
	}
}

// TestRowsOfOddValues: a row of zeros has no direction and no variance, and one with a NaN is NaN.
func TestRowsOfOddValues(t *testing.T) {
	for _, table := range kerneltest.Tables() {
		for _, n := range rowLengths() {
			in := newRowInputs(4, n)
			in.x = make([]float32, n)
			for i, y := range call[float32, float32](t, table, "normalise", in) {
				if y != 0 {
					t.Fatalf("%s: of zeros, value %d is %g", table.Name, i, y)
				}
			}
			for i, y := range call[float32, float32](t, table, "layer_norm", in) {
				if y != in.bias[i] {
					t.Fatalf("%s: of zeros, value %d is %g, want its bias %g", table.Name, i, y, in.bias[i])
				}
			}
			in.x[n-1] = float32(math.NaN())
			for _, kernel := range []string{"normalise", "layer_norm"} {
				for i, y := range call[float32, float32](t, table, kernel, in) {
					if y == y {
						t.Fatalf("%s: %s of a row with a NaN has %g at %d", table.Name, kernel, y, i)
					}
				}
			}
		}
	}
}
