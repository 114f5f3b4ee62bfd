//go:build cuda

package kernels

import "vbge/cuda"

func normaliseKernels() source {
	const held, streamed = "1024", "any"
	names := everyType("normalise", held, streamed, "f32_"+held, "f32_"+streamed)
	return source{"normalise", append(names, everyType("layer_norm_normalise", held, streamed)...)}
}

// Normalise is op.Normalise. y is float32 if float32Result says so and may be x otherwise.
func (k *Set) Normalise(s *cuda.Stream, t cuda.Type, x, y Matrix, float32Result bool) error {
	if err := sameShape("normalise", x, y); err != nil {
		return err
	}
	result, variant := t, ""
	if float32Result {
		result, variant = cuda.Float32, "f32_"
	}
	shape, rows := normaliseShape(x.Cols, vectors(t, x) && vectors(result, y))
	return k.launch(s, kernelName("normalise", t, variant+shape), rowGrid(x.Rows, rows),
		cuda.Address(x.At), cuda.Int(x.Stride), cuda.Address(y.At), cuda.Int(y.Stride), cuda.Int(y.Rows), cuda.Int(y.Cols))
}

// LayerNormNormalise is op.LayerNorm followed by op.Normalise. y is float32.
func (k *Set) LayerNormNormalise(s *cuda.Stream, t cuda.Type, x Matrix, n Norm, y Matrix) error {
	if err := sameShape("layer norm and normalise", x, y); err != nil {
		return err
	}
	shape, rows := normaliseShape(x.Cols, vectors(t, x) && vectors(cuda.Float32, y) && n.aligned())
	return k.launch(s, kernelName("layer_norm_normalise", t, shape), rowGrid(x.Rows, rows), normed(x, n, y)...)
}

// normaliseShape is rowShape for kernels that see one row of each input, for which two variants do.
func normaliseShape(cols int, whole bool) (variant string, rows int) {
	if whole && cols <= 1024 {
		return rowShape(1024, true)
	}
	return rowShape(cols, false)
}
