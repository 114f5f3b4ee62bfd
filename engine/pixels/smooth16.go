package pixels

// cropSmooth16 is cropSmooth for one band of 16 bits, which Pillow sums in float64.
func cropSmooth16(pix []uint16, x, y axis) []uint16 {
	var columns, rows []taps[float64]
	if x.resizes() {
		columns = bicubic(x.in, x.out, x.first, x.n)
	}
	if y.resizes() {
		rows = bicubic(y.in, y.out, y.first, y.n)
	}
	left, right := span(x, columns)
	top, bottom := span(y, rows)

	middle := make([]uint16, (bottom-top)*x.n)
	for i := range bottom - top {
		src := pix[(top+i)*x.in+left : (top+i)*x.in+right]
		dst := middle[i*x.n:][:x.n]
		if !x.resizes() {
			copy(dst, src)
			continue
		}
		for j, t := range columns {
			sum := 0.0
			for k, w := range t.weights {
				sum += float64(float64(src[t.lo-left+k]) * w) // the conversion forbids a fused multiply-add
			}
			dst[j] = clip16(sum)
		}
	}
	if !y.resizes() {
		return middle
	}
	out := make([]uint16, x.n*y.n)
	for i, t := range rows {
		for j := range x.n {
			sum := 0.0
			for k, w := range t.weights {
				sum += float64(float64(middle[(t.lo-top+k)*x.n+j]) * w)
			}
			out[i*x.n+j] = clip16(sum)
		}
	}
	return out
}

// clip16 rounds halves up; sums below zero are clipped, so their rounding does not matter.
func clip16(sum float64) uint16 {
	return uint16(min(max(sum+0.5, 0), 65535))
}
