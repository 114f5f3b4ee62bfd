package optest

import "vbge/engine/op"

// Form is an operation in one of the forms that backends treat apart.
type Form struct {
	Name      string
	HeadWidth int // channels of an attention's head; 0 without attention
	Record    func(*Recording) op.Tensor
}

// Forms returns recordings that use each operation on its own and in combinations that may be
// fused or share memory, at widths with and without whole vectors.
func Forms() []Form {
	return append(rowForms(), attentionForms()...)
}

func rowForms() []Form {
	return []Form{
		{"patches", 0, func(r *Recording) op.Tensor {
			var levels [3][256]float32
			for i := range 256 {
				levels[0][i], levels[1][i], levels[2][i] = float32(i)/128, -float32(i)/128, float32(i)/300
			}
			return r.Pass.Patches(op.Patches{Pixels: r.Pixels(3 * 24 * 24 * 3), Side: 24, Patch: 8, Levels: &levels})
		}},
		{"given", 0, func(r *Recording) op.Tensor { return r.Given(21, 37) }},
		{"given and changed", 0, func(r *Recording) op.Tensor { // a caller's rows stay what they are
			x := r.Given(7, 40)
			return r.Pass.Gather(r.Rows(30, 21), r.Pass.GELU(x), x, r.Norm(x))
		}},
		{"product of what is given", 0, func(r *Recording) op.Tensor {
			return r.Pass.LinearResidual(r.Given(19, 44).Columns(3, 35), r.Linear(24, 32, true), r.Given(19, 24))
		}},
		{"linear", 0, func(r *Recording) op.Tensor { return r.Pass.Linear(r.Input(70, 48), r.Linear(33, 48, true)) }},
		{"linear no bias", 0, func(r *Recording) op.Tensor { return r.Pass.Linear(r.Input(5, 16), r.Linear(64, 16, false)) }},
		{"linear one row", 0, func(r *Recording) op.Tensor { return r.Pass.Linear(r.Input(1, 768), r.Linear(768, 768, true)) }},
		{"linear of columns", 0, func(r *Recording) op.Tensor {
			return r.Pass.Linear(r.Input(9, 64).Columns(16, 48), r.Linear(24, 32, true))
		}},
		{"residual in place", 0, func(r *Recording) op.Tensor {
			x, y := r.Input(37, 48), r.Input(37, 20)
			return r.Pass.LinearResidual(x, r.Linear(20, 48, true), y)
		}},
		{"residual used later", 0, func(r *Recording) op.Tensor {
			x, y := r.Input(37, 20), r.Input(37, 20)
			z := r.Pass.LinearResidual(x, r.Linear(20, 20, true), y)
			return r.Pass.LinearResidual(z, r.Linear(20, 20, true), y)
		}},
		{"residual of itself", 0, func(r *Recording) op.Tensor {
			x := r.Input(6, 20)
			return r.Pass.LinearResidual(x, r.Linear(20, 20, true), x)
		}},
		{"gelu fused", 0, func(r *Recording) op.Tensor {
			return r.Pass.GELU(r.Pass.Linear(r.Input(37, 48), r.Linear(20, 48, true)))
		}},
		{"gelu alone", 0, func(r *Recording) op.Tensor { return r.Pass.GELU(r.Input(5, 37)) }},
		{"gelu of a value used later", 0, func(r *Recording) op.Tensor {
			x := r.Pass.Linear(r.Input(6, 20), r.Linear(20, 20, true))
			return r.Pass.LinearResidual(r.Pass.GELU(x), r.Linear(20, 20, true), x)
		}},
		{"layer norm", 0, func(r *Recording) op.Tensor { return r.Norm(r.Input(40, 170)) }},
		{"layer norm whole lines", 0, func(r *Recording) op.Tensor { return r.Norm(r.Input(3, 768)) }},
		{"layer norm of columns", 0, func(r *Recording) op.Tensor { return r.Norm(r.Input(7, 64).Columns(5, 38)) }},
		{"layer norm not in place", 0, func(r *Recording) op.Tensor {
			x := r.Input(7, 32)
			return r.Pass.LinearResidual(r.Norm(x), r.Linear(32, 32, true), x)
		}},
		{"layer norm normalised", 0, func(r *Recording) op.Tensor { return r.Pass.Normalise(r.Norm(r.Input(7, 96))) }},
		{"swiglu", 0, func(r *Recording) op.Tensor { return r.Pass.SwiGLU(r.Input(20, 2*85)) }},
		{"swiglu normed", 0, func(r *Recording) op.Tensor { return r.Norm(r.Pass.SwiGLU(r.Input(20, 2*88))) }},
		{"normalise", 0, func(r *Recording) op.Tensor { return r.Pass.Normalise(r.Input(20, 33)) }},
		{"embedding", 0, func(r *Recording) op.Tensor { return r.Input(19, 37) }},
		{"add rows", 0, func(r *Recording) op.Tensor {
			return r.Pass.AddRows(r.Input(19, 37), r.Table(4, 37), r.Rows(19, 4))
		}},
		{"prepend", 0, func(r *Recording) op.Tensor {
			return r.Pass.Prepend(r.Input(9, 20), r.Table(1, 20), op.Sequences{0, 4, 4, 9})
		}},
		{"prepend and add rows", 0, func(r *Recording) op.Tensor {
			x := r.Pass.Prepend(r.Input(9, 24), r.Table(1, 24), op.Sequences{0, 4, 4, 9})
			return r.Pass.AddRows(x, r.Table(5, 24), r.Rows(12, 5))
		}},
		{"gather", 0, func(r *Recording) op.Tensor {
			return r.Pass.Gather([]int32{0, 9, 10, 11, 3, 12, 13, 13, 1}, r.Input(4, 20), r.Input(6, 20), r.Input(5, 20))
		}},
		{"gather of many", 0, func(r *Recording) op.Tensor {
			return r.Pass.Gather(r.Rows(30, 20), r.Input(4, 20), r.Input(4, 20), r.Input(4, 20), r.Input(4, 20), r.Input(4, 20))
		}},
		{"text above patches", 0, func(r *Recording) op.Tensor { // as the text tower begins
			words, patches := r.Input(7, 40), r.Pass.AddRows(r.Input(8, 40), r.Table(5, 40), []int32{1, 2, 3, 4, 1, 2, 3, 4})
			gain, bias := r.Table(1, 40), r.Table(1, 40)
			return r.Pass.Gather([]int32{0, 7, 8, 9, 10, 1, 2, 3, 11, 12, 13, 14, 4, 5, 6},
				r.Pass.LayerNorm(words, gain, bias, 1e-12), r.Pass.LayerNorm(patches, gain, bias, 1e-12))
		}},
		{"words above given rows", 0, func(r *Recording) op.Tensor { // as it begins where patches were kept
			return r.Pass.Gather([]int32{0, 7, 8, 9, 10, 1, 2, 3, 11, 12, 13, 14, 4, 5, 6}, r.Norm(r.Input(7, 40)), r.Given(8, 40))
		}},
	}
}

