package pixels

// sample is what samples are held in: 8 bits, 16, or what has more.
type sample interface{ uint8 | uint16 | float64 }

// grid is a block of samples: row i begins at pix[i*stride].
type grid[S sample] struct {
	pix    []S
	stride int
}

func newGrid[S sample](rows, n int) grid[S] { return grid[S]{make([]S, rows*n), n} }

func (g grid[S]) row(i, n int) []S { return g.pix[i*g.stride:][:n] }

// rowsFirst tells the pictures, about twice as high as wide, whose height Pillow 13 shrinks before their width; all others,
// and all in Pillow 12, go the other way. Rounding in between makes it matter.
func rowsFirst(x, y axis) bool {
	return y.in > y.out && y.in-y.out > 2*(x.in-x.out)
}

// passes is how samples are resampled with weights: in fixed point or in float64. Each pass gets the first input index
// that src holds; alpha says that the last band of each of its input's pixels is one, with which colours are premultiplied.
type passes[S sample, W int32 | float64] struct {
	weights func(taps[float64]) taps[W]
	across  func(dst, src grid[S], count, bands int, alpha bool, left int, columns taps[W]) // count rows of output pixels
	down    func(dst, src grid[S], n, bands int, alpha bool, top int, rows taps[W])         // output rows of n samples
}

// smooth runs the one or two passes of a resize over what the crop keeps, [y.n, x.n] pixels.
func (p passes[S, W]) smooth(pix []S, bands int, alpha bool, x, y axis) []S {
	columns, left, right := p.taps(x)
	rows, top, bottom := p.taps(y)
	in, n := (right-left)*bands, x.n*bands
	src, out := grid[S]{pix[(top*x.in+left)*bands:], x.in * bands}, newGrid[S](y.n, n)
	switch {
	case x.resizes() && y.resizes() && rowsFirst(x, y):
		middle := newGrid[S](y.n, in)
		p.down(middle, src, in, bands, alpha, top, rows)
		p.across(out, middle, y.n, bands, false, left, columns)
	case x.resizes() && y.resizes():
		middle := newGrid[S](bottom-top, n)
		p.across(middle, src, bottom-top, bands, alpha, left, columns)
		p.down(out, middle, n, bands, false, top, rows)
	case x.resizes():
		p.across(out, src, y.n, bands, alpha, left, columns)
	case y.resizes():
		p.down(out, src, n, bands, alpha, top, rows)
	default:
		for i := range y.n {
			copy(out.row(i, n), src.row(i, n))
		}
	}
	return out.pix
}

// taps returns the taps of a direction that resizes, and the input samples [lo, hi) that what is kept is made of.
func (p passes[S, W]) taps(a axis) (t taps[W], lo, hi int) {
	if !a.resizes() {
		return t, a.first, a.first + a.n
	}
	t = p.weights(bicubic(a))
	lo, hi = t.span()
	return t, lo, hi
}

// smooth8 resizes 8-bit samples in fixed point. With alpha, the last band of each pixel, colours are premultiplied for as
// long as a resize takes.
func smooth8(pix []uint8, bands int, alpha bool, x, y axis) []uint8 {
	alpha = alpha && (x.resizes() || y.resizes())
	out := passes[uint8, int32]{fixed, across8, down8}.smooth(pix, bands, alpha, x, y)
	if alpha {
		unpremultiply(out, bands)
	}
	return out
}

func across8(dst, src grid[uint8], count, bands int, alpha bool, left int, columns taps[int32]) {
	lo, hi := columns.span()
	in, n := (hi-lo)*bands, columns.n()*bands
	packed, scaled := make([]uint64, in), newGrid[uint8](2, in)
	for i := 0; i < count; i += 2 {
		j := min(i+1, count-1) // an odd last row is made twice
		a, b := src.row(i, in), src.row(j, in)
		if alpha {
			a, b = premultiply(scaled.row(0, in), a, bands), premultiply(scaled.row(1, in), b, bands)
		}
		pack(packed, a, b)
		resampleRows(dst.row(i, n), dst.row(j, n), packed, bands, left, columns)
	}
}

func down8(dst, src grid[uint8], n, bands int, alpha bool, top int, rows taps[int32]) {
	if !alpha {
		downPlain(dst, src, n, top, rows)
		return
	}
	const most = 256 // samples of a row at a time, so that there is no second picture
	lo, hi := rows.span()
	scaled := newGrid[uint8](hi-lo, min(n, most))
	for x := 0; x < n; x += most {
		w := min(n-x, most)
		for y := range hi - lo {
			premultiply(scaled.row(y, w), src.row(y, n)[x:x+w], bands)
		}
		downPlain(grid[uint8]{dst.pix[x:], dst.stride}, scaled, w, top, rows)
	}
}

func downPlain(dst, src grid[uint8], n, top int, rows taps[int32]) {
	for i := range rows.n() {
		lo, weights := rows.of(i)
		resampleColumns(dst.row(i, n), src.pix[(lo-top)*src.stride:], src.stride, weights)
	}
}

// premultiply writes samples to dst, colours scaled by the alpha that ends each pixel, and returns it.
func premultiply(dst, src []uint8, bands int) []uint8 {
	for i := 0; i < len(src); i += bands {
		s, d := src[i:i+bands:i+bands], dst[i:i+bands:i+bands]
		a := s[bands-1]
		for c := range bands - 1 {
			d[c] = muldiv255(s[c], a)
		}
		d[bands-1] = a
	}
	return dst
}

// unpremultiply divides the colours by alpha again, clipped; where alpha is 0 they stay.
func unpremultiply(pix []uint8, bands int) {
	for i := 0; i < len(pix); i += bands {
		px := pix[i : i+bands : i+bands]
		a := uint32(px[bands-1])
		if a == 0 || a == 255 {
			continue
		}
		for c := range bands - 1 {
			px[c] = uint8(min(255*uint32(px[c])/a, 255))
		}
	}
}
