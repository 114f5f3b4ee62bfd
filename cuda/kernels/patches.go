//go:build cuda

package kernels

import (
	"math"

	"vbge/cuda"
)

// Patches describes the pictures that Set.Patches cuts.
type Patches struct {
	Pixels cuda.Pointer // uint8 [pictures, Side, Side, 3]
	Levels cuda.Pointer // float32 [3, 256]
	Side   int          // pixels
	Patch  int          // pixels
}

func patchesKernels() source {
	return source{"patches", everyType("patches", elementVariants()...)}
}

// Patches is op.Patches: y has a row for each patch of each picture.
func (k *Set) Patches(s *cuda.Stream, t cuda.Type, o Patches, y Matrix) error {
	const (
		threads = 256 // of a block
		line    = 8   // pixels that a thread takes at a time
		items   = 4   // lines that a thread takes
	)
	if err := require(o.Patch > 0 && o.Side%o.Patch == 0, "patches of %d in pictures of side %d", o.Patch, o.Side); err != nil {
		return err
	}
	grid := o.Side / o.Patch
	if err := require(y.Cols == 3*o.Patch*o.Patch && y.Rows%max(grid*grid, 1) == 0,
		"%d x %d patches of %d to [%d, %d]", grid, grid, o.Patch, y.Rows, y.Cols); err != nil {
		return err
	}
	if err := y.check("patches"); err != nil {
		return err
	}
	variant, total, each := "any", y.Rows*y.Cols, 1
	if o.Patch%line == 0 && o.Pixels%line == 0 && vectors(t, y) {
		variant, total, each = "", y.Rows*o.Patch*o.Patch/line, items
	}
	// The kernels count in 32 bits.
	if err := require(total <= math.MaxInt32, "%d patches of %d at once", y.Rows, o.Patch); err != nil {
		return err
	}
	g := cuda.Grid{X: blocks(total, threads*each), Threads: threads}
	return k.launch(s, kernelName("patches", t, variant), g,
		cuda.Address(o.Pixels), cuda.Int(o.Side), cuda.Int(o.Patch), cuda.Address(o.Levels),
		cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(y.Rows))
}
