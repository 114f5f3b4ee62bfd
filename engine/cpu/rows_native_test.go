//go:build native && cgo

package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vbge/engine/cpu/kerneltest"
)

// rowLengths has every end of a vector behind several vectors or none, and lengths of the models.
func rowLengths() []int {
	lengths := []int{768, 3072}
	for n := range 70 {
		lengths = append(lengths, n+1)
	}
	return lengths
}

// rowInputs are operands of any kernel; x and second are of values that bfloat16 has.
type rowInputs struct {
	n           int
	x, second   []float32 // 2n and n values
	gain, bias  []float32
	product, up kerneltest.Product
	eps         float32
	inPlace     bool // y is x, or the residual
}

func newRowInputs(seed uint64, n int) rowInputs {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	normal := func(n int, mean, deviation float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(mean + deviation*r.NormFloat64())
		}
		return v
	}
	in := rowInputs{n: n, x: normal(2*n, 0.3, 3), second: normal(n, 0, 2), gain: normal(n, 1, 0.3), bias: normal(n, 0, 1), eps: 1e-6}
	for _, row := range [][]float32{in.x, in.second} {
		for i := range row {
			row[i] = widened(narrowed(row[i]))
		}
	}
	product := func() kerneltest.Product {
		p := kerneltest.Product{Floats: normal(n, 0, 2), Bias: in.bias, Scales: normal(n, 1e-3, 1e-4), Sums: make([]int32, n),
			Integers: make([]int32, n), Scale: 0.02, Zero: r.Int32N(256)}
		for i := range n {
			p.Sums[i] = r.Int32N(2000) - 1000
			p.Integers[i] = p.Zero*p.Sums[i] + r.Int32N(400_000) - 200_000
		}
		return p
	}
	in.product, in.up = product(), product()
	return in
}

// withFloats returns the product as one that was computed in floating point.
func withFloats(p kerneltest.Product) kerneltest.Product {
	p.Integers, p.Scales, p.Sums = nil, nil, nil
	return p
}

// value is what a result should be, and the magnitude of what was added up to it: its error in
// float32 is measured in units of 2^-24 of that.
type value struct{ want, added float64 }

func (v value) plus(x float64) value { return value{v.want + x, v.added + math.Abs(x)} }

func exactly(x float32) value { return value{want: float64(x)} }

func finished(p kerneltest.Product, i int) value {
	v := value{float64(p.Floats[i]), math.Abs(float64(p.Floats[i]))}
	if p.Integers != nil {
		x := float64(p.Integers[i]-p.Zero*p.Sums[i]) * float64(p.Scale) * float64(p.Scales[i])
		v = value{x, 3 * math.Abs(x)} // three roundings
	}
	return v.plus(float64(p.Bias[i]))
}

func geluOf(x value) value {
	y := 0.5 * x.want * math.Erfc(-x.want/math.Sqrt2)
	return value{y, 1.2*x.added + math.Abs(y) + 1} // its slope is 1.13 at most
}

func swigluOf(gate, up value) value {
	y := gate.want / (1 + math.Exp(-gate.want))
	return value{y * up.want, 1.2*gate.added*math.Abs(up.want) + math.Abs(y)*up.added + 6*math.Abs(y*up.want)}
}

// rowKernels are the kernels that make n values, what they should make, and the bound of their error.
var rowKernels = []struct {
	name  string
	bound float64
	want  func(in rowInputs) []value
}{
	{"copy", 0, each(func(in rowInputs, i int) value { return exactly(in.x[i]) })},
	{"add", 0, each(func(in rowInputs, i int) value { return exactly(in.x[i] + in.second[i]) })},
	{"gelu", 2, each(func(in rowInputs, i int) value { return geluOf(exactly(in.x[i])) })},
	{"swiglu", 2, each(func(in rowInputs, i int) value { return swigluOf(exactly(in.x[i]), exactly(in.x[in.n+i])) })},
	{"layer_norm", 3, layerNorm},
	{"normalise", 2, normalised},
	{"finish", 2, each(func(in rowInputs, i int) value { return finished(in.product, i) })},
	{"finish_gelu", 2, each(func(in rowInputs, i int) value { return geluOf(finished(in.product, i)) })},
	{"finish_swiglu", 2, each(func(in rowInputs, i int) value { return swigluOf(finished(in.product, i), finished(in.up, i)) })},
	{"finish_residual", 2, each(func(in rowInputs, i int) value { return finished(in.product, i).plus(float64(in.second[i])) })},
}

func each(f func(rowInputs, int) value) func(rowInputs) []value {
	return func(in rowInputs) []value {
		y := make([]value, in.n)
		for i := range y {
			y[i] = f(in, i)
		}
		return y
	}
}

