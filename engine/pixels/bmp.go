package pixels

import (
	"bytes"
	"fmt"
)

// BMP compressions.
const (
	bmpPlain  = 0
	bmpRLE8   = 1
	bmpRLE4   = 2
	bmpFields = 3
)

// bmpFile is a header, and what Pillow makes of it.
type bmpFile struct {
	width, height int
	topDown       bool
	bits          int
	compression   uint32
	mode          Mode
	raw           string // "" in run-length coded files
	palette       []byte
	step          int // bytes of a palette's entry
	offset        int // of the pixels
}

// bmpPlainModes are the kinds of pixels by their number of bits, and bmpFieldModes those of bit masks: red, green, blue, alpha.
var (
	bmpPlainModes = map[int]struct {
		mode Mode
		raw  string
	}{1: {Paletted, "P;1"}, 4: {Paletted, "P;4"}, 8: {Paletted, "P"}, 16: {RGB, "BGR;15"}, 24: {RGB, "BGR"}, 32: {RGB, "BGRX"}}
	bmpFieldModes = map[int]map[[4]uint32]string{
		32: {
			{0xff0000, 0xff00, 0xff, 0}: "BGRX", {0xff000000, 0xff0000, 0xff00, 0}: "XBGR", {0xff000000, 0xff00, 0xff, 0}: "BGXR",
			{0xff000000, 0xff0000, 0xff00, 0xff}: "ABGR", {0xff, 0xff00, 0xff0000, 0xff000000}: "RGBA", {0xff0000, 0xff00, 0xff, 0xff000000}: "BGRA",
			{0xff000000, 0xff00, 0xff, 0xff0000}: "BGAR", {}: "BGRA",
		},
		24: {{0xff0000, 0xff00, 0xff}: "BGR"},
		16: {{0xf800, 0x7e0, 0x1f}: "BGR;16", {0x7c00, 0x3e0, 0x1f}: "BGR;15"},
	}
)

// readBMP reads Windows' headers and OS/2's, as BmpImagePlugin does.
func readBMP(file []byte) (f bmpFile, err error) {
	truncated := fmt.Errorf("%w: truncated in its header", ErrFormat)
	if len(file) < 18 {
		return f, truncated
	}
	f.offset = int(le.Uint32(file[10:]))
	size := int(le.Uint32(file[14:]))
	switch size {
	case 12, 40, 52, 56, 64, 108, 124:
	default:
		return f, fmt.Errorf("%w: header of %d bytes; OS/2's of 12 and 64 and Windows' of 40, 52, 56, 108 and 124 are read", ErrFormat, size)
	}
	if len(file) < 14+size {
		return f, truncated
	}
	header, rest := file[14:14+size], file[14+size:]
	colours := f.takeHeader(header)
	m, ok := bmpPlainModes[f.bits]
	if !ok {
		return f, fmt.Errorf("%w: %d bits a pixel", ErrFormat, f.bits)
	}
	f.mode, f.raw = m.mode, m.raw
	if f.offset == 14+size && f.bits <= 8 { // some writers do not count the palette
		f.offset += f.step * colours
	}
	switch f.compression {
	case bmpPlain:
	case bmpFields:
		if size == 40 {
			if len(rest) < 12 {
				return f, truncated
			}
			header, rest = file[14:14+52], rest[12:]
		}
		if err := f.takeMasks(header); err != nil {
			return f, err
		}
	case bmpRLE8, bmpRLE4:
		if f.mode != Paletted {
			return f, fmt.Errorf("%w: run-length coded with %d bits a pixel", ErrFormat, f.bits)
		}
		f.raw = ""
	default:
		return f, fmt.Errorf("%w: compression %d", ErrFormat, f.compression)
	}
	if f.mode == Paletted {
		if colours < 1 || colours > 1<<16 {
			return f, fmt.Errorf("%w: a palette of %d colours", ErrFormat, colours)
		}
		f.palette = rest[:min(f.step*colours, len(rest))]
		rest = rest[len(f.palette):]
		if err := f.takePalette(colours); err != nil {
			return f, err
		}
	}
	if f.offset == 0 {
		f.offset = len(file) - len(rest)
	}
	return f, nil
}

// takeHeader returns how many colours the palette has, if there is one.
func (f *bmpFile) takeHeader(header []byte) (colours int) {
	if len(header) == 12 {
		f.width, f.height, f.bits, f.step = int(le.Uint16(header[4:])), int(le.Uint16(header[6:])), int(le.Uint16(header[10:])), 3
	} else {
		f.width, f.height, f.bits, f.step = int(le.Uint32(header[4:])), int(le.Uint32(header[8:])), int(le.Uint16(header[14:])), 4
		if f.topDown = header[11] == 0xff; f.topDown {
			f.height = -int(int32(le.Uint32(header[8:])))
		}
		f.compression, colours = le.Uint32(header[16:]), int(le.Uint32(header[32:]))
	}
	if colours == 0 && f.bits <= 16 {
		colours = 1 << f.bits
	}
	return colours
}

func (f *bmpFile) takeMasks(header []byte) error {
	var masks [4]uint32
	for i := range masks {
		if i < 3 || f.bits == 32 && len(header) >= 56 {
			masks[i] = le.Uint32(header[40+4*i:])
		}
	}
	raw, ok := bmpFieldModes[f.bits][masks]
	if !ok {
		return fmt.Errorf("%w: %d bits a pixel with the masks %x", ErrFormat, f.bits, masks)
	}
	f.raw = raw
	if f.bits == 32 && bytes.ContainsRune([]byte(raw), 'A') {
		f.mode = RGBA
	}
	return nil
}

