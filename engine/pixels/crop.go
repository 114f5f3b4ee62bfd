package pixels

// axis is one direction of a resize followed by a centre crop: in samples become out, of which n from first on are kept.
type axis struct{ in, out, first, n int }

// plan returns the two directions of a resize that brings the shorter side to side, and of the crop to side x side.
func plan(width, height, side int) (x, y axis) {
	newWidth, newHeight := side, side
	if width <= height {
		newHeight = int(float64(side*height) / float64(width))
	} else {
		newWidth = int(float64(side*width) / float64(height))
	}
	return axis{width, newWidth, margin(newWidth, side), side}, axis{height, newHeight, margin(newHeight, side), side}
}

// margin is (size - side) / 2 with halves rounded to the even number, as Python rounds.
func margin(size, side int) int {
	half := (size - side) / 2
	if (size-side)%2 == 1 {
		half += half % 2
	}
	return half
}

func (a axis) resizes() bool { return a.in != a.out }

// span returns the input samples [lo, hi) that the kept output samples are made of.
func span[T int32 | float64](a axis, t []taps[T]) (lo, hi int) {
	if !a.resizes() {
		return a.first, a.first + a.n
	}
	last := t[len(t)-1]
	return t[0].lo, last.lo + len(last.weights)
}

// Crop resizes the shorter side to side, at least 1, cuts out the middle and converts it: uint8 RGB [side, side, 3].
func (p *Picture) Crop(side int) []uint8 {
	x, y := plan(p.Width, p.Height, side)
	rgb := make([]uint8, 3*side*side)
	switch p.Mode {
	case Bilevel, Paletted:
		p.toRGB(rgb, cropNearest(p.Pix, x, y))
	case Gray16:
		gray16ToRGB(rgb, cropSmooth16(p.Pix16, x, y))
	case RGB:
		return cropSmooth(p.Pix, 3, false, x, y)
	default:
		p.toRGB(rgb, cropSmooth(p.Pix, p.Mode.bands(), p.Mode == GrayAlpha || p.Mode == RGBA, x, y))
	}
	return rgb
}

// cropNearest keeps one input sample for each output sample.
func cropNearest(pix []uint8, x, y axis) []uint8 {
	columns, rows := nearest(x.in, x.out, x.first, x.n), nearest(y.in, y.out, y.first, y.n)
	out := make([]uint8, x.n*y.n)
	for i, r := range rows {
		row := pix[r*x.in:][:x.in]
		for j, c := range columns {
			out[i*x.n+j] = row[c]
		}
	}
	return out
}
