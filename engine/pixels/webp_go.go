//go:build !native

package pixels

import (
	"bytes"
	"errors"
	"image"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

// decodeInto writes the frame's samples into p at the frame's place.
func (f *webpFrame) decodeInto(p *Picture) error {
	bands, stride := p.Mode.bands(), p.Width*p.Mode.bands()
	row := func(y int) []uint8 { return p.Pix[(f.y0+y)*stride+f.x0*bands:][:f.frameW*bands] }
	if f.lossless {
		m, err := vp8l.Decode(bytes.NewReader(f.image))
		if err != nil {
			return broken("x/image/vp8l", err)
		}
		nrgba := m.(*image.NRGBA)
		for y := range f.frameH {
			for x, dst := 0, row(y); x < f.frameW; x++ {
				copy(dst[x*bands:(x+1)*bands], nrgba.Pix[y*nrgba.Stride+4*x:])
			}
		}
		return nil
	}
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(f.image), len(f.image))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return broken("x/image/vp8", err)
	}
	m, err := d.DecodeFrame()
	if err != nil {
		return broken("x/image/vp8", err)
	}
	if m.Rect.Dx() != f.frameW || m.Rect.Dy() != f.frameH {
		return broken("x/image/vp8", errors.New("size changed between two readings"))
	}
	alpha, err := f.decodeAlpha(bands)
	if err != nil {
		return err
	}
	u, v := make([]uint8, f.frameW), make([]uint8, f.frameW)
	for y := range f.frameH {
		near, far := y/2, min(max(y/2-1+y%2*2, 0), (f.frameH-1)/2)
		smoothWebP(u, m.Cb[near*m.CStride:], m.Cb[far*m.CStride:])
		smoothWebP(v, m.Cr[near*m.CStride:], m.Cr[far*m.CStride:])
		luma := m.Y[y*m.YStride:][:f.frameW]
		for x, dst := 0, row(y); x < f.frameW; x++ {
			px := dst[x*bands : (x+1)*bands]
			px[0], px[1], px[2] = webpRGB(int(luma[x]), int(u[x]), int(v[x]))
			if bands == 4 {
				px[3] = alpha[y*f.frameW+x]
			}
		}
	}
	return nil
}

// smoothWebP doubles a row of chroma, as libwebp does: 9/16 of the nearest sample, 3/16 of two, 1/16 of the fourth. far
// is the row on the other side.
func smoothWebP(out, near, far []uint8) {
	edge := func(x int) uint8 { return uint8((3*int(near[x]) + int(far[x]) + 2) >> 2) }
	out[0] = edge(0)
	for x := 1; x <= (len(out)-1)/2; x++ {
		n0, n1, f0, f1 := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := n0 + n1 + f0 + f1 + 8
		out[2*x-1] = uint8(((sum+2*(n1+f0))>>3 + n0) >> 1)
		out[2*x] = uint8(((sum+2*(n0+f1))>>3 + n1) >> 1)
	}
	if len(out)%2 == 0 {
		out[len(out)-1] = edge(len(out)/2 - 1)
	}
}

// webpRGB converts BT.601's studio range, which WebP uses and Go's color.YCbCr does not, in libwebp's fixed point.
func webpRGB(y, u, v int) (r, g, b uint8) {
	y = y * 19077 >> 8
	return clip255((y + v*26149>>8 - 14234) >> 6), clip255((y - u*6419>>8 - v*13320>>8 + 8708) >> 6), clip255((y + u*33050>>8 - 17685) >> 6)
}

// decodeAlpha returns the ALPH chunk's samples, opaque ones where there is none.
func (f *webpFrame) decodeAlpha(bands int) ([]uint8, error) {
	if bands < 4 {
		return nil, nil
	}
	alpha := make([]uint8, f.frameW*f.frameH)
	a := f.alphaData
	if len(a) == 0 {
		for i := range alpha {
			alpha[i] = 255
		}
		return alpha, nil
	}
	compression, filter := a[0]&3, a[0]>>2&3
	switch compression {
	case 0:
		if len(a)-1 < len(alpha) {
			return nil, broken("alpha", errors.New("truncated"))
		}
		copy(alpha, a[1:])
	case 1: // a VP8L image without its header, alpha in green
		w, h := f.frameW-1, f.frameH-1
		header := []byte{0x2f, uint8(w), uint8(w>>8 | h<<6), uint8(h >> 2), uint8(h >> 10)}
		m, err := vp8l.Decode(bytes.NewReader(append(header, a[1:]...)))
		if err != nil {
			return nil, broken("alpha: x/image/vp8l", err)
		}
		for i := range alpha {
			alpha[i] = m.(*image.NRGBA).Pix[4*i+1]
		}
	default:
		return nil, broken("alpha", errors.New("unknown compression"))
	}
	unfilter(alpha, f.frameW, filter)
	return alpha, nil
}

// unfilter adds to each sample its prediction: 1 from the left, 2 from above, 3 from both less the corner.
func unfilter(alpha []uint8, width int, filter uint8) {
	for i := range alpha {
		x, y := i%width, i/width
		switch {
		case filter == 0 || i == 0:
		case y == 0 || filter == 1 && x > 0:
			alpha[i] += alpha[i-1]
		case x == 0 || filter == 2:
			alpha[i] += alpha[i-width]
		default:
			left, above, corner := int(alpha[i-1]), int(alpha[i-width]), int(alpha[i-width-1])
			alpha[i] += clip255(left + above - corner)
		}
	}
}
