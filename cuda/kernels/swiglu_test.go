//go:build cuda

package kernels

import (
	"testing"

	"vbge/engine/op"
)

// swigluNoise: expf and the quotient, 2 ulp each, and a product.
const swigluNoise = 6

// gatedLayouts are results; their inputs are twice as wide.
func gatedLayouts() []layout {
	return []layout{
		whole(1, 8), whole(9, 192), whole(8, 256), whole(5, 344), whole(3, 768), whole(2, 1024), whole(3, 2048), whole(70, 64),
		{4, 85, 0, 6}, {3, 170, 0, 6}, {2, 170, 2, 4}, {1, 1, 0, 0}, {2, 2056, 0, 0}, {2, 776, 0, 0}, {3, 344, 0, 0}, {2, 2048, 0, 0}, {3, 2048, 1, 0},
	}
}

func TestSwiGLU(t *testing.T) {
	eachSeed(t, []source{swigluKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(gatedLayouts(), b.randomLayouts(4, 1200)...) {
				b.run(shape(storage, l), func(b *bench) {
					x := b.matrix(storage, layout{l.rows, 2 * l.cols, l.left, l.gap}, b.gates(l))
					y := b.matrix(storage, l, nil)
					must(b, b.set.SwiGLU(b.stream, storage, x.Matrix, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor { return r.SwiGLU(r.from(x)) })
					compare(b, storage, swigluNoise, b.result(y), want)
				})
			}
		}
	})
}

func TestSwiGLUNorm(t *testing.T) {
	eachSeed(t, []source{swigluKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(gatedLayouts(), b.randomLayouts(4, 1200)...) {
				b.run(shape(storage, l), func(b *bench) {
					gain, bias := b.normal(l.cols), b.normal(l.cols)
					x := b.matrix(storage, layout{l.rows, 2 * l.cols, l.left, l.gap}, b.gates(l))
					y := b.matrix(storage, l, nil)
					n := Norm{Gain: b.floats(gain), Bias: b.floats(bias), Eps: 1e-6}
					must(b, b.set.SwiGLUNorm(b.stream, storage, x.Matrix, n, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor {
						return r.LayerNorm(r.SwiGLU(r.from(x)), r.table(1, l.cols, gain), r.table(1, l.cols, bias), 1e-6)
					})
					compare(b, storage, normNoise, b.result(y), want)
				})
			}
		}
	})
}

// gates returns values for both halves, among them gates for which e^-t is infinite or 0.
func (b *bench) gates(l layout) []float32 {
	values := b.normal(2 * l.rows * l.cols)
	for i := range values {
		values[i] *= 2
	}
	for r := range l.rows {
		gate := values[2*r*l.cols:][:l.cols]
		if l.cols > 4 && r%2 == 0 {
			gate[1], gate[2], gate[3] = -200, 30, -30
		}
	}
	return values
}
