//go:build cuda

package kernels

import (
	"fmt"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

// normaliseNoise: a sum of squares and its reciprocal root, of results of at most 1.
const normaliseNoise = 4

func TestNormalise(t *testing.T) {
	eachSeed(t, []source{normaliseKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(rowLayouts(), b.randomLayouts(4, 1200)...) {
				b.run(shape(storage, l), func(b *bench) {
					values := b.shifted(l)
					clear(values[:l.cols]) // a row of length 0
					x := b.matrix(storage, l, values)
					y, z := b.matrix(storage, l, nil), b.matrix(cuda.Float32, l, nil)
					must(b, b.set.Normalise(b.stream, storage, x.Matrix, y.Matrix, false))
					must(b, b.set.Normalise(b.stream, storage, x.Matrix, z.Matrix, true))
					want := reference(b, func(r *truth) op.Tensor { return r.Normalise(r.from(x)) })
					compare(b, storage, normaliseNoise, b.result(y), want)
					compare(b, cuda.Float32, normaliseNoise, b.result(z), want)

					must(b, b.set.Normalise(b.stream, storage, x.Matrix, x.Matrix, false))
					compare(b, storage, normaliseNoise, b.result(x), want)
				})
			}
		}
	})
}

// A result on either side of the length from which rows are divided by it.
func TestNormaliseShortRows(t *testing.T) {
	eachSeed(t, []source{normaliseKernels()}, func(b *bench) {
		for _, size := range []float32{1e-11, 1e-13, 1e-30} {
			b.run(fmt.Sprint(size), func(b *bench) {
				x := b.matrix(cuda.BFloat16, whole(1, 16), []float32{size, -size, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, size})
				y := b.matrix(cuda.Float32, whole(1, 16), nil)
				must(b, b.set.Normalise(b.stream, cuda.BFloat16, x.Matrix, y.Matrix, true))
				want := reference(b, func(r *truth) op.Tensor { return r.Normalise(r.from(x)) })
				compare(b, cuda.Float32, normaliseNoise, b.result(y), want)
			})
		}
	})
}

func TestLayerNormNormalise(t *testing.T) {
	eachSeed(t, []source{normaliseKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(rowLayouts(), b.randomLayouts(4, 1200)...) {
				b.run(shape(storage, l), func(b *bench) {
					gain, bias := b.normal(l.cols), b.normal(l.cols)
					x, y := b.matrix(storage, l, b.shifted(l)), b.matrix(cuda.Float32, l, nil)
					n := Norm{Gain: b.floats(gain), Bias: b.floats(bias), Eps: 1e-12}
					must(b, b.set.LayerNormNormalise(b.stream, storage, x.Matrix, n, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor {
						return r.Normalise(r.LayerNorm(r.from(x), r.table(1, l.cols, gain), r.table(1, l.cols, bias), 1e-12))
					})
					compare(b, cuda.Float32, normNoise, b.result(y), want)
				})
			}
		}
	})
}