// takePalette finds the mode: Pillow drops a palette that only counts from black upwards, or that is black and white,
// and then takes a pixel for eight bits, or one, whatever the header says.
func (f *bmpFile) takePalette(colours int) error {
	entry := func(i, v int) bool {
		return len(f.palette) >= i*f.step+3 && bytes.Equal(f.palette[i*f.step:i*f.step+3], []byte{uint8(v), uint8(v), uint8(v)})
	}
	grey := true
	for i := range colours {
		v := i
		if colours == 2 {
			v = 255 * i
		}
		grey = grey && entry(i, v)
	}
	switch {
	case grey && colours <= 2:
		f.mode = Bilevel
	case grey:
		f.mode = Gray
	case len(f.palette)/f.step > 256:
		return fmt.Errorf("%w: a palette of %d colours", ErrFormat, colours)
	}
	if grey && f.raw != "" {
		f.raw = string(f.mode)
	}
	return nil
}

func sizeBMP(file []byte) (width, height, perPixel int, err error) {
	f, err := readBMP(file)
	return f.width, f.height, f.mode.bands(), err
}

func decodeBMP(file []byte, l Limits) (*Picture, error) {
	f, err := readBMP(file)
	if err != nil {
		return nil, err
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	data := file[min(f.offset, len(file)):]
	if f.raw == "" {
		return f.readRuns(data)
	}
	return f.readRows(data)
}

func (f *bmpFile) newPicture() *Picture {
	p := newPicture(f.mode, f.width, f.height)
	if f.mode == Paletted {
		p.setPalette(f.palette, f.step, 2, 1, 0)
	}
	return p
}

func (f *bmpFile) readRows(data []byte) (*Picture, error) {
	stride := (f.width*f.bits + 31) >> 3 &^ 3
	raw := rawModes[f.raw]
	row := (f.width*raw.bits + 7) / 8
	if f.mode == Gray { // of which Pillow takes a byte a pixel, whatever the header says
		stride = max(stride, row)
	}
	if row > stride || len(data) < stride*(f.height-1)+row { // the last row's padding may be missing
		return nil, fmt.Errorf("%w: %d bytes do not hold %d x %d pixels", ErrFormat, len(data), f.width, f.height)
	}
	p := f.newPicture()
	for y := range f.height {
		to := f.height - 1 - y
		if f.topDown {
			to = y
		}
		raw.unpack(p, to*f.width, data[y*stride:], f.width)
	}
	return p, nil
}

func (f *bmpFile) readRuns(data []byte) (*Picture, error) {
	p := f.newPicture()
	n := len(unpackRuns(p.Pix[:0:len(p.Pix)], data, f.offset, f.width, f.compression == bmpRLE4))
	if n < len(p.Pix) {
		return nil, fmt.Errorf("%w: runs of %d pixels for %d x %d", ErrFormat, n, f.width, f.height)
	}
	if f.mode == Bilevel { // whatever is not black
		for i, v := range p.Pix {
			p.Pix[i] = 255 * min(v, 1)
		}
	}
	row := func(y int) []uint8 { return p.Pix[y*f.width:][:f.width] }
	for y, to := 0, f.height-1; y < to && !f.topDown; y, to = y+1, to-1 {
		for x, v := range row(y) {
			row(y)[x], row(to)[x] = row(to)[x], v
		}
	}
	return p, nil
}

// unpackRuns appends the indices of a run-length coded picture to out, which has room for all, fewer where it ends before,
// at as many points as BmpRleDecoder in Pillow; at is where data stands in the file, since runs are aligned to even places
// there.
func unpackRuns(out, data []byte, at, width int, fourBits bool) []byte {
	all := cap(out)
	read := func(n int) []byte {
		b := data[:min(n, len(data))]
		data, at = data[len(b):], at+len(b)
		return b
	}
	x := 0
	for len(out) < all {
		b := read(2)
		if len(b) < 2 {
			return out
		}
		n, v := int(b[0]), b[1]
		switch {
		case n > 0:
			n = max(min(n, width-x, all-len(out)), 0)
			for i := range n {
				switch {
				case !fourBits:
					out = append(out, v)
				case i%2 == 0:
					out = append(out, v>>4)
				default:
					out = append(out, v&15)
				}
			}
			x += n
		case v == 0: // end of line
			out = append(out, make([]byte, (width-len(out)%width)%width)...)
			x = 0
		case v == 1: // end of bitmap
			return out
		case v == 2: // to the right and up
			b := read(2)
			if len(b) < 2 {
				return out
			}
			out = append(out, make([]byte, min(all-len(out), int(b[0])+int(b[1])*width))...)
			x = len(out) % width
		default: // so many pixels as they are
			n := min(all-len(out), int(v))
			bytes := n
			if fourBits {
				bytes = (n + 1) / 2
			}
			b := read(bytes)
			for i := range n {
				switch {
				case !fourBits && i < len(b):
					out = append(out, b[i])
				case fourBits && i/2 < len(b):
					out = append(out, b[i/2]<<(i%2*4)>>4)
				}
			}
			if len(b) < bytes || len(out) == all {
				return out
			}
			x += int(v)
			if at%2 != 0 {
				read(1)
			}
		}
	}
	return out
}
