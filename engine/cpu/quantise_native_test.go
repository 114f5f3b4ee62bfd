//go:build native && cgo

package cpu

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"vbge/engine/cpu/kerneltest"
)

// quantised returns a row's bytes, from a place that is aligned to nothing, and what they mean.
func quantised[X typed](t *testing.T, table kerneltest.Table, values []float32) ([]byte, float32, int32) {
	t.Helper()
	x, n := typedRow[X](values), len(values)
	y := bytes.Repeat([]byte{77}, n+2)
	scale, zero := table.Run(t, "quantise", kerneltest.Call{Y: kerneltest.At(y[1:]), X: kerneltest.At(x[1:]), N: n})
	if y[0] != 77 || y[n+1] != 77 {
		t.Fatalf("writes beyond its %d bytes", n)
	}
	return y[1 : n+1], scale, zero
}

// TestQuantise: every value is less than half a step from its byte's, the steps are as fine as 256 of them allow, and 0 is a byte.
func TestQuantise(t *testing.T) {
	for _, table := range kerneltest.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			worst := 0.0
			for _, n := range rowLengths() {
				r := rand.New(rand.NewPCG(2, uint64(n)))
				mean, deviation := 4*r.Float64()-2, math.Exp(20*r.Float64()-10)
				x, low, high := make([]float32, n), 0.0, 0.0
				for i := range x {
					x[i] = widened(narrowed(float32(deviation * (mean + r.NormFloat64()))))
					low, high = min(low, float64(x[i])), max(high, float64(x[i]))
				}
				q, scale, zero := quantised[float32](t, table, x)
				if step := (high - low) / 255; !(math.Abs(float64(scale)-step) <= 3e-7*step) {
					t.Fatalf("%d values from %g to %g: steps of %g", n, low, high, scale)
				}
				if zero < 0 || zero > 255 {
					t.Fatalf("%d values from %g to %g: 0 is %d", n, low, high, zero)
				}
				for i, b := range q {
					off := math.Abs(float64(int32(b)-zero) - float64(x[i])/float64(scale))
					if !(off <= 0.5001) {
						t.Fatalf("%d values: value %d, %g, is %d (0 is %d): off by %g steps", n, i, x[i], b, zero, off)
					}
					worst = max(worst, off)
				}
				again, scale2, zero2 := quantised[uint16](t, table, x)
				if !bytes.Equal(q, again) || scale != scale2 || zero != zero2 {
					t.Fatalf("%d values: other bytes from bfloat16", n)
				}
			}
			t.Logf("off by %.5f steps at most", worst)
		})
	}
}

func TestQuantiseOddRows(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	const most, least = math.MaxFloat32, math.SmallestNonzeroFloat32
	for _, row := range []struct {
		name  string
		x     float32 // every fifth value, between zeros
		scale float64
		zero  int32
		byte  byte
	}{
		{"zeros", 0, 0, 0, 0},
		{"negative zeros", float32(math.Copysign(0, -1)), 0, 0, 0},
		{"subnormal numbers", least, 0, 0, 0},
		{"the largest number", most, most / 255., 0, 255},
		{"the smallest number", -most, most / 255., 255, 0},
		{"infinity", inf, math.NaN(), 0, 0},
		{"minus infinity", -inf, math.NaN(), 0, 0},
		{"NaN", nan, math.NaN(), 0, 0},
	} {
		for _, table := range kerneltest.Tables() {
			for _, n := range rowLengths() {
				for _, first := range []int{0, n - 1} { // in the first vector and in an end
					x := make([]float32, n)
					for i := first; i < n; i += 5 {
						x[i] = row.x
					}
					q, scale, zero := quantised[float32](t, table, x)
					same := math.Abs(float64(scale)-row.scale) <= 3e-7*row.scale || scale != scale && math.IsNaN(row.scale)
					if !same || zero != row.zero || q[first] != row.byte {
						t.Fatalf("%s, %s, %d values: %d, 0 is %d, steps of %g, want %d, %d, %g", table.Name, row.name, n,
							q[first], zero, scale, row.byte, row.zero, row.scale)
					}
				}
			}
		}
	}
}

// TestIntegersAreExact: up to the scale, a product's result is the integer that it stands for, also
// where accumulators are as large as 4096 products of bytes make them.
func TestIntegersAreExact(t *testing.T) {
	const n, most = 300, 4096 * 127
	r := rand.New(rand.NewPCG(3, 0))
	for _, table := range kerneltest.Tables() {
		for _, zero := range []int32{0, 1, 128, 255} {
			p := kerneltest.Product{Integers: make([]int32, n), Bias: make([]float32, n), Scales: make([]float32, n), Sums: make([]int32, n),
				Scale: 0x1p-3, Zero: zero}
			want := make([]float32, n)
			for i := range n {
				p.Scales[i], p.Sums[i] = 0x1p-7, r.Int32N(2*most+1)-most
				if i < 2 {
					p.Sums[i] = most * int32(2*i-1)
				}
				p.Integers[i] = zero*p.Sums[i] + r.Int32N(1<<24) - 1<<23
				want[i] = float32(p.Integers[i]-zero*p.Sums[i]) * 0x1p-10
			}
			y := make([]float32, n)
			table.Run(t, "finish", kerneltest.Call{Y: kerneltest.At(y), N: n, Product: p})
			for i := range y {
				if y[i] != want[i] {
					t.Fatalf("%s: %d less %d times %d is %g, want %g", table.Name, p.Integers[i], zero, p.Sums[i], y[i], want[i])
				}
			}
		}
	}
}
