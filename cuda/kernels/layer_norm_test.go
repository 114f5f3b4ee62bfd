//go:build cuda

package kernels

import (
	"testing"

	"vbge/engine/op"
)

// rowLayouts are rows for every shape of row.cuh, at both its bounds, and for what fits none.
func rowLayouts() []layout {
	return []layout{
		whole(1, 8), whole(5, 128), whole(9, 192), whole(8, 256), whole(3, 264), whole(512, 64), whole(17, 768),
		whole(3, 776), whole(2, 1024), whole(3, 1032), whole(2, 2048),
		{3, 768, 16, 0}, {3, 768, 16, 8}, // beside others' columns
		{3, 64, 3, 2},                                                   // whole vectors in the first row alone
		{4, 768, 0, 0}, {2, 776, 0, 0}, {5, 128, 0, 0}, {2, 1032, 0, 0}, // up to the memory's end
		{1, 1, 0, 0}, {5, 170, 0, 6}, {3, 170, 170, 4}, {2, 768, 3, 5}, {2, 1023, 1, 0}, {1, 2730, 2, 0}, {2, 2056, 0, 0},
	}
}

// normNoise: a mean of up to 2730 values is off by some units, of which shifted makes it up to 12 deviations long, and
// the gain up to 4 times as much of the result. Up to 48 were seen.
const normNoise = 128

func TestLayerNorm(t *testing.T) {
	eachSeed(t, []source{layerNormKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(rowLayouts(), b.randomLayouts(4, 1200)...) {
				b.run(shape(storage, l), func(b *bench) {
					gain, bias := b.normal(l.cols), b.normal(l.cols)
					x := b.matrix(storage, l, b.shifted(l))
					y := b.matrix(storage, layout{l.rows, l.cols, 0, l.gap + l.left}, nil)
					n := Norm{Gain: b.floats(gain), Bias: b.floats(bias), Eps: 1e-6}
					must(b, b.set.LayerNorm(b.stream, storage, x.Matrix, n, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor {
						return r.LayerNorm(r.from(x), r.table(1, l.cols, gain), r.table(1, l.cols, bias), 1e-6)
					})
					compare(b, storage, normNoise, b.result(y), want)

					must(b, b.set.LayerNorm(b.stream, storage, x.Matrix, n, x.Matrix))
					compare(b, storage, normNoise, b.result(x), want)
				})
			}
		}
	})
}

// shifted returns random values whose mean and size differ from row to row.
func (b *bench) shifted(l layout) []float32 {
	values := b.normal(l.rows * l.cols)
	for i := range values {
		r := float32(i / l.cols % 7)
		values[i] = values[i]*(0.25+r) + r - 3
	}
	return values
}

// Rows of one value have the variance 0, so that eps alone keeps their results finite.
func TestLayerNormOfEqualValues(t *testing.T) {
	eachSeed(t, []source{layerNormKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, cols := range []int{7, 64, 768, 2048} {
				values, gain, bias := make([]float32, cols), b.normal(cols), b.normal(cols)
				for i := range values {
					values[i] = 3
				}
				x := b.matrix(storage, whole(1, cols), values)
				y := b.matrix(storage, whole(1, cols), nil)
				n := Norm{Gain: b.floats(gain), Bias: b.floats(bias), Eps: 1e-12}
				must(b, b.set.LayerNorm(b.stream, storage, x.Matrix, n, y.Matrix))
				compare(b, storage, normNoise, b.result(y), bias)
			}
		}
	})
}
