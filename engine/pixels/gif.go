package pixels

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"fmt"
	"io"
)

// gifFrame is the first frame of a GIF and what it stands on.
type gifFrame struct {
	width, height          int // the canvas, widened where the frame passes it, as Pillow does
	x0, y0, frameW, frameH int
	interlaced, grayRamp   bool
	palette                []byte
	background             uint8 // index around the frame
	codeBits               int
	data                   []byte // LZW codes, sub-blocks joined
}

// decodeGIF reads the first frame on its canvas. It leaves image/gif aside because that gives up the colour of the
// transparent index, which Pillow's convert("RGB") shows.
func decodeGIF(file []byte, l Limits) (*Picture, error) {
	f, err := readGIF(file)
	if err != nil {
		return nil, err
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	if f.codeBits < 2 || f.codeBits > 8 {
		return nil, fmt.Errorf("%w: codes of %d bits", ErrFormat, f.codeBits)
	}
	// Pillow drops a palette that only counts from black upwards, so such pictures are resized smoothly.
	p := newPicture(Paletted, f.width, f.height)
	if f.grayRamp {
		p.Mode = Gray
	}
	p.setPalette(f.palette, 3, 0, 1, 2)
	if f.background != 0 {
		for i := range p.Pix {
			p.Pix[i] = f.background
		}
	}
	codes := lzw.NewReader(bytes.NewReader(f.data), lzw.LSB, f.codeBits)
	defer codes.Close()
	for _, y := range gifRows(f.frameH, f.interlaced) {
		if _, err := io.ReadFull(codes, p.Pix[(f.y0+y)*f.width+f.x0:][:f.frameW]); err != nil {
			return nil, broken("truncated or damaged frame", err)
		}
	}
	return p, nil
}

// gifRows lists rows in the order in which a file holds them.
func gifRows(height int, interlaced bool) []int {
	passes := [][2]int{{0, 1}}
	if interlaced {
		passes = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	rows := make([]int, 0, height)
	for _, p := range passes {
		for y := p[0]; y < height; y += p[1] {
			rows = append(rows, y)
		}
	}
	return rows
}

// gifReader walks through a file; after its end it returns zeros and short says so.
type gifReader struct {
	rest  []byte
	short bool
}

func (r *gifReader) next(n int) []byte {
	if n > len(r.rest) {
		r.rest, r.short = nil, true
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// blocks joins the sub-blocks up to the empty one. Pillow does not miss that one, nor blocks after the last pixel.
func (r *gifReader) blocks() []byte {
	var all []byte
	for len(r.rest) > 0 && r.rest[0] > 0 {
		n := int(r.rest[0])
		if n >= len(r.rest) {
			r.rest, r.short = nil, true
			return all
		}
		all = append(all, r.rest[1:1+n]...)
		r.rest = r.rest[1+n:]
	}
	r.next(1)
	return all
}

func readGIF(file []byte) (f gifFrame, err error) {
	r := gifReader{rest: file}
	screen := r.next(13)
	f.width, f.height = int(binary.LittleEndian.Uint16(screen[6:])), int(binary.LittleEndian.Uint16(screen[8:]))
	palette := func(flags byte) {
		if flags&0x80 != 0 {
			f.palette = r.next(3 << (flags&7 + 1))
		}
	}
	palette(screen[10])
	for !r.short {
		switch kind := r.next(1)[0]; kind {
		case '!': // extension
			label := r.next(1)[0]
			control := r.blocks()
			if label == 0xf9 && len(control) >= 4 && control[0]&1 != 0 {
				f.background = control[3] // Pillow fills the canvas with the transparent index
			}
		case ',': // image
			d := r.next(9)
			f.x0, f.y0 = int(binary.LittleEndian.Uint16(d)), int(binary.LittleEndian.Uint16(d[2:]))
			f.frameW, f.frameH = int(binary.LittleEndian.Uint16(d[4:])), int(binary.LittleEndian.Uint16(d[6:]))
			f.width, f.height = max(f.width, f.x0+f.frameW), max(f.height, f.y0+f.frameH)
			f.interlaced = d[8]&0x40 != 0
			palette(d[8])
			f.grayRamp = isRamp(f.palette)
			f.codeBits = int(r.next(1)[0])
			if r.short {
				return f, fmt.Errorf("%w: truncated before its first frame", ErrFormat)
			}
			f.data = r.blocks()
			return f, nil
		case ';':
			return f, fmt.Errorf("%w: no frame", ErrFormat)
		}
	}
	return f, fmt.Errorf("%w: truncated before its first frame", ErrFormat)
}

// isRamp reports whether entry i of a palette of three bytes each is the grey i throughout.
func isRamp(palette []byte) bool {
	for i, v := range palette {
		if int(v) != i/3 {
			return false
		}
	}
	return true
}
