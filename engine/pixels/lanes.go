package pixels

import "encoding/binary"

// The resampler's sums are 32 bits wide, so one 64-bit multiplication makes two of them: the samples that share a weight
// stand in the lower and the upper half of a word. A negative lower sum borrows one from the upper, which lanes returns.

// half rounds a sum in both lanes.
const half = 1<<(fixedBits-1) | 1<<(32+fixedBits-1)

// lanes takes two sums apart and clips them to samples.
func lanes(sum uint64) (low, high uint8) {
	l := int32(sum)
	return clip8(l), clip8(int32((sum - uint64(l)) >> 32))
}

func clip8(sum int32) uint8 { return uint8(min(max(sum>>fixedBits, 0), 255)) }

// pack puts two rows into lanes.
func pack(words []uint64, low, high []uint8) {
	low, high = low[:len(words)], high[:len(words)]
	for i := range words {
		words[i] = uint64(low[i]) | uint64(high[i])<<32
	}
}

// resampleRows makes two rows of output pixels of two packed input rows, whose first pixel is left.
func resampleRows(low, high []uint8, packed []uint64, bands, left int, columns taps[int32]) {
	for i := range columns.n() {
		lo, weights := columns.of(i)
		src := packed[(lo-left)*bands:][:len(weights)*bands]
		l, h := low[i*bands:][:bands], high[i*bands:][:bands]
		switch bands {
		case 1:
			a := uint64(half)
			for j, w := range weights {
				a += src[j] * uint64(w)
			}
			l[0], h[0] = lanes(a)
		case 2:
			a, b := uint64(half), uint64(half)
			for j, w := range weights {
				px := src[2*j : 2*j+2 : 2*j+2]
				a += px[0] * uint64(w)
				b += px[1] * uint64(w)
			}
			l[0], h[0] = lanes(a)
			l[1], h[1] = lanes(b)
		case 3:
			a, b, c := uint64(half), uint64(half), uint64(half)
			for j, w := range weights {
				px := src[3*j : 3*j+3 : 3*j+3]
				a += px[0] * uint64(w)
				b += px[1] * uint64(w)
				c += px[2] * uint64(w)
			}
			l[0], h[0] = lanes(a)
			l[1], h[1] = lanes(b)
			l[2], h[2] = lanes(c)
		case 4:
			a, b, c, d := uint64(half), uint64(half), uint64(half), uint64(half)
			for j, w := range weights {
				px := src[4*j : 4*j+4 : 4*j+4]
				a += px[0] * uint64(w)
				b += px[1] * uint64(w)
				c += px[2] * uint64(w)
				d += px[3] * uint64(w)
			}
			l[0], h[0] = lanes(a)
			l[1], h[1] = lanes(b)
			l[2], h[2] = lanes(c)
			l[3], h[3] = lanes(d)
		}
	}
}

// resampleColumns makes one output row of the input rows that rows begins with, stride apart, one for each weight.
func resampleColumns(dst, rows []uint8, stride int, weights []int32) {
	const every4th = 0x000000ff_000000ff
	x := 0
	for ; x+8 <= len(dst); x += 8 {
		a, b, c, d := uint64(half), uint64(half), uint64(half), uint64(half)
		for j, w := range weights {
			v := binary.LittleEndian.Uint64(rows[j*stride+x:])
			a += v & every4th * uint64(w)
			b += v >> 8 & every4th * uint64(w)
			c += v >> 16 & every4th * uint64(w)
			d += v >> 24 & every4th * uint64(w)
		}
		out := dst[x : x+8 : x+8]
		out[0], out[4] = lanes(a)
		out[1], out[5] = lanes(b)
		out[2], out[6] = lanes(c)
		out[3], out[7] = lanes(d)
	}
	for ; x < len(dst); x++ {
		a := uint64(half)
		for j, w := range weights {
			a += uint64(rows[j*stride+x]) * uint64(w)
		}
		dst[x], _ = lanes(a)
	}
}
