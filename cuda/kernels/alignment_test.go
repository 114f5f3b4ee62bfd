//go:build cuda

package kernels

import (
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

// skewed is floats at an address in the middle of 16 bytes.
func (b *bench) skewed(values []float32) cuda.Pointer {
	return b.floats(append(make([]float32, 1), values...)) + 4
}

// One operand that begins anywhere, while all others would let whole vectors be loaded: the result is the same.
func TestUnalignedParameters(t *testing.T) {
	b := open(t, nil)
	set, err := Load(b.device)
	must(t, err)
	t.Cleanup(func() { must(t, set.Close()) })
	b.set = set
	for _, storage := range types {
		b.run(storage.String(), func(b *bench) {
			unalignedNorms(b, storage)
			unalignedAssembly(b, storage)
			unalignedPixels(b, storage)
		})
	}
}

func unalignedNorms(b *bench, storage cuda.Type) {
	const rows, cols, eps = 3, 64, 1e-6
	gain, bias := b.normal(cols), b.normal(cols)
	x, gated := b.matrix(storage, whole(rows, cols), b.normal(rows*cols)), b.matrix(storage, whole(rows, 2*cols), b.normal(rows*2*cols))
	normed := func(r *truth, x op.Tensor) op.Tensor {
		return r.LayerNorm(x, r.table(1, cols, gain), r.table(1, cols, bias), eps)
	}
	for name, n := range map[string]Norm{
		"gain": {b.skewed(gain), b.floats(bias), eps},
		"bias": {b.floats(gain), b.skewed(bias), eps},
	} {
		b.run(name, func(b *bench) {
			y := b.matrix(storage, whole(rows, cols), nil)
			must(b, b.set.LayerNorm(b.stream, storage, x.Matrix, n, y.Matrix))
			compare(b, storage, normNoise, b.result(y), reference(b, func(r *truth) op.Tensor { return normed(r, r.from(x)) }))

			must(b, b.set.Assemble(b.stream, storage, Assemble{Sources: []Matrix{x.Matrix}, Norm: &n}, y.Matrix))
			compare(b, storage, normNoise, b.result(y), reference(b, func(r *truth) op.Tensor { return normed(r, r.from(x)) }))

			must(b, b.set.SwiGLUNorm(b.stream, storage, gated.Matrix, n, y.Matrix))
			compare(b, storage, normNoise, b.result(y), reference(b, func(r *truth) op.Tensor { return normed(r, r.SwiGLU(r.from(gated))) }))

			z := b.matrix(cuda.Float32, whole(rows, cols), nil)
			must(b, b.set.LayerNormNormalise(b.stream, storage, x.Matrix, n, z.Matrix))
			compare(b, cuda.Float32, normNoise, b.result(z), reference(b, func(r *truth) op.Tensor { return r.Normalise(normed(r, r.from(x))) }))
		})
	}
}

func unalignedAssembly(b *bench, storage cuda.Type) {
	const n, cols, rows = 5, 64, 3 // rows of each part
	parts := [][]float32{b.normal(rows * cols), b.normal(rows * cols), b.normal(rows * cols)}
	at, first, second := []int32{5, 0, 4, 2, 3}, []int32{0, 1, 2, 1, 0}, []int32{2, 2, 1, 0, 1}
	for skewed, name := range []string{"table", "first lookup", "second lookup", "source"} {
		b.run(name, func(b *bench) {
			table := func(i int) cuda.Pointer {
				if i == skewed {
					return b.skewed(parts[i])
				}
				return b.floats(parts[i])
			}
			l := whole(rows, cols)
			if skewed == 3 {
				l.left, l.gap = 3, l.gap-3+8
			}
			source := b.matrix(storage, l, b.normal(rows*cols))
			y := b.matrix(storage, whole(n, cols), nil)
			must(b, b.set.Assemble(b.stream, storage, Assemble{Table: table(0), TableRows: rows, Sources: []Matrix{source.Matrix},
				At: b.ints(at), Add: [2]Lookup{{table(1), b.ints(first)}, {table(2), b.ints(second)}}}, y.Matrix))
			want := reference(b, func(r *truth) op.Tensor {
				x := r.Gather(at, r.input(rows, cols, parts[0]), r.from(source))
				return r.AddRows(r.AddRows(x, r.table(rows, cols, parts[1]), first), r.table(rows, cols, parts[2]), second)
			})
			compare(b, storage, assembleNoise, b.result(y), want)
		})
	}
}

func unalignedPixels(b *bench, storage cuda.Type) {
	const side, patch, skew = 16, 8, 3
	pixels := make([]uint8, skew+3*side*side)
	for i := range pixels {
		pixels[i] = uint8(b.random.IntN(256))
	}
	var levels [3][256]float32
	var flat []float32
	for i := range levels {
		copy(levels[i][:], b.normal(256))
		flat = append(flat, levels[i][:]...)
	}
	b.run("pixels", func(b *bench) {
		y := b.matrix(storage, whole(4, 3*patch*patch), nil)
		o := Patches{Pixels: b.upload(pixels).Pointer + skew, Levels: b.floats(flat), Side: side, Patch: patch}
		must(b, b.set.Patches(b.stream, storage, o, y.Matrix))
		want := reference(b, func(r *truth) op.Tensor {
			return r.Patches(op.Patches{Pixels: pixels[skew:], Side: side, Patch: patch, Levels: &levels})
		})
		compare(b, storage, 0, b.result(y), want)
	})
}
