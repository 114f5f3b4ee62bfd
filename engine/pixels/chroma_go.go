//go:build !native

package pixels

import "image"

// fromYCbCr converts m as libjpeg-turbo does: chroma smoothed ("fancy" upsampling) where it is halved, then BT.601's
// full range in 16-bit fixed point. image/jpeg's own conversion repeats chroma samples, which is off by up to 80 levels.
func fromYCbCr(pix []uint8, m *image.YCbCr) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cb, cr := make([]uint8, w), make([]uint8, w)
	sum := make([]int, w)
	for y := range h {
		upsampleRow(cb, sum, m.Cb, m, y)
		upsampleRow(cr, sum, m.Cr, m, y)
		luma := m.Y[y*m.YStride:][:w]
		for x, dst := 0, pix[3*y*w:][:3*w]; x < w; x++ {
			dst[3*x], dst[3*x+1], dst[3*x+2] = jpegRGB(int(luma[x]), int(cb[x])-128, int(cr[x])-128)
		}
	}
}

func jpegRGB(y, cb, cr int) (r, g, b uint8) {
	const half = 1 << 15
	return clip255(y + (91881*cr+half)>>16), clip255(y + (-22554*cb-46802*cr+half)>>16), clip255(y + (116130*cb+half)>>16)
}

// upsampleRow makes row y of a chroma plane as wide as out: libjpeg-turbo's jdsample.c.
func upsampleRow(out []uint8, sum []int, plane []uint8, m *image.YCbCr, y int) {
	narrow, low := 1, 1 // luma samples to a chroma sample, across and down
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		narrow = 2
	case image.YCbCrSubsampleRatio420:
		narrow, low = 2, 2
	case image.YCbCrSubsampleRatio440:
		low = 2
	case image.YCbCrSubsampleRatio411:
		narrow = 4
	case image.YCbCrSubsampleRatio410:
		narrow, low = 4, 2
	}
	n := (len(out) + narrow - 1) / narrow
	near := plane[y/low*m.CStride:][:n]
	if narrow == 1 && low == 1 || narrow == 4 || narrow == 2 && n <= 2 {
		for x := range out {
			out[x] = near[x/narrow]
		}
		return
	}
	far := near // the row on the other side: above for even rows, below for odd ones
	last := (m.Rect.Dy() - 1) / low
	if low == 2 {
		far = plane[min(max(y/2-1+y%2*2, 0), last)*m.CStride:][:n]
	}
	switch {
	case narrow == 1:
		for x := range out {
			out[x] = uint8((3*int(near[x]) + int(far[x]) + 1 + y%2) >> 2)
		}
	case low == 1:
		widen(out, near, 2, 1, 2)
	default:
		for x := range sum[:n] {
			sum[x] = 3*int(near[x]) + int(far[x])
		}
		widen(out, sum[:n], 4, 8, 7)
	}
}

// widen doubles a row: 3/4 of the nearest sample, 1/4 of the next, in units of 4 / 1<<shift of a level; left and right
// are the roundings of the even and odd samples.
func widen[T uint8 | int](out []uint8, in []T, shift, left, right int) {
	for x := range out {
		v := int(in[x/2])
		next, round := x/2-1+x%2*2, left
		if x%2 == 1 {
			round = right
		}
		if next < 0 || next >= len(in) {
			next = x / 2
		}
		out[x] = uint8((3*v + int(in[next]) + round) >> shift)
	}
}
