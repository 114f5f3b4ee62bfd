package pixels

import (
	"image"
	"math/bits"
)

// Mode is the kind of samples a file holds, named as Pillow names it: it decides how a picture is resized.
type Mode string

const (
	Bilevel   Mode = "1"    // one sample, 0 or 255; resized by nearest neighbour
	Paletted  Mode = "P"    // one sample, an index into Palette; resized by nearest neighbour
	Gray      Mode = "L"    // one sample
	Gray16    Mode = "I;16" // one sample of 16 bits, in Pix16
	GrayAlpha Mode = "LA"   // grey, alpha; premultiplied while it is resized
	RGB       Mode = "RGB"
	RGBA      Mode = "RGBA" // red, green, blue, alpha; premultiplied while it is resized
	CMYK      Mode = "CMYK" // 0 is no ink

	// TIFF only:
	Gray16Swapped Mode = "I;16B" // as Gray16 with the bytes of Pix16 swapped, which is how Pillow resizes it
	Integer       Mode = "I"     // one sample of 32 bits with a sign, in Wide
	Float         Mode = "F"     // one sample of float32, in Wide
	YCbCr         Mode = "YCbCr"
	PalettedAlpha Mode = "PA" // an index into Palette, alpha
)

func (m Mode) bands() int {
	switch m {
	case GrayAlpha, PalettedAlpha:
		return 2
	case RGB, YCbCr:
		return 3
	case RGBA, CMYK:
		return 4
	}
	return 1
}

// alpha tells whether the last band is one, with which colours are premultiplied while they are resized.
func (m Mode) alpha() bool { return m == GrayAlpha || m == RGBA }

// Picture is a decoded picture.
type Picture struct {
	Mode          Mode
	Width, Height int
	Pix           []uint8       // rows without padding, a pixel's samples together; nil for Gray16, Integer and Float
	Pix16         []uint16      // Gray16 only
	Wide          []float64     // Integer and Float only
	Palette       [256][3]uint8 // Paletted and PalettedAlpha only; entries that the file lacks are black
	outside       margins       // of a picture decoded at a fraction of its size
}

func newPicture(mode Mode, width, height int) *Picture {
	p := &Picture{Mode: mode, Width: width, Height: height}
	switch n := width * height; mode {
	case Gray16, Gray16Swapped:
		p.Pix16 = make([]uint16, n)
	case Integer, Float:
		p.Wide = make([]float64, n)
	default:
		p.Pix = make([]uint8, n*mode.bands())
	}
	return p
}

// pixelBytes is what a pixel of the mode takes in a Picture.
func (m Mode) pixelBytes() int {
	switch m {
	case Gray16, Gray16Swapped:
		return 2
	case Integer, Float:
		return 8
	}
	return m.bands()
}

// RGBA returns the whole picture converted as Pillow's convert("RGB") does, opaque: alpha is dropped, not blended.
func (p *Picture) RGBA() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	row := make([]uint8, 3*p.Width)
	for y := range p.Height {
		switch p.Mode {
		case Gray16:
			gray16ToRGB(row, p.Pix16[y*p.Width:][:p.Width])
		case Gray16Swapped:
			gray16ToRGB(row, swapped(p.Pix16[y*p.Width:][:p.Width]))
		case Integer, Float:
			wideToRGB(row, p.Wide[y*p.Width:][:p.Width])
		default:
			n := p.Width * p.Mode.bands()
			p.toRGB(row, p.Pix[y*n:][:n])
		}
		out := m.Pix[y*m.Stride:][:4*p.Width]
		for x := range p.Width {
			copy(out[4*x:4*x+3], row[3*x:3*x+3])
			out[4*x+3] = 255
		}
	}
	return m
}

// toRGB converts samples of p's mode, all but Gray16, Integer and Float, to three a pixel.
func (p *Picture) toRGB(rgb, samples []uint8) {
	switch p.Mode {
	case RGB:
		copy(rgb, samples)
	case RGBA:
		for i, j := 0, 0; i < len(rgb); i, j = i+3, j+4 {
			rgb[i], rgb[i+1], rgb[i+2] = samples[j], samples[j+1], samples[j+2]
		}
	case CMYK:
		for i, j := 0, 0; i < len(rgb); i, j = i+3, j+4 {
			paper := 255 - samples[j+3]
			for c := range 3 {
				// muldiv255(c, n) never exceeds n, so nothing wraps below zero.
				rgb[i+c] = paper - muldiv255(samples[j+c], paper)
			}
		}
	case Paletted, PalettedAlpha:
		step := p.Mode.bands()
		for i := range len(rgb) / 3 {
			copy(rgb[3*i:3*i+3], p.Palette[samples[i*step]][:])
		}
	case YCbCr:
		for i := 0; i < len(rgb); i += 3 {
			rgb[i], rgb[i+1], rgb[i+2] = ycbcrToRGB(samples[i], samples[i+1], samples[i+2])
		}
	default:
		step := p.Mode.bands()
		for i, j := 0, 0; i < len(rgb); i, j = i+3, j+step {
			v := samples[j]
			rgb[i], rgb[i+1], rgb[i+2] = v, v, v
		}
	}
}

// gray16ToRGB clips as Pillow does, which turns most 16-bit greys white; scaling by 1/257 would be another model.
func gray16ToRGB(rgb []uint8, samples []uint16) {
	for i, v := range samples {
		v := uint8(min(v, 255))
		rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, v, v
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
	l := int(y)
	return clip255(l + part(cr, 1.402)>>6), clip255(l + (part(cb, -0.34414)+part(cr, -0.71414))>>6), clip255(l + part(cb, 1.772)>>6)
}

func clip255(v int) uint8 { return uint8(min(max(v, 0), 255)) }

func swapped(samples []uint16) []uint16 {
	out := make([]uint16, len(samples))
	for i, v := range samples {
		out[i] = bits.ReverseBytes16(v)
	}
	return out
}

// muldiv255 is a * b / 255, rounded.
func muldiv255(a, b uint8) uint8 {
	t := uint32(a)*uint32(b) + 128
	return uint8((t>>8 + t) >> 8)
}
