//go:build cuda

package kernels

import (
	"fmt"
	"testing"

	"vbge/engine/op"
)

type patchesCase struct{ pictures, side, patch, left, gap int }

func TestPatches(t *testing.T) {
	eachSeed(t, []source{patchesKernels()}, func(b *bench) {
		for _, storage := range types {
			cases := []patchesCase{
				{1, 224, 16, 0, 0}, {2, 64, 16, 0, 8}, {3, 24, 8, 8, 0}, {2, 32, 32, 0, 0}, {17, 16, 8, 0, 0},
				{3, 28, 14, 0, 0}, {2, 12, 4, 0, 0}, {2, 16, 8, 3, 0}, {5, 3, 1, 0, 0}, {1, 7, 7, 1, 2},
			}
			for range 4 {
				patch := 1 + b.random.IntN(20)
				cases = append(cases, patchesCase{1 + b.random.IntN(4), patch * (1 + b.random.IntN(5)), patch, b.random.IntN(9), b.random.IntN(9)})
			}
			for _, c := range cases {
				b.run(fmt.Sprintf("%v %d pictures of %d in %d", storage, c.pictures, c.side, c.patch), func(b *bench) {
					pixels := make([]uint8, c.pictures*c.side*c.side*3)
					for i := range pixels {
						pixels[i] = uint8(b.random.IntN(256))
					}
					var levels [3][256]float32
					var flat []float32
					for i := range levels {
						copy(levels[i][:], b.normal(256))
						flat = append(flat, levels[i][:]...)
					}
					grid := c.side / c.patch
					y := b.matrix(storage, layout{c.pictures * grid * grid, 3 * c.patch * c.patch, c.left, c.gap}, nil)
					o := Patches{Pixels: b.upload(pixels).Pointer, Levels: b.floats(flat), Side: c.side, Patch: c.patch}
					must(b, b.set.Patches(b.stream, storage, o, y.Matrix))
					want := reference(b, func(r *truth) op.Tensor {
						return r.Patches(op.Patches{Pixels: pixels, Side: c.side, Patch: c.patch, Levels: &levels})
					})
					compare(b, storage, 0, b.result(y), want)
				})
			}
		}
	})
}
