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
	var scratch []uint8
	if alpha {
		scratch = make([]uint8, (right-left)*bands)
	}
	for i := range bottom - top {
		src := pix[((top+i)*x.in+left)*bands : ((top+i)*x.in+right)*bands]
		dst := middle[i*x.n*bands:][:x.n*bands]
		if alpha {
			premultiply(scratch, src, bands)
			src = scratch
		}
		if x.resizes() {
			resampleRow(dst, src, bands, left, columns)
		} else {
			copy(dst, src)
		}
	}
	if y.resizes() {
		for i, t := range rows {
			resampleColumns(out[i*x.n*bands:][:x.n*bands], middle[(t.lo-top)*x.n*bands:], t.weights)
		}
	}
	if alpha {
		unpremultiply(out, bands)
	}
}

// resampleRow makes a row of output pixels; src begins at input pixel left.
func resampleRow(dst, src []uint8, bands, left int, columns []taps[int32]) {
	const half = 1 << (fixedBits - 1)
	for i, t := range columns {
		s := src[(t.lo-left)*bands:][:len(t.weights)*bands]
		d := dst[i*bands:][:bands]
		switch bands {
		case 1:
			a := int32(half)
			for j, w := range t.weights {
				a += int32(s[j]) * w
			}
			d[0] = clip8(a)
		case 2:
			a, b := int32(half), int32(half)
			for _, w := range t.weights {
				a += int32(s[0]) * w
				b += int32(s[1]) * w
				s = s[2:]
			}
			d[0], d[1] = clip8(a), clip8(b)
		case 3:
			a, b, c := int32(half), int32(half), int32(half)
			for _, w := range t.weights {
				a += int32(s[0]) * w
				b += int32(s[1]) * w
				c += int32(s[2]) * w
				s = s[3:]
			}
			d[0], d[1], d[2] = clip8(a), clip8(b), clip8(c)
		case 4:
			a, b, c, e := int32(half), int32(half), int32(half), int32(half)
			for _, w := range t.weights {
				a += int32(s[0]) * w
				b += int32(s[1]) * w
				c += int32(s[2]) * w
				e += int32(s[3]) * w
				s = s[4:]
			}
			d[0], d[1], d[2], d[3] = clip8(a), clip8(b), clip8(c), clip8(e)
		}
	}
}

// resampleColumns makes one output row of the input rows that rows begins with, one for each weight.
func resampleColumns(dst, rows []uint8, weights []int32) {
	const half = 1 << (fixedBits - 1)
	stride := len(dst)
	x := 0
	for ; x+8 <= stride; x += 8 {
		a0, a1, a2, a3 := int32(half), int32(half), int32(half), int32(half)
		a4, a5, a6, a7 := int32(half), int32(half), int32(half), int32(half)
		at := x
		for _, w := range weights {
			s := rows[at : at+8 : at+8]
			a0 += int32(s[0]) * w
			a1 += int32(s[1]) * w
			a2 += int32(s[2]) * w
			a3 += int32(s[3]) * w
			a4 += int32(s[4]) * w
			a5 += int32(s[5]) * w
			a6 += int32(s[6]) * w
			a7 += int32(s[7]) * w
			at += stride
		}
		d := dst[x : x+8 : x+8]
		d[0], d[1], d[2], d[3] = clip8(a0), clip8(a1), clip8(a2), clip8(a3)
		d[4], d[5], d[6], d[7] = clip8(a4), clip8(a5), clip8(a6), clip8(a7)
	}
	for ; x < stride; x++ {
		a := int32(half)
		for j, w := range weights {
			a += int32(rows[j*stride+x]) * w
		}
		dst[x] = clip8(a)
	}
}

func clip8(sum int32) uint8 {
	return uint8(min(max(sum>>fixedBits, 0), 255))
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
