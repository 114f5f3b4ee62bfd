package pixels

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// rawMode is how samples stand in the rows of a file.
type rawMode struct {
	bits   int // of a pixel
	unpack func(p *Picture, at int, row []byte, n int)
}

// rawModes are those of PNG, BMP and TIFF, under Pillow's names for them. Each writes n pixels of row to p, from the
// pixel at on.
var rawModes = map[string]rawMode{
	"1": bitsOf(1, 255), "L;2": bitsOf(2, 85), "L;4": bitsOf(4, 17), "P;1": bitsOf(1, 1), "P;2": bitsOf(2, 1), "P;4": bitsOf(4, 1),
	"L": bytesOf(1, 0), "LX": bytesOf(2, 0), "LA": bytesOf(2, 0, 1), "P": bytesOf(1, 0), "PX": bytesOf(2, 0), "PA": bytesOf(2, 0, 1),
	"RGB": bytesOf(3, 0, 1, 2), "RGBX": bytesOf(4, 0, 1, 2), "RGBXX": bytesOf(5, 0, 1, 2), "RGBXXX": bytesOf(6, 0, 1, 2),
	"RGBA": bytesOf(4, 0, 1, 2, 3), "RGBAX": bytesOf(5, 0, 1, 2, 3), "RGBAXX": bytesOf(6, 0, 1, 2, 3),
	"CMYK": bytesOf(4, 0, 1, 2, 3), "CMYKX": bytesOf(5, 0, 1, 2, 3), "CMYKXX": bytesOf(6, 0, 1, 2, 3),
	"YCbCr": bytesOf(3, 0, 1, 2), "YCC": {24, unpackYCC},

	// Premultiplied by alpha.
	"RGBa": associated(bytesOf(4, 0, 1, 2, 3)), "RGBaX": associated(bytesOf(5, 0, 1, 2, 3)), "RGBaXX": associated(bytesOf(6, 0, 1, 2, 3)),

	// BMP's, whose words are little-endian.
	"BGR": bytesOf(3, 2, 1, 0), "BGRX": bytesOf(4, 2, 1, 0), "XBGR": bytesOf(4, 3, 2, 1), "BGXR": bytesOf(4, 3, 1, 0),
	"BGRA": bytesOf(4, 2, 1, 0, 3), "ABGR": bytesOf(4, 3, 2, 1, 0), "BGAR": bytesOf(4, 3, 1, 0, 2),
	"BGR;15": fiveBits(5), "BGR;16": fiveBits(6),

	// Of 16 bits Pillow keeps the upper byte, save in grey pictures.
	"LA;16B": bytesOf(4, 0, 0, 0, 2), "RGB;16B": bytesOf(6, 0, 2, 4), "RGB;16L": bytesOf(6, 1, 3, 5),
	"RGBX;16B": bytesOf(8, 0, 2, 4), "RGBX;16L": bytesOf(8, 1, 3, 5), "RGBA;16B": bytesOf(8, 0, 2, 4, 6), "RGBA;16L": bytesOf(8, 1, 3, 5, 7),
	"RGBa;16B": associated(bytesOf(8, 0, 2, 4, 6)), "RGBa;16L": associated(bytesOf(8, 1, 3, 5, 7)),
	"CMYK;16B": bytesOf(8, 0, 2, 4, 6), "CMYK;16L": bytesOf(8, 1, 3, 5, 7),
	"I;16": words(le.Uint16), "I;16B": words(be.Uint16), "I;12": {12, unpack12},

	// Greys with a sign, or of more bits.
	"I;16S":  wide(16, func(b []byte) float64 { return float64(int16(le.Uint16(b))) }),
	"I;16BS": wide(16, func(b []byte) float64 { return float64(int16(be.Uint16(b))) }),
	"I;32S":  wide(32, func(b []byte) float64 { return float64(int32(le.Uint32(b))) }),
	"I;32BS": wide(32, func(b []byte) float64 { return float64(int32(be.Uint32(b))) }),
	"F;32F":  wide(32, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }),
	"F;32BF": wide(32, func(b []byte) float64 { return float64(math.Float32frombits(be.Uint32(b))) }),
}

