//go:build cuda

package kernels

import "vbge/cuda"

func exportKernels() source {
	return source{"export", everyType("export", elementVariants()...)}
}

// Export writes x as float32 [rows, cols] to to, densely.
func (k *Set) Export(s *cuda.Stream, t cuda.Type, x Matrix, to cuda.Pointer) error {
	if err := x.check("export of"); err != nil {
		return err
	}
	const values = 16 // a thread's, as in export.cu
	x, y := flat(x, Matrix{At: to, Rows: x.Rows, Cols: x.Cols, Stride: x.Cols})
	variant, chunks, g := elementShape(x.Rows, x.Cols, values, vectors(t, x, y))
	return k.launch(s, kernelName("export", t, variant), g,
		cuda.Address(x.At), cuda.Int(x.Stride), cuda.Address(to), cuda.Int(chunks), cuda.Int(x.Cols))
}
