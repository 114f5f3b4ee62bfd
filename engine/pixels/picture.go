package pixels

import "image"

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
)

func (m Mode) bands() int {
	switch m {
	case GrayAlpha:
		return 2
	case RGB:
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
	Pix           []uint8       // rows without padding, a pixel's samples together; nil for Gray16
	Pix16         []uint16      // Gray16 only
	Palette       [256][3]uint8 // Paletted only; entries that the file lacks are black
}

func newPicture(mode Mode, width, height int) *Picture {
	p := &Picture{Mode: mode, Width: width, Height: height}
	if mode == Gray16 {
		p.Pix16 = make([]uint16, width*height)
	} else {
		p.Pix = make([]uint8, width*height*mode.bands())
	}
	return p
}

// RGBA returns the whole picture converted as Pillow's convert("RGB") does, opaque: alpha is dropped, not blended.
func (p *Picture) RGBA() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	row := make([]uint8, 3*p.Width)
	for y := range p.Height {
		if p.Mode == Gray16 {
			gray16ToRGB(row, p.Pix16[y*p.Width:][:p.Width])
		} else {
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

// toRGB converts samples of p's mode, all but Gray16, to three a pixel.
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
	case Paletted:
		for i, v := range samples {
			copy(rgb[3*i:3*i+3], p.Palette[v][:])
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

// muldiv255 is a * b / 255, rounded.
func muldiv255(a, b uint8) uint8 {
	t := uint32(a)*uint32(b) + 128
	return uint8((t>>8 + t) >> 8)
}
