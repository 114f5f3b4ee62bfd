//go:build cuda

package kernels

import "vbge/cuda"

func geluKernels() source {
	return source{"gelu", everyType("gelu", elementVariants()...)}
}

// GELU is op.GELU. y may be x.
func (k *Set) GELU(s *cuda.Stream, t cuda.Type, x, y Matrix) error {
	if err := sameShape("GELU", x, y); err != nil {
		return err
	}
	const values = 16 // a thread's, as in gelu.cu
	x, y = flat(x, y)
	variant, chunks, g := elementShape(x.Rows, x.Cols, values, vectors(t, x, y))
	return k.launch(s, kernelName("gelu", t, variant), g,
		cuda.Address(x.At), cuda.Int(x.Stride), cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(chunks), cuda.Int(x.Cols))
}
