package pixels

// cropSmooth16 is cropSmooth for one band of 16 bits, which Pillow sums in float64.
func cropSmooth16(pix []uint16, x, y axis) []uint16 {
	real := func(t []taps[float64]) []taps[float64] { return t }
	return passes[uint16, float64]{real, across16, down16}.smooth(pix, 1, x, y, nil)
}

func across16(dst, src grid[uint16], count, _, left int, columns []taps[float64]) {
	for i := range count {
		for j, t := range columns {
			sum := 0.0
			for k, w := range t.weights {
				sum += float64(float64(src.pix[i*src.stride+t.lo-left+k]) * w) // the conversion forbids a fused multiply-add
			}
			dst.pix[i*dst.stride+j] = clip16(sum)
		}
	}
}

func down16(dst, src grid[uint16], n, top int, rows []taps[float64]) {
	for i, t := range rows {
		for j := range n {
			sum := 0.0
			for k, w := range t.weights {
				sum += float64(float64(src.pix[(t.lo-top+k)*src.stride+j]) * w)
			}
			dst.pix[i*dst.stride+j] = clip16(sum)
		}
	}
}

// clip16 rounds halves up; sums below zero are clipped, so their rounding does not matter.
func clip16(sum float64) uint16 {
	return uint16(min(max(sum+0.5, 0), 65535))
}
