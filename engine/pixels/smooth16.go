package pixels

// smooth16 is smooth8 for one band of 16 bits, which Pillow sums in float64.
func smooth16(pix []uint16, x, y axis) []uint16 {
	return passes[uint16, float64]{exactly, across16, down16}.smooth(pix, 1, false, x, y)
}

func exactly(t taps[float64]) taps[float64] { return t }

func across16(dst, src grid[uint16], count, _ int, _ bool, left int, columns taps[float64]) {
	for i := range count {
		for j := range columns.n() {
			lo, weights := columns.of(j)
			sum := 0.0
			for k, v := range src.pix[i*src.stride+lo-left:][:len(weights)] {
				sum += float64(float64(v) * weights[k]) // the conversion forbids a fused multiply-add
			}
			dst.pix[i*dst.stride+j] = clip16(sum)
		}
	}
}

func down16(dst, src grid[uint16], n, _ int, _ bool, top int, rows taps[float64]) {
	for i := range rows.n() {
		lo, weights := rows.of(i)
		for j := range n {
			sum := 0.0
			for k, w := range weights {
				sum += float64(float64(src.pix[(lo-top+k)*src.stride+j]) * w)
			}
			dst.pix[i*dst.stride+j] = clip16(sum)
		}
	}
}

// clip16 rounds halves up; sums below zero are clipped, so their rounding does not matter.
func clip16(sum float64) uint16 {
	return uint16(min(max(sum+0.5, 0), 65535))
}
