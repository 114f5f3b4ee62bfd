package pixels

// axis is one direction of a resize followed by a centre crop: in samples, of which the picture takes those from lo to hi,
// become out, of which n from first on are kept.
type axis struct {
	in            int
	lo, hi        float64
	out, first, n int
}

// plan returns the two directions of a resize that brings the shorter side to side, and of the crop to side x side.
func (p *Picture) plan(side int) (x, y axis) {
	x = axis{in: p.Width, lo: p.outside.left, hi: float64(p.Width) - p.outside.right, out: side, n: side}
	y = axis{in: p.Height, lo: p.outside.top, hi: float64(p.Height) - p.outside.bottom, out: side, n: side}
	if width, height := x.hi-x.lo, y.hi-y.lo; width <= height {
		y.out = int(float64(side) * height / width)
	} else {
		x.out = int(float64(side) * width / height)
	}
	x.first, y.first = margin(x.out, side), margin(y.out, side)
	return x, y
}

// margin is (size - side) / 2 with halves rounded to the even number, as Python rounds.
func margin(size, side int) int {
	half := (size - side) / 2
	if (size-side)%2 == 1 {
		half += half % 2
	}
	return half
}

func (a axis) resizes() bool { return a.in != a.out || a.lo != 0 || a.hi != float64(a.in) }

// Crop resizes the shorter side to side, at least 1, cuts out the middle and converts it: uint8 RGB [side, side, 3].
func (p *Picture) Crop(side int) []uint8 {
	return p.resample(p.plan(side))
}

// specified resamples in plain Go: what native kernels have to equal.
func (p *Picture) specified(x, y axis) []uint8 {
	rgb := make([]uint8, 3*x.n*y.n)
	switch p.Mode {
	case Bilevel, Paletted:
		p.toRGB(rgb, pickNearest(p.Pix, x, y))
	case Gray16:
		gray16ToRGB(rgb, smoothExact(p.Pix16, clip16, x, y))
	case Gray16Swapped:
		gray16ToRGB(rgb, swapped(smoothExact(p.Pix16, clip16, x, y)))
	case Integer:
		wideToRGB(rgb, smoothExact(p.Wide, roundInteger, x, y))
	case Float:
		wideToRGB(rgb, smoothExact(p.Wide, roundFloat, x, y))
	case PalettedAlpha:
		if !x.resizes() && !y.resizes() { // a resize loses Pillow the palette: all is black
			p.toRGB(rgb, smooth8(p.Pix, 2, false, x, y))
		}
	case RGB:
		return smooth8(p.Pix, 3, false, x, y)
	default:
		p.toRGB(rgb, smooth8(p.Pix, p.Mode.bands(), p.Mode.alpha(), x, y))
	}
	return rgb
}

// pickNearest keeps one input sample for each output sample.
func pickNearest(pix []uint8, x, y axis) []uint8 {
	columns, rows := nearest(x.in, x.out, x.first, x.n), nearest(y.in, y.out, y.first, y.n)
	out := make([]uint8, x.n*y.n)
	for i, r := range rows {
		row := pix[int(r)*x.in:][:x.in]
		for j, c := range columns {
			out[i*x.n+j] = row[c]
		}
	}
	return out
}
