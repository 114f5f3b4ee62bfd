package pixels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// PNG colour types.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBA      = 6
)

// pngFile is what the mode depends on, and the chunks that the samples depend on.
type pngFile struct {
	width, height  int
	depth, colour  byte
	palette        []byte
	header, pixels []byte // the chunks IHDR and PLTE; the IDATs, which stand together
}

// pngMode is Pillow's table of modes; a missing key is a combination that PNG does not allow.
func pngMode(depth, colour byte) (Mode, bool) {
	m, ok := map[[2]byte]Mode{
		{1, pngGray}: Bilevel, {2, pngGray}: Gray, {4, pngGray}: Gray, {8, pngGray}: Gray, {16, pngGray}: Gray16,
		{1, pngPalette}: Paletted, {2, pngPalette}: Paletted, {4, pngPalette}: Paletted, {8, pngPalette}: Paletted,
		{8, pngRGB}: RGB, {16, pngRGB}: RGB, {8, pngRGBA}: RGBA, {16, pngRGBA}: RGBA,
		{8, pngGrayAlpha}: GrayAlpha, {16, pngGrayAlpha}: RGBA,
	}[[2]byte{depth, colour}]
	return m, ok
}

// readPNG finds the chunks up to the first one after the pixels. The others do not matter to the samples: above all tRNS,
// which Pillow leaves out of them and image/png would not.
func readPNG(file []byte) (f pngFile, err error) {
	rest, first := file[len(pngMagic):], 0
	for len(rest) >= 12 {
		n := binary.BigEndian.Uint32(rest)
		if uint64(n)+12 > uint64(len(rest)) {
			return f, fmt.Errorf("%w: truncated in its chunk %q", ErrFormat, rest[4:8])
		}
		chunk, kind, body := rest[:12+n], string(rest[4:8]), rest[8:8+n]
		switch {
		case kind == "IHDR" && n == 13 && f.header == nil:
			f.width, f.height = int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:]))
			f.depth, f.colour = body[8], body[9]
			f.header = chunk[:len(chunk):len(chunk)]
		case kind == "PLTE" && f.palette == nil && f.header != nil:
			f.palette = body
			f.header = append(f.header, chunk...)
		case kind == "IDAT":
			at := len(file) - len(rest)
			if f.pixels == nil {
				first = at
			}
			f.pixels = file[first : at+len(chunk)]
		case f.pixels != nil:
			return f, nil
		}
		rest = rest[len(chunk):]
	}
	return f, nil
}

func decodePNG(file []byte, l Limits) (*Picture, error) {
	f, err := readPNG(file)
	if err != nil {
		return nil, err
	}
	mode, ok := pngMode(f.depth, f.colour)
	switch {
	case f.header == nil || f.pixels == nil:
		return nil, fmt.Errorf("%w: no header or no pixels", ErrFormat)
	case !ok:
		return nil, fmt.Errorf("%w: no PNG has depth %d with colour type %d", ErrFormat, f.depth, f.colour)
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	// Deflate expands 1032 times at most, so a header that promises more is lying: no memory is taken for it.
	if bits := int64(f.width) * int64(f.height) * int64(f.depth); bits/8 > 1032*int64(len(f.pixels)) {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d x %d pixels", ErrFormat, len(f.pixels), f.width, f.height)
	}
	m, err := png.Decode(io.MultiReader(
		bytes.NewReader([]byte(pngMagic)), bytes.NewReader(f.header), bytes.NewReader(f.pixels), bytes.NewReader(pngEnd)))
	if err != nil {
		return nil, broken("image/png", err)
	}
	p := &Picture{Mode: mode, Width: f.width, Height: f.height}
	if mode == Paletted {
		p.setPalette(f.palette, 3, 0, 1, 2)
	}
	return p, p.takePNG(m)
}

// pngEnd is the chunk IEND, which Pillow does not miss where it is missing.
var pngEnd = []byte("\x00\x00\x00\x00IEND\xaeB`\x82")

var errKind = errors.New("decoder returned another kind of picture than the header says")

// takePNG takes over, or converts to p's mode, the samples of m.
func (p *Picture) takePNG(m image.Image) error {
	switch m := m.(type) {
	case *image.Gray:
		p.Pix = m.Pix
	case *image.Paletted:
		p.Pix = m.Pix
	case *image.Gray16:
		p.Pix16 = make([]uint16, len(m.Pix)/2)
		for i := range p.Pix16 {
			p.Pix16[i] = binary.BigEndian.Uint16(m.Pix[2*i:])
		}
	case *image.RGBA:
		p.Pix = pick(m.Pix, 4, 0, 1, 2)
	case *image.NRGBA:
		p.Pix = m.Pix
		if p.Mode == GrayAlpha {
			p.Pix = pick(m.Pix, 4, 0, 3)
		}
	case *image.RGBA64: // Pillow keeps the upper byte of each sample
		p.Pix = pick(m.Pix, 8, 0, 2, 4)
	case *image.NRGBA64:
		p.Pix = pick(m.Pix, 8, 0, 2, 4, 6)
	}
	if len(p.Pix) != p.Width*p.Height*p.Mode.bands() && len(p.Pix16) != p.Width*p.Height {
		return broken("image/png", errKind)
	}
	return nil
}

// pick gathers the bytes at the given offsets of every group of step bytes.
func pick(pix []uint8, step int, at ...int) []uint8 {
	out := make([]uint8, 0, len(pix)/step*len(at))
	for ; len(pix) >= step; pix = pix[step:] {
		for _, i := range at {
			out = append(out, pix[i])
		}
	}
	return out
}

// setPalette reads entries of step bytes, with red, green and blue at the given offsets.
func (p *Picture) setPalette(entries []byte, step, r, g, b int) {
	for i := 0; i < len(p.Palette) && (i+1)*step <= len(entries); i++ {
		e := entries[i*step:]
		p.Palette[i] = [3]uint8{e[r], e[g], e[b]}
	}
}
