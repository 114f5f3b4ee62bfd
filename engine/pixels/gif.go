package pixels

import (
	"bytes"
	"fmt"
)

// gifFrame is the first frame of a GIF and what it stands on.
type gifFrame struct {
	width, height          int // the canvas, widened where the frame passes it, as Pillow does
	x0, y0, frameW, frameH int
	interlaced             bool
	palette                []byte // none where it only counts from black upwards, which Pillow drops
	background             uint8  // index around the frame
	codeBits               int
	dropped                bool   // a palette of its own was dropped, and one of all frames is there
	data                   []byte // sub-blocks of LZW codes, and what follows them
}

func sizeGIF(file []byte) (width, height, perPixel int, err error) {
	f, err := readGIF(file)
	return f.width, f.height, 1, err
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
	if f.frameW == 0 || f.frameH == 0 || f.dropped { // the last by an accident of Pillow's
		return nil, fmt.Errorf("%w: an empty first frame, or one with two palettes of which its own counts from black upwards", ErrFormat)
	}
	// A code is of 1 bit at least and stands for 4097 pixels at most, so a header that promises more is lying.
	if int64(f.frameW)*int64(f.frameH) > 4097*8*int64(len(f.data)) {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d x %d pixels", ErrFormat, len(f.data), f.frameW, f.frameH)
	}
	p := newPicture(Paletted, f.width, f.height)
	if f.palette == nil { // so that it is resized smoothly
		p.Mode = Gray
	}
	p.setPalette(f.palette, 3, 0, 1, 2)
	if f.background != 0 {
		for i := range p.Pix {
			p.Pix[i] = f.background
		}
	}
	codes, err := newGIFCodes(f.data, f.codeBits)
	if err != nil {
		return nil, err
	}
	for _, y := range gifRows(f.frameH, f.interlaced) {
		if err := codes.read(p.Pix[(f.y0+y)*f.width+f.x0:][:f.frameW]); err != nil {
			return nil, err
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

// gifReader walks through a file; after its end it returns fewer bytes.
type gifReader struct{ rest []byte }

func (r *gifReader) next(n int) []byte {
	b := r.rest[:min(n, len(r.rest))]
	r.rest = r.rest[len(b):]
	return b
}

// block returns the next sub-block, nil for the empty one and at the end.
func (r *gifReader) block() []byte {
	n := r.next(1)
	if len(n) == 0 || n[0] == 0 {
		return nil
	}
	return r.next(int(n[0]))
}

// readGIF reads up to the codes of the first frame, as GifImagePlugin does.
func readGIF(file []byte) (f gifFrame, err error) {
	truncated := fmt.Errorf("%w: truncated before its first frame", ErrFormat)
	r := gifReader{rest: file}
	screen := r.next(13)
	if len(screen) < 13 {
		return f, truncated
	}
	f.width, f.height = int(le.Uint16(screen[6:])), int(le.Uint16(screen[8:]))
	takePalette := func(flags byte) {
		if flags&0x80 != 0 {
			if f.palette = r.next(3 << (flags&7 + 1)); isRamp(f.palette) {
				f.palette = nil
			}
		}
	}
	takePalette(screen[10])
	for {
		switch b := r.next(1); {
		case len(b) == 0:
			return f, truncated
		case b[0] == ';':
			return f, fmt.Errorf("%w: no frame", ErrFormat)
		case b[0] == '!':
			if err := f.extension(&r); err != nil {
				return f, err
			}
		case b[0] == ',':
			d := r.next(9)
			if len(d) < 9 {
				return f, truncated
			}
			f.x0, f.y0, f.frameW, f.frameH = int(le.Uint16(d)), int(le.Uint16(d[2:])), int(le.Uint16(d[4:])), int(le.Uint16(d[6:]))
			f.width, f.height = max(f.width, f.x0+f.frameW), max(f.height, f.y0+f.frameH)
			f.interlaced = d[8]&0x40 != 0
			shared := f.palette
			takePalette(d[8])
			f.dropped = shared != nil && f.palette == nil
			bits := r.next(1)
			if len(bits) == 0 {
				return f, truncated
			}
			f.codeBits, f.data = int(bits[0]), r.rest
			return f, nil
		}
	}
}

// extension reads what may stand before a frame; of a control block Pillow takes the transparent index, with which it
// fills the canvas.
func (f *gifFrame) extension(r *gifReader) error {
	const control, comment, application = 0xf9, 0xfe, 0xff
	label, b := r.next(1), r.block()
	if len(label) == 0 {
		return fmt.Errorf("%w: truncated in an extension", ErrFormat)
	}
	if label[0] == control && b != nil {
		if len(b) < 3 || b[0]&1 != 0 && len(b) < 4 {
			return fmt.Errorf("%w: control block of %d bytes", ErrFormat, len(b))
		}
		if b[0]&1 != 0 {
			f.background = b[3]
		}
	}
	if label[0] == comment {
		for len(b) > 0 {
			b = r.block()
		}
		return nil
	}
	if label[0] == application && bytes.HasPrefix(b, []byte("NETSCAPE2.0")) {
		r.block()
	}
	for len(r.block()) > 0 { // once more where the first block was empty, too
	}
	return nil
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

const (
	gifCodeBits = 12
	gifPiece    = 1 << 16
)

// gifCodes expands LZW codes as Pillow's decoder does: it passes over empty blocks until the last pixel has come, and over
// an end code where it has not yet read the whole file, which it does by pieces. compress/lzw ends there, and takes no
// codes of 1 bit or of more than 8.
type gifCodes struct {
	data  []byte
	ahead int // bytes of data that Pillow has not yet read
	block int // bytes left in the sub-block
	bits  uint32
	have  int // of bits

	clear, next, size int // the code that clears the table, the first free one, and bits of a code
	last              int // the code before, -1 after clear
	first             uint8
	prefix            [1 << gifCodeBits]uint16
	suffix            [1 << gifCodeBits]uint8
	buffer            [1<<gifCodeBits + 1]uint8
	pending           []uint8 // the end of buffer: what is expanded and not yet read
}

func newGIFCodes(data []byte, bits int) (*gifCodes, error) {
	if bits > gifCodeBits {
		return nil, fmt.Errorf("%w: codes of %d bits", ErrFormat, bits)
	}
	c := &gifCodes{data: data, ahead: len(data) - gifPiece, clear: 1 << bits}
	c.reset()
	return c, nil
}

func (c *gifCodes) reset() {
	c.next, c.last = c.clear+2, -1
	for c.size = 1; 1<<c.size <= c.clear; c.size++ {
	}
}

func (c *gifCodes) read(row []uint8) error {
	for len(row) > 0 {
		n := copy(row, c.pending)
		row, c.pending = row[n:], c.pending[n:]
		if len(row) == 0 {
			return nil
		}
		code, ok := c.code()
		switch {
		case !ok:
			return fmt.Errorf("%w: truncated frame", ErrFormat)
		case code == c.clear:
			c.reset()
		case code == c.clear+1: // the end, at which Pillow reads the next piece
			c.ahead = min(c.ahead, len(c.data))
			if c.ahead <= 0 {
				return fmt.Errorf("%w: the codes end before the frame does", ErrFormat)
			}
			c.ahead -= gifPiece
		default:
			if !c.expand(code) {
				return fmt.Errorf("%w: damaged frame", ErrFormat)
			}
		}
	}
	return nil
}

// code returns the next code, if a whole block holds it.
func (c *gifCodes) code() (int, bool) {
	for c.have < c.size {
		if c.block == 0 {
			if len(c.data) == 0 || len(c.data) < 1+int(c.data[0]) {
				return 0, false
			}
			c.block, c.data = int(c.data[0]), c.data[1:]
			continue
		}
		c.bits |= uint32(c.data[0]) << c.have
		c.data, c.block, c.have = c.data[1:], c.block-1, c.have+8
	}
	code := int(c.bits & (1<<c.size - 1))
	c.bits >>= c.size
	c.have -= c.size
	return code, true
}

// expand makes code's pixels pending, and adds to the table what it stands for with the code before.
func (c *gifCodes) expand(code int) bool {
	at := len(c.buffer)
	push := func(v uint8) bool {
		if at == 0 {
			return false
		}
		at--
		c.buffer[at] = v
		return true
	}
	if c.last < 0 {
		if code > c.clear {
			return false
		}
		c.first = uint8(code)
		c.last = code
		push(c.first)
		c.pending = c.buffer[at:]
		return true
	}
	if code > c.next {
		return false
	}
	s := code
	if code == c.next { // the code that is being defined: the one before and its own first pixel
		push(c.first)
		s = c.last
	}
	for ; s >= c.clear; s = int(c.prefix[s]) {
		if s >= len(c.suffix) || !push(c.suffix[s]) {
			return false
		}
	}
	c.first = uint8(s)
	if !push(c.first) {
		return false
	}
	c.pending = c.buffer[at:]
	if c.next < len(c.suffix) {
		c.suffix[c.next], c.prefix[c.next] = c.first, uint16(c.last)
		if c.next == 1<<c.size-1 && c.size < gifCodeBits {
			c.size++
		}
		c.next++
	}
	c.last = code
	return true
}
