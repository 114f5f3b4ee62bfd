package ref

import (
	"math"

	"vbge/engine/op"
)

func (m *memory) patches(o op.Patches, out op.Tensor) {
	grid := o.Side / o.Patch
	parallel(out.Rows, func(r int) {
		picture, patch := r/(grid*grid), r%(grid*grid)
		top, left := patch/grid*o.Patch, patch%grid*o.Patch
		y, i := m.row(out, r), 0
		for channel := range 3 {
			for row := range o.Patch {
				for column := range o.Patch {
					at := ((picture*o.Side+top+row)*o.Side + left + column) * 3
					y[i] = o.Levels[channel][o.Pixels[at+channel]]
					i++
				}
			}
		}
	})
}

func (m *memory) linear(o op.LinearLayer, out op.Tensor) {
	w := o.Weight.Handle.(linear)
	in := o.Weight.In
	parallel(out.Rows, func(r int) {
		x, y := m.row(o.X, r), m.row(out, r)
		for j := range y {
			y[j] = dot(x, w.weight[j*in:(j+1)*in])
		}
		if len(w.bias) > 0 {
			add(y, w.bias)
		}
		if o.Residual.ID != 0 {
			add(y, m.row(o.Residual, r))
		}
	})
}

// dot keeps four partial sums, which is faster and more exact than one.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

func add(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

func gelu(y, x []float32) {
	for i, v := range x {
		y[i] = float32(0.5 * float64(v) * (1 + math.Erf(float64(v)/math.Sqrt2)))
	}
}

func layerNorm(y, x, gain, bias []float32, eps float32) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		squares += d * d
	}
	scale := 1 / math.Sqrt(squares/float64(len(x))+float64(eps))
	for i, v := range x {
		y[i] = float32((float64(v)-mean)*scale)*gain[i] + bias[i]
	}
}

func swiGLU(y, x []float32) {
	up := x[len(y):]
	for i := range y {
		y[i] = float32(float64(x[i])/(1+math.Exp(-float64(x[i])))) * up[i]
	}
}

func normalise(y, x []float32) {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	length := max(math.Sqrt(squares), 1e-12)
	for i, v := range x {
		y[i] = float32(float64(v) / length)
	}
}

func (m *memory) embedding(o op.Embedding, out op.Tensor) {
	for r := range out.Rows {
		y := m.row(out, r)
		copy(y, tableRow(o.Word, o.IDs[r]))
		add(y, tableRow(o.TokenType, 0))
		add(y, tableRow(o.Position, o.Positions[r]))
	}
}

func (m *memory) addRows(o op.AddRows, out op.Tensor) {
	for r := range out.Rows {
		y := m.row(out, r)
		copy(y, m.row(o.X, r))
		add(y, tableRow(o.Table, o.At[r]))
	}
}

func (m *memory) prepend(o op.Prepend, out op.Tensor) {
	for i := range o.Sequences.Len() {
		first := int(o.Sequences[i])
		copy(m.row(out, first+i), tableRow(o.Row, 0))
		for r := first; r < int(o.Sequences[i+1]); r++ {
			copy(m.row(out, r+i+1), m.row(o.X, r))
		}
	}
}

func (m *memory) gather(o op.Gather, out op.Tensor) {
	for i, at := range o.At {
		r := int(at)
		for _, from := range o.From {
			if r < from.Rows {
				copy(m.row(out, i), m.row(from, r))
				break
			}
			r -= from.Rows
		}
	}
}