func attentionForms() []Form {
	return []Form{
		{"attention", 64, func(r *Recording) op.Tensor { return r.Self(op.Sequences{0, 1, 18, 18, 215}, 3, 64, nil) }},
		{"attention rotated", 64, func(r *Recording) op.Tensor { return r.Self(op.Equal(2, 70), 2, 64, r.Rotation(70, 64)) }},
		{"attention of half heads", 32, func(r *Recording) op.Tensor {
			return r.Self(op.Sequences{0, 65, 66}, 4, 32, r.Rotation(65, 32))
		}},
		{"attention of quarter heads", 16, func(r *Recording) op.Tensor { return r.Self(op.Equal(2, 17), 2, 16, r.Rotation(17, 16)) }},
		{"attention of narrow heads", 8, func(r *Recording) op.Tensor { return r.Self(op.Sequences{0, 40, 41}, 4, 8, r.Rotation(40, 8)) }},
		{"attention of wide heads", 256, func(r *Recording) op.Tensor { return r.Self(op.Sequences{0, 33}, 1, 256, nil) }},
		{"attention of long text", 32, func(r *Recording) op.Tensor { return r.Self(op.Sequences{0, 512}, 1, 32, nil) }},
		{"attention twice", 32, func(r *Recording) op.Tensor {
			x := r.Self(op.Sequences{0, 30}, 2, 32, nil)
			y := r.Self(op.Sequences{0, 3, 30}, 2, 32, nil)
			return r.Pass.LinearResidual(x, r.Linear(64, 64, true), y)
		}},
		{"attention of one query", 32, func(r *Recording) op.Tensor {
			kv := r.Input(25, 192)
			return r.Pass.Attention(op.Attention{Q: r.Input(2, 96), K: kv.Columns(0, 96), V: kv.Columns(96, 192),
				Heads: 3, Queries: op.Equal(2, 1), Keys: op.Sequences{0, 5, 25}})
		}},
	}
}

// Empty returns recordings of tensors without rows: a batch may have no pictures, or no words.
func Empty() []Form {
	return []Form{
		{"columns", 0, func(r *Recording) op.Tensor { return r.Pass.SwiGLU(r.Input(0, 48).Columns(16, 48)) }},
		{"linear", 0, func(r *Recording) op.Tensor {
			x := r.Pass.Linear(r.Input(0, 16), r.Linear(16, 16, true))
			return r.Pass.LinearResidual(r.Norm(r.Pass.GELU(x)), r.Linear(16, 16, true), x)
		}},
		{"attention", 32, func(r *Recording) op.Tensor { return r.Pass.Normalise(r.Self(op.Sequences{0}, 2, 32, nil)) }},
		{"rows", 0, func(r *Recording) op.Tensor {
			x := r.Pass.AddRows(r.Input(0, 8), r.Table(2, 8), nil)
			return r.Pass.Gather(nil, x, r.Pass.Prepend(x, r.Table(1, 8), op.Sequences{0}))
		}},
		{"given", 0, func(r *Recording) op.Tensor { return r.Norm(r.Given(0, 8)) }},
		{"prepended", 0, func(r *Recording) op.Tensor {
			return r.Pass.Prepend(r.Input(0, 8), r.Table(1, 8), op.Sequences{0, 0, 0})
		}},
	}
}
