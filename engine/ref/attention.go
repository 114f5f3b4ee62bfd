package ref

import (
	"math"

	"vbge/engine/op"
)

func (m *memory) attention(o op.Attention, out op.Tensor) {
	width := out.Cols / o.Heads
	parallel(o.Queries.Len()*o.Heads, func(i int) {
		sequence, head := i/o.Heads, i%o.Heads
		from, to := head*width, (head+1)*width
		q := m.head(o.Q.Columns(from, to), o.Queries, sequence, o.Rotation)
		k := m.head(o.K.Columns(from, to), o.Keys, sequence, o.Rotation)
		v := m.head(o.V.Columns(from, to), o.Keys, sequence, nil)
		weights := make([]float64, len(k))
		for r, query := range q {
			softmax(weights, query, k)
			y := m.row(out.Columns(from, to), int(o.Queries[sequence])+r)
			for c := range y {
				var sum float64
				for j, w := range weights {
					sum += w * float64(v[j][c])
				}
				y[c] = float32(sum)
			}
		}
	})
}

// head returns the rows of one head in one sequence, turned if there is a rotation.
func (m *memory) head(t op.Tensor, s op.Sequences, sequence int, rotation *op.Rotary) [][]float32 {
	var rows [][]float32
	for r := int(s[sequence]); r < int(s[sequence+1]); r++ {
		x := m.row(t, r)
		if rotation != nil {
			place := int32(r) - s[sequence]
			x = rotate(x, tableRow(rotation.Cos, place), tableRow(rotation.Sin, place))
		}
		rows = append(rows, x)
	}
	return rows
}

func rotate(x, cos, sin []float32) []float32 {
	y := make([]float32, len(x))
	for j := 0; j < len(x); j += 2 {
		a, b := x[j], x[j+1]
		y[j] = a*cos[j] - b*sin[j]
		y[j+1] = b*cos[j+1] + a*sin[j+1]
	}
	return y
}

// softmax sets weights to softmax(query k^T / sqrt(head width)).
func softmax(weights []float64, query []float32, k [][]float32) {
	largest := math.Inf(-1)
	for j, key := range k {
		weights[j] = float64(dot(query, key)) / math.Sqrt(float64(len(query)))
		largest = max(largest, weights[j])
	}
	var sum float64
	for j, w := range weights {
		weights[j] = math.Exp(w - largest)
		sum += weights[j]
	}
	for j := range weights {
		weights[j] /= sum
	}
}