func layerNorm(in rowInputs) []value {
	mean, variance, most := 0.0, 0.0, 0.0
	for _, x := range in.x[:in.n] {
		mean += float64(x) / float64(in.n)
		most = max(most, math.Abs(float64(x)))
	}
	for _, x := range in.x[:in.n] {
		variance += (float64(x) - mean) * (float64(x) - mean) / float64(in.n)
	}
	scale := 1 / math.Sqrt(variance+float64(in.eps))
	return each(func(in rowInputs, i int) value {
		y := (float64(in.x[i]) - mean) * scale * float64(in.gain[i])
		return value{y, math.Abs(y) + math.Abs(most*scale*float64(in.gain[i]))}.plus(float64(in.bias[i]))
	})(in)
}

func normalised(in rowInputs) []value {
	squares := 0.0
	for _, x := range in.x[:in.n] {
		squares += float64(x) * float64(x)
	}
	return each(func(in rowInputs, i int) value {
		y := float64(in.x[i]) / math.Sqrt(squares)
		return value{y, math.Abs(y)}
	})(in)
}

// typed is a type that kernels take values in: float32, or bfloat16's bits.
type typed interface{ float32 | uint16 }

// call runs a kernel on rows that begin and end at no vector's bound, y between values that have to
// stay as they are, and returns y.
func call[Y, X typed](t *testing.T, table kerneltest.Table, kernel string, in rowInputs) []Y {
	t.Helper()
	x, second := typedRow[X](in.x), typedRow[X](in.second)
	y := slices.Repeat([]Y{77}, in.n+4)
	at := kerneltest.At(y[1:])
	c := kerneltest.Call{Y: at, X: kerneltest.At(x[1:]), Second: kerneltest.At(second[1:]), N: in.n,
		Gain: in.gain, Bias: in.bias, Eps: in.eps, Product: in.product, Up: in.up}
	if in.inPlace && kernel == "finish_residual" {
		c.Second = at
		copy(any(y[1:]).([]X), second[1:])
	} else if in.inPlace {
		c.X = at
		copy(any(y[1:]).([]X), x[1:in.n+1])
	}
	table.Run(t, kernel, c)
	if y[0] != 77 || !slices.Equal(y[in.n+1:], []Y{77, 77, 77}) {
		t.Fatalf("%s writes beyond its %d values", kernel, in.n)
	}
	return y[1 : in.n+1]
}

// typedRow returns the values behind one more.
func typedRow[X typed](values []float32) []X {
	x := []X{99}
	for _, v := range values {
		switch p := any(&x).(type) {
		case *[]float32:
			*p = append(*p, v)
		case *[]uint16:
			*p = append(*p, narrowed(v))
		}
	}
	return x
}

// widened returns a bfloat16 as the float32 that it is the upper half of.
func widened(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// narrowed rounds to bfloat16, to the even one of two that are as near.
func narrowed(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 0x40
	}
	below, rest := bits>>16, bits&0xffff
	if rest > 0x8000 || rest == 0x8000 && below%2 == 1 {
		below++
	}
	return uint16(below)
}

// TestRowKernels holds the kernels of every instruction set against their definitions in double
// precision. With bfloat16, results have to be those in float32, rounded.
func TestRowKernels(t *testing.T) {
	for _, table := range kerneltest.Tables() {
		for _, k := range rowKernels {
			for _, integers := range []bool{false, true} {
				name := fmt.Sprintf("%s/%s", table.Name, k.name)
				if integers {
					name += "/integers"
				}
				if integers && !strings.HasPrefix(k.name, "finish") {
					continue
				}
				t.Run(name, func(t *testing.T) {
					worst := 0.0
					for _, n := range rowLengths() {
						in := newRowInputs(1, n)
						if !integers {
							in.product, in.up = withFloats(in.product), withFloats(in.up)
						}
						worst = max(worst, checkRow(t, table, k.name, in, k.want(in), k.bound))
					}
					t.Logf("off by %.2f units of 2^-24 of what was added, bound %g", worst, k.bound)
				})
			}
		}
	}
}

func checkRow(t *testing.T, table kerneltest.Table, kernel string, in rowInputs, want []value, bound float64) (worst float64) {
	t.Helper()
	got := call[float32, float32](t, table, kernel, in)
	rounded := make([]uint16, in.n)
	for i, v := range want {
		off := math.Abs(float64(got[i])-v.want) / 0x1p-24
		if off > 0 {
			off /= v.added
		}
		if !(off <= bound) {
			t.Fatalf("%d values: value %d is %g, want %g: off by %.3g units, bound %g", in.n, i, got[i], v.want, off, bound)
		}
		worst, rounded[i] = max(worst, off), narrowed(got[i])
	}
	if !slices.Equal(call[float32, uint16](t, table, kernel, in), got) ||
		!slices.Equal(call[uint16, float32](t, table, kernel, in), rounded) ||
		!slices.Equal(call[uint16, uint16](t, table, kernel, in), rounded) {
		t.Fatalf("%d values: bfloat16's results are not those of float32, rounded", in.n)
	}
	in.inPlace = true
	// In place, a SwiGLU would need room for its second half.
	if kernel != "swiglu" && !slices.Equal(call[float32, float32](t, table, kernel, in), got) {
		t.Fatalf("%d values: other results in place", in.n)
	}
	return worst
}
