package optest

import "vbge/engine/op"

// Random returns a recording of a few operations over one another's results and columns of them,
// each normed, so that differences do not grow. Rows and widths are mostly no multiples of a
// vector. headWidth chooses the channels of a head, an even number.
func Random(headWidth func(*Recording) int) func(*Recording) op.Tensor {
	return func(r *Recording) op.Tensor {
		rows, heads, width := 1+r.Random.IntN(90), 1+r.Random.IntN(5), headWidth(r)
		p := randomPass{Recording: r, rows: rows, heads: heads, width: width}
		p.made = []op.Tensor{r.Norm(r.Input(rows, heads*width))}
		for range 1 + r.Random.IntN(12) {
			p.made = append(p.made, r.Norm(p.operation(p.pick())))
		}
		return r.Pass.Gather(r.Rows(rows, rows*len(p.made)), p.made...)
	}
}

type randomPass struct {
	*Recording
	rows, heads, width int
	made               []op.Tensor
}

func (p *randomPass) pick() op.Tensor { return p.made[p.Random.IntN(len(p.made))] }

func (p *randomPass) operation(x op.Tensor) op.Tensor {
	cols, cut := p.heads*p.width, int32(p.Random.IntN(p.rows+1))
	s := op.Sequences{0, cut, int32(p.rows)}
	switch p.Random.IntN(9) {
	case 0:
		return p.Pass.Linear(x, p.Linear(cols, cols, true))
	case 1:
		return p.Pass.LinearResidual(x, p.Linear(cols, cols, false), p.pick())
	case 2:
		return p.Pass.GELU(p.Pass.Linear(x, p.Linear(cols, cols, true)))
	case 3:
		return p.Pass.SwiGLU(p.Pass.Linear(x, p.Linear(2*cols, cols, true)))
	case 4:
		return p.Pass.AddRows(x, p.Table(3, cols), p.Rows(p.rows, 3))
	case 5:
		return p.Pass.Gather(p.Rows(p.rows, 2*p.rows), x, p.pick())
	case 6:
		y := p.Pass.Prepend(x, p.Table(1, cols), s)
		return p.Pass.Gather(p.Rows(p.rows, y.Rows), y)
	case 7:
		return p.Pass.Gather(p.Rows(p.rows, 2*p.rows), p.Given(p.rows, cols), x)
	default:
		qkv := p.Pass.Linear(x, p.Linear(3*cols, cols, true))
		return p.Pass.Attention(op.Attention{Q: qkv.Columns(0, cols), K: qkv.Columns(cols, 2*cols), V: qkv.Columns(2*cols, 3*cols),
			Heads: p.heads, Queries: s, Keys: s, Rotation: p.Rotation(p.rows, p.width)})
	}
}