var be, le = binary.BigEndian, binary.LittleEndian

// bytesOf has a sample of each pixel's step bytes for each place that is named.
func bytesOf(step int, places ...int) rawMode {
	return rawMode{8 * step, func(p *Picture, at int, row []byte, n int) {
		bands := len(places)
		out, row := p.Pix[at*bands:(at+n)*bands], row[:n*step]
		if places[0] == 0 && places[bands-1] == step-1 && bands == step {
			copy(out, row)
			return
		}
		for ; len(row) > 0; row, out = row[step:], out[bands:] {
			for i, place := range places {
				out[i] = row[place]
			}
		}
	}}
}

// bitsOf has samples of a few bits, the first ones uppermost, times scale.
func bitsOf(depth int, scale uint8) rawMode {
	return rawMode{depth, func(p *Picture, at int, row []byte, n int) {
		for i, out := 0, p.Pix[at:at+n]; i < n; i++ {
			out[i] = row[i*depth/8] << (i * depth % 8) >> (8 - depth) * scale
		}
	}}
}

// fiveBits has five bits of blue, green (or six), and five of red, from the lowest bit of a little-endian word on.
func fiveBits(green int) rawMode {
	return rawMode{16, func(p *Picture, at int, row []byte, n int) {
		most := 1<<green - 1
		for i, out := 0, p.Pix[3*at:]; i < n; i++ {
			v := int(le.Uint16(row[2*i:]))
			out[3*i], out[3*i+1], out[3*i+2] = uint8(v>>(5+green)&31*255/31), uint8(v>>5&most*255/most), uint8(v&31*255/31)
		}
	}}
}

// associated divides colours that are premultiplied by alpha, the last of four samples.
func associated(raw rawMode) rawMode {
	return rawMode{raw.bits, func(p *Picture, at int, row []byte, n int) {
		raw.unpack(p, at, row, n)
		divideByAlpha(p.Pix[4*at:][:4*n])
	}}
}

func divideByAlpha(pix []uint8) {
	for i := 0; i < len(pix); i += 4 {
		if pix[i+3] == 0 {
			clear(pix[i : i+3])
		}
	}
	unpremultiply(pix, 4)
}

// unpackYCC converts BT.601's full range in 16-bit fixed point, as libtiff does; libjpeg-turbo rounds a factor otherwise.
func unpackYCC(p *Picture, at int, row []byte, n int) {
	const half = 1 << 15
	for i, out := 0, p.Pix[3*at:]; i < 3*n; i += 3 {
		y, cb, cr := int(row[i]), int(row[i+1])-128, int(row[i+2])-128
		out[i], out[i+1], out[i+2] = clip255(y+(91881*cr+half)>>16), clip255(y+(-22553*cb-46802*cr+half)>>16), clip255(y+(116130*cb+half)>>16)
	}
}

func words(word func([]byte) uint16) rawMode {
	return rawMode{16, func(p *Picture, at int, row []byte, n int) {
		for i, out := 0, p.Pix16[at:at+n]; i < n; i++ {
			out[i] = word(row[2*i:])
		}
	}}
}

// unpack12 has two samples in three bytes, the first one uppermost.
func unpack12(p *Picture, at int, row []byte, n int) {
	for i, out := 0, p.Pix16[at:at+n]; i < n; i++ {
		b := row[i*3/2:]
		if i%2 == 0 {
			out[i] = uint16(b[0])<<4 | uint16(b[1])>>4
		} else {
			out[i] = uint16(b[0]&15)<<8 | uint16(b[1])
		}
	}
}

func wide(depth int, value func([]byte) float64) rawMode {
	return rawMode{depth, func(p *Picture, at int, row []byte, n int) {
		for i, out := 0, p.Wide[at:at+n]; i < n; i++ {
			out[i] = value(row[i*depth/8:])
		}
	}}
}

// reverseBits turns round the bits of each byte.
func reverseBits(row []byte) {
	for i, v := range row {
		row[i] = bits.Reverse8(v)
	}
}
