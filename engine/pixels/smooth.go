package pixels

// cropSmooth resizes by taps in fixed point, columns first, rows second, rounded to 8 bits in between, and computes only
// what the crop keeps. With alpha, the last band of each pixel, colours are premultiplied for as long as it takes.
func cropSmooth(out, pix []uint8, bands int, alpha bool, x, y axis) {
	alpha = alpha && (x.resizes() || y.resizes())
	var columns, rows []taps[int32]
	if x.resizes() {
		columns = fixed(bicubic(x.in, x.out, x.first, x.n))
	}
	if y.resizes() {
		rows = fixed(bicubic(y.in, y.out, y.first, y.n))
	}
	left, right := span(x, columns)
	top, bottom := span(y, rows)

	middle := out // where only one direction resizes, its result is the result
	if y.resizes() {
		middle = make([]uint8, (bottom-top)*x.n*bands)
	}
	in, n := (right-left)*bands, x.n*bands
	low, high, packed := make([]uint8, in), make([]uint8, in), make([]uint64, in)
	for i := 0; i < bottom-top; i += 2 {
		j := min(i+1, bottom-top-1) // an odd last row is made twice
		row := func(i int, scratch []uint8) []uint8 {
			src := pix[((top+i)*x.in+left)*bands:][:in]
			if alpha {
				premultiply(scratch, src, bands)
				return scratch
			}
			return src
		}
		if x.resizes() {
			pack(packed, row(i, low), row(j, high))
			resampleRows(middle[i*n:][:n], middle[j*n:][:n], packed, bands, left, columns)
		} else {
			copy(middle[i*n:], row(i, low))
			copy(middle[j*n:], row(j, high))
		}
	}
	if y.resizes() {
		for i, t := range rows {
			resampleColumns(out[i*n:][:n], middle[(t.lo-top)*n:], t.weights)
		}
	}
	if alpha {
		unpremultiply(out, bands)
	}
}

// premultiply scales the colours of src by the alpha that ends each pixel.
func premultiply(dst, src []uint8, bands int) {
	for i := 0; i < len(src); i += bands {
		s, d := src[i:i+bands:i+bands], dst[i:i+bands:i+bands]
		a := s[bands-1]
		for c := range bands - 1 {
			d[c] = muldiv255(s[c], a)
		}
		d[bands-1] = a
	}
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
