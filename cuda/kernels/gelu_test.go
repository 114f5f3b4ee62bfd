//go:build cuda

package kernels

import (
	"math"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

// geluNoise: 1 + erf cancels below 0, where erff's 2 ulp of 1 stay.
const geluNoise = 2

func TestGELU(t *testing.T) {
	layouts := []layout{
		{1, 1, 0, 0}, {1, 3072, 0, 0}, {3, 3072, 0, 8}, {512, 16, 0, 0}, {7, 170, 3, 4}, {2, 5000, 8, 8}, {33, 31, 0, 0}, {4, 4096, 0, 0},
	}
	eachSeed(t, []source{geluKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(layouts, b.randomLayouts(3, 900)...) {
				b.run(shape(storage, l), func(b *bench) {
					x := b.matrix(storage, l, b.normal(l.rows*l.cols))
					y := b.matrix(storage, layout{l.rows, l.cols, 0, l.gap}, nil)
					must(b, b.set.GELU(b.stream, storage, x.Matrix, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor { return r.GELU(r.from(x)) })
					compare(b, storage, geluNoise, b.result(y), want)

					must(b, b.set.GELU(b.stream, storage, x.Matrix, x.Matrix))
					compare(b, storage, geluNoise, b.result(x), want)
				})
			}
		}
	})
}

// The exact form differs from the tanh approximation by up to 4.7e-4, which bfloat16 alone would hide.
func TestGELUEverywhere(t *testing.T) {
	values := []float32{0, float32(math.Copysign(0, -1)), 1e-40, -1e-40, 100, -100, 6e4, -6e4}
	for x := float32(-9); x < 9; x += 1. / 64 {
		values = append(values, x)
	}
	eachSeed(t, []source{geluKernels()}, func(b *bench) {
		for _, storage := range types {
			b.run(storage.String(), func(b *bench) {
				x := b.matrix(storage, layout{1, len(values), 0, 0}, values)
				must(b, b.set.GELU(b.stream, storage, x.Matrix, x.Matrix))
				want := reference(b, func(r *truth) op.Tensor { return r.GELU(r.from(x)) })
				compare(b, storage, geluNoise, b.result(x), want)
			})
		}
	})
}

// More rows than a grid's second dimension could count.
func TestGELUOfManyRows(t *testing.T) {
	b := open(t, []source{geluKernels()})
	l := layout{70000, 3, 0, 1}
	x := b.matrix(cuda.BFloat16, l, b.normal(l.rows*l.cols))
	must(b, b.set.GELU(b.stream, cuda.BFloat16, x.Matrix, x.Matrix))
	want := reference(b, func(r *truth) op.Tensor { return r.GELU(r.from(x)) })
	compare(b, cuda.BFloat16, geluNoise, b.result(x), want)
}
