//go:build cuda

package kernels

import "vbge/cuda"

func swigluKernels() source {
	return source{"swiglu", append(everyType("swiglu", elementVariants()...), everyType("swiglu_norm", rowShapes()...)...)}
}

// SwiGLU is op.SwiGLU: x has twice y's columns and shares nothing with it.
func (k *Set) SwiGLU(s *cuda.Stream, t cuda.Type, x, y Matrix) error {
	gate, up, err := halves("SwiGLU", t, x, y)
	if err != nil {
		return err
	}
	const values = 8 // a thread's, as in swiglu.cu
	variant, chunks, g := elementShape(y.Rows, y.Cols, values, vectors(t, gate, up, y))
	return k.launch(s, kernelName("swiglu", t, variant), g,
		cuda.Address(x.At), cuda.Int(x.Stride), cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(chunks), cuda.Int(y.Cols))
}

// SwiGLUNorm is op.SwiGLU followed by op.LayerNorm.
func (k *Set) SwiGLUNorm(s *cuda.Stream, t cuda.Type, x Matrix, n Norm, y Matrix) error {
	gate, up, err := halves("SwiGLU and layer norm", t, x, y)
	if err != nil {
		return err
	}
	shape, rows := rowShape(y.Cols, vectors(t, gate, up, y) && n.aligned())
	return k.launch(s, kernelName("swiglu_norm", t, shape), rowGrid(y.Rows, rows), normed(x, n, y)...)
}

// halves returns the left and the right half of x's columns, each as wide as y.
func halves(what string, t cuda.Type, x, y Matrix) (gate, up Matrix, err error) {
	if err := require(x.Rows == y.Rows && x.Cols == 2*y.Cols, "%s of [%d, %d] to [%d, %d]", what, x.Rows, x.Cols, y.Rows, y.Cols); err != nil {
		return gate, up, err
	}
	if err := x.check(what); err != nil {
		return gate, up, err
	}
	gate, up = x, x
	gate.Cols, up.Cols = y.Cols, y.Cols
	up.At += cuda.Pointer(y.Cols * t.Bytes())
	return gate, up, y.check(what)
}
