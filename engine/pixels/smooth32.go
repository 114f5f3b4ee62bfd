package pixels

import "math"

// smoothWide is smooth8 for one band of 32 bits, which Pillow sums in float64 and rounds to the samples' own type.
func smoothWide(pix []float64, mode Mode, x, y axis) []float64 {
	round := roundInteger
	if mode == Float {
		round = func(sum float64) float64 { return float64(float32(sum)) }
	}
	return passes[float64, float64]{exactly, acrossWide(round), downWide(round)}.smooth(pix, 1, false, x, y)
}

// roundInteger rounds halves away from zero, as Pillow does; what passes 32 bits is what x86 makes of it.
func roundInteger(sum float64) float64 {
	sum = math.Trunc(sum + math.Copysign(0.5, sum))
	if sum > math.MaxInt32 {
		return math.MinInt32
	}
	return max(sum, math.MinInt32)
}

func acrossWide(round func(float64) float64) func(dst, src grid[float64], count, _ int, _ bool, left int, columns taps[float64]) {
	return func(dst, src grid[float64], count, _ int, _ bool, left int, columns taps[float64]) {
		for i := range count {
			for j := range columns.n() {
				lo, weights := columns.of(j)
				sum := 0.0
				for k, v := range src.pix[i*src.stride+lo-left:][:len(weights)] {
					sum += float64(v * weights[k]) // the conversion forbids a fused multiply-add
				}
				dst.pix[i*dst.stride+j] = round(sum)
			}
		}
	}
}

func downWide(round func(float64) float64) func(dst, src grid[float64], n, _ int, _ bool, top int, rows taps[float64]) {
	return func(dst, src grid[float64], n, _ int, _ bool, top int, rows taps[float64]) {
		for i := range rows.n() {
			lo, weights := rows.of(i)
			for j := range n {
				sum := 0.0
				for k, w := range weights {
					sum += float64(src.pix[(lo-top+k)*src.stride+j] * w)
				}
				dst.pix[i*dst.stride+j] = round(sum)
			}
		}
	}
}

// wideToRGB clips as Pillow does, and drops fractions.
func wideToRGB(rgb []uint8, samples []float64) {
	for i, v := range samples {
		if v != v {
			v = 0
		}
		v := uint8(min(max(v, 0), 255))
		rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, v, v
	}
}

// ycbcrToRGB converts as ConvertYCbCr.c in Pillow: BT.601's full range, each product with 6 bits of fraction, rounded as its tables are.
func ycbcrToRGB(y, cb, cr uint8) (r, g, b uint8) {
	part := func(v uint8, factor float64) int { return int(float64(factor*64*(float64(v)-128)) + 0.5) }
	clip := func(v int) uint8 { return uint8(min(max(v, 0), 255)) }
	l := int(y)
	return clip(l + part(cr, 1.402)>>6), clip(l + (part(cb, -0.34414)+part(cr, -0.71414))>>6), clip(l + part(cb, 1.772)>>6)
}
