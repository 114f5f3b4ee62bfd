//go:build cuda

package kernels

import "vbge/cuda"

func layerNormKernels() source {
	return source{"layer_norm", everyType("layer_norm", rowShapes()...)}
}

// LayerNorm is op.LayerNorm. y may be x.
func (k *Set) LayerNorm(s *cuda.Stream, t cuda.Type, x Matrix, n Norm, y Matrix) error {
	if err := sameShape("layer norm", x, y); err != nil {
		return err
	}
	shape, rows := rowShape(x.Cols, vectors(t, x, y) && n.aligned())
	return k.launch(s, kernelName("layer_norm", t, shape), rowGrid(x.Rows, rows), normed(x, n, y)...)
}

// normed are the arguments of a kernel from x through a layer norm to y.
func normed(x Matrix, n Norm, y Matrix) []cuda.Argument {
	return []cuda.Argument{cuda.Address(x.At), cuda.Int(x.Stride),
		cuda.Address(n.Gain), cuda.Address(n.Bias), cuda.Float(n.Eps),
		cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(y.Rows), cuda.Int(y.Cols)}
}
