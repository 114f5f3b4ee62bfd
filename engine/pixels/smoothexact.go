package pixels

import "math"

// smoothExact is smooth8 for one band of more than 8 bits, which Pillow sums in float64; round makes a sample of a sum.
func smoothExact[S sample](pix []S, round func(sum float64) S, x, y axis) []S {
	return passes[S, float64]{exactly, acrossExact(round), downExact(round)}.smooth(pix, 1, false, x, y)
}

func exactly(t taps[float64]) taps[float64] { return t }

func acrossExact[S sample](round func(float64) S) func(dst, src grid[S], count, _ int, _ bool, left int, columns taps[float64]) {
	return func(dst, src grid[S], count, _ int, _ bool, left int, columns taps[float64]) {
		for i := range count {
			for j := range columns.n() {
				lo, weights := columns.of(j)
				sum := 0.0
				for k, v := range src.pix[i*src.stride+lo-left:][:len(weights)] {
					sum += float64(float64(v) * weights[k]) // the conversion forbids a fused multiply-add
				}
				dst.pix[i*dst.stride+j] = round(sum)
			}
		}
	}
}

func downExact[S sample](round func(float64) S) func(dst, src grid[S], n, _ int, _ bool, top int, rows taps[float64]) {
	return func(dst, src grid[S], n, _ int, _ bool, top int, rows taps[float64]) {
		for i := range rows.n() {
			lo, weights := rows.of(i)
			for j := range n {
				sum := 0.0
				for k, w := range weights {
					sum += float64(float64(src.pix[(lo-top+k)*src.stride+j]) * w)
				}
				dst.pix[i*dst.stride+j] = round(sum)
			}
		}
	}
}

// clip16 rounds halves up; sums below zero are clipped, so their rounding does not matter.
func clip16(sum float64) uint16 {
	return uint16(min(max(sum+0.5, 0), 65535))
}

// roundInteger rounds halves away from zero, as Pillow does; what passes 32 bits is what x86 makes of it.
func roundInteger(sum float64) float64 {
	sum = math.Trunc(sum + math.Copysign(0.5, sum))
	if sum > math.MaxInt32 {
		return math.MinInt32
	}
	return max(sum, math.MinInt32)
}

func roundFloat(sum float64) float64 { return float64(float32(sum)) }
