//go:build cuda

package kernels

import (
	"testing"

	"vbge/cuda"
)

func TestExport(t *testing.T) {
	layouts := []layout{{1, 1, 0, 0}, {3, 768, 0, 0}, {3, 768, 8, 16}, {5, 170, 3, 1}, {5, 170, 0, 6}, {512, 8, 0, 0}, {2, 4104, 0, 8}}
	eachSeed(t, []source{exportKernels()}, func(b *bench) {
		for _, storage := range types {
			for _, l := range append(layouts, b.randomLayouts(3, 900)...) {
				b.run(shape(storage, l), func(b *bench) {
					x := b.matrix(storage, l, b.normal(l.rows*l.cols))
					y := b.matrix(cuda.Float32, layout{l.rows, l.cols, 0, 0}, nil)
					must(b, b.set.Export(b.stream, storage, x.Matrix, y.At))
					compare(b, cuda.Float32, 0, b.result(y), x.values)
				})
			}
		}
	})
}
