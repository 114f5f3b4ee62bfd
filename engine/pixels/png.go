package pixels

import (
	"bufio"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
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

// pngKind is what Pillow makes of a depth and a colour type.
type pngKind struct {
	mode Mode
	raw  string
}

// pngKinds is Pillow's table; a missing key is a combination that PNG does not allow.
var pngKinds = map[[2]byte]pngKind{
	{1, pngGray}: {Bilevel, "1"}, {2, pngGray}: {Gray, "L;2"}, {4, pngGray}: {Gray, "L;4"}, {8, pngGray}: {Gray, "L"}, {16, pngGray}: {Gray16, "I;16B"},
	{1, pngPalette}: {Paletted, "P;1"}, {2, pngPalette}: {Paletted, "P;2"}, {4, pngPalette}: {Paletted, "P;4"}, {8, pngPalette}: {Paletted, "P"},
	{8, pngRGB}: {RGB, "RGB"}, {16, pngRGB}: {RGB, "RGB;16B"}, {8, pngRGBA}: {RGBA, "RGBA"}, {16, pngRGBA}: {RGBA, "RGBA;16B"},
	{8, pngGrayAlpha}: {GrayAlpha, "LA"}, {16, pngGrayAlpha}: {RGBA, "LA;16B"},
}

func sizePNG(file []byte) (width, height, perPixel int, err error) {
	f := pngFile{file: file}
	if err := f.readHead(); err != nil {
		return 0, 0, 0, err
	}
	return f.width, f.height, f.kind.mode.pixelBytes(), nil
}

// decodePNG reads as Pillow does, which is laxer than image/png (it lets wrong checksums of pixels, missing ends and
// missing rows pass) and at the same time stricter (every other chunk counts, also behind the pixels). Its samples leave
// out tRNS, which image/png would not.
func decodePNG(file []byte, l Limits) (*Picture, error) {
	f := pngFile{file: file}
	if err := f.readHead(); err != nil {
		return nil, err
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	// Deflate expands 1032 times at most, so a header that promises more is lying: no memory is taken for it.
	if bits := int64(f.frame.Dx()) * int64(f.frame.Dy()) * int64(rawModes[f.kind.raw].bits); bits/8 > 1032*int64(len(file)-f.at) {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d x %d pixels", ErrFormat, len(file)-f.at, f.width, f.height)
	}
	p := newPicture(f.kind.mode, f.width, f.height)
	if f.kind.mode == Paletted {
		p.setPalette(f.palette, 3, 0, 1, 2)
	}
	data := pngData{f: &f}
	inflated, err := zlib.NewReader(bufio.NewReader(&data))
	if err != nil {
		return nil, broken("pixels", err)
	}
	defer inflated.Close()
	if err := f.readRows(p, inflated); err != nil {
		return nil, err
	}
	return p, f.readTail()
}

// readRows inflates the passes, each row of which is a filter's number and packed samples. Pillow is content with fewer
// rows where the stream ends properly: what is missing is black.
func (f *pngFile) readRows(p *Picture, inflated io.Reader) error {
	bits := rawModes[f.kind.raw].bits
	some := false
	for _, pass := range f.passes() {
		w, h := pass.size(f.frame.Dx(), f.frame.Dy())
		if w == 0 || h == 0 {
			continue
		}
		row, above := make([]byte, 1+(w*bits+7)/8), make([]byte, 1+(w*bits+7)/8)
		line := newPicture(p.Mode, w, 1)
		for y := range h {
			if _, err := io.ReadFull(inflated, row); err != nil {
				if err == io.EOF && some {
					return nil
				}
				return broken("truncated or damaged pixels", err)
			}
			some = true
			if !unfilter8(row[0], row[1:], above[1:], (bits+7)/8) {
				return fmt.Errorf("%w: filter %d", ErrFormat, row[0])
			}
			f.put(p, row[1:], line, f.frame.Min.X+pass.x0, pass.dx, f.frame.Min.Y+pass.y0+y*pass.dy)
			row, above = above, row
		}
	}
	if err := streamEnd(inflated); err != nil {
		return broken("end of pixels", err)
	}
	return nil
}

// pngPass is a grid of pixels that stands in the file as a picture of its own.
type pngPass struct{ x0, y0, dx, dy int }

func (f *pngFile) passes() []pngPass {
	if !f.interlaced {
		return []pngPass{{0, 0, 1, 1}}
	}
	return []pngPass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
}

func (s pngPass) size(width, height int) (w, h int) {
	return (width - s.x0 + s.dx - 1) / s.dx, (height - s.y0 + s.dy - 1) / s.dy
}

// unfilter8 adds to row what its filter predicts from the bytes to the left, bpp before, and above.
func unfilter8(filter byte, row, above []byte, bpp int) bool {
	above = above[:len(row)]
	switch filter {
	case 0:
	case 1:
		for i := bpp; i < len(row); i++ {
			row[i] += row[i-bpp]
		}
	case 2:
		for i, v := range above {
			row[i] += v
		}
	case 3:
		for i := range min(bpp, len(row)) {
			row[i] += above[i] / 2
		}
		for i := bpp; i < len(row); i++ {
			row[i] += uint8((int(row[i-bpp]) + int(above[i])) / 2)
		}
	case 4:
		for i := range min(bpp, len(row)) {
			row[i] += above[i]
		}
		for i := bpp; i < len(row); i++ {
			row[i] += paeth(int(row[i-bpp]), int(above[i]), int(above[i-bpp]))
		}
	default:
		return false
	}
	return true
}

// paeth returns which of left, above and corner is nearest to left + above - corner.
func paeth(left, above, corner int) uint8 {
	pa, pb := above-corner, left-corner
	pc := pa + pb
	pa, pb, pc = max(pa, -pa), max(pb, -pb), max(pc, -pc)
	switch {
	case pa <= pb && pa <= pc:
		return uint8(left)
	case pb <= pc:
		return uint8(above)
	}
	return uint8(corner)
}

// put unpacks a row as long as line into p's row y, to every dx-th pixel from x on, by way of line.
func (f *pngFile) put(p *Picture, row []byte, line *Picture, x, dx, y int) {
	unpack := rawModes[f.kind.raw].unpack
	if dx == 1 {
		unpack(p, y*p.Width+x, row, line.Width)
		return
	}
	unpack(line, 0, row, line.Width)
	bands := p.Mode.bands()
	for i := range line.Width {
		at := y*p.Width + x + i*dx
		if p.Mode == Gray16 {
			p.Pix16[at] = line.Pix16[i]
		} else {
			copy(p.Pix[at*bands:(at+1)*bands], line.Pix[i*bands:])
		}
	}
}

// setPalette reads entries of step bytes, with red, green and blue at the given offsets.
func (p *Picture) setPalette(entries []byte, step, r, g, b int) {
	for i := 0; i < len(p.Palette) && (i+1)*step <= len(entries); i++ {
		e := entries[i*step:]
		p.Palette[i] = [3]uint8{e[r], e[g], e[b]}
	}
}
