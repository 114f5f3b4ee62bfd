package pixels

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// blockBits is what a pixel takes in a block.
func (f *tiffFile) blockBits() int {
	if f.separate {
		return f.bits[0]
	}
	return f.bits[0] * len(f.bits)
}

// readBlocks reads what is compressed, which Pillow leaves to libtiff: every block must hold all of its pixels.
func (f *tiffFile) readBlocks(p *Picture, l Limits) error {
	bands, planes := p.Mode.bands(), 1
	raws := []rawMode{rawModes[f.nativeRaw()]}
	if f.separate && bands > 1 {
		if f.bits[0] != 8 && f.bits[0] != 16 {
			return fmt.Errorf("%w: planes of %d bits", ErrFormat, f.bits[0])
		}
		planes, raws = bands, nil
		for band := range bands {
			raws = append(raws, bandOf(band, f.bits[0], f.bits[0]/8-1))
		}
		if p.Mode == GrayAlpha || p.Mode == PalettedAlpha { // Pillow puts the second plane beside the place of alpha
			raws[1].unpack = func(*Picture, int, []byte, int) {}
		}
	}
	// What Pillow takes for a pixel must not be other than libtiff's.
	pixel, stride := rawModes[f.nativeRaw()].bits/planes, (f.blockW*f.blockBits()+7)/8
	if pixel != f.blockBits() {
		return fmt.Errorf("%w: pixels of %d bits for %d", ErrFormat, f.blockBits(), pixel)
	}
	across, down := (f.width+f.blockW-1)/f.blockW, (f.height+f.blockH-1)/f.blockH
	for i := range planes * across * down {
		plane, x, y := i/(across*down), i%across*f.blockW, i/across%down*f.blockH
		w, h := min(f.blockW, f.width-x), min(f.blockH, f.height-y)
		storedH := f.blockH
		if !f.tiled {
			storedH = h
		}
		block, err := f.readBlock(i, storedH, l)
		if err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		for j := range h {
			f.unpack(p, raws[plane], block[j*stride:][:stride], x, y+j, w, planes > 1)
		}
	}
	if planes > 3 && p.Mode == RGBA && (len(f.extra) == 0 || f.extra[0] < 2) { // unspecified is taken for premultiplied
		divideByAlpha(p.Pix)
	}
	return nil
}

// nativeRaw is the raw mode after libtiff has brought numbers into the machine's byte order. That of numbers with a sign,
// and of floats, Pillow does not adapt.
func (f *tiffFile) nativeRaw() string {
	switch {
	case f.dir.order == le || f.kind.mode == Integer || f.kind.mode == Float:
		return f.kind.raw
	case f.kind.mode == Gray16Swapped:
		return "I;16B"
	}
	return strings.Replace(f.kind.raw, "16B", "16L", 1)
}

// readBlock returns the rows of a block, which are there until the next is read.
func (f *tiffFile) readBlock(i, rows int, l Limits) ([]byte, error) {
	if len(f.sizes) == 0 && len(f.offsets) == 1 {
		f.sizes = []int{len(f.file) - f.offsets[0]}
	}
	if i >= len(f.offsets) || i >= len(f.sizes) {
		return nil, fmt.Errorf("%w: not in the directory", ErrFormat)
	}
	from, size := f.offsets[i], f.sizes[i]
	if size <= 0 || from < 0 || from > len(f.file) || size > len(f.file)-from {
		return nil, fmt.Errorf("%w: %d bytes at %d are not in the file", ErrFormat, size, from)
	}
	if err := f.take(size + len(f.dir.fields[tiffJPEGTables].data)); err != nil {
		return nil, err
	}
	data := f.file[from:][:size]
	fax := f.compression == tiffGroup3 || f.compression == tiffGroup4
	if f.reversed && !fax && f.compression != tiffJPEG {
		data = slices.Clone(data)
		reverseBits(data)
	}
	stride := (f.blockW*f.blockBits() + 7) / 8
	if f.compression == tiffJPEG {
		return f.jpegBlock(data, rows, l)
	}
	if int64(stride)*int64(rows) > maxExpansion(f.compression, f.blockW)*int64(size) {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d x %d pixels", ErrFormat, size, f.blockW, rows)
	}
	f.block = slices.Grow(f.block[:0], stride*rows)[:stride*rows]
	out := f.block
	var err error
	switch f.compression {
	case tiffPackBits:
		err = unpackBits(out, data)
	case tiffLZW:
		if len(data) > 1 && data[0] == 0 && data[1]&1 != 0 {
			return nil, fmt.Errorf("%w: LZW of the kind before TIFF 5.0", ErrFormat)
		}
		err = fill(out, lzw.NewReader(bytes.NewReader(data), lzw.MSB, 8))
	case tiffDeflate, tiffOldDeflate:
		err = f.inflate(out, data)
	default:
		_, err = io.ReadFull(f.fax(data, rows), out)
	}
	if err != nil {
		return nil, broken("truncated or damaged", err)
	}
	return out, f.unpredict(out, stride)
}

// maxExpansion bounds how many bytes one may stand for, so that no memory is taken for a lying header.
func maxExpansion(compression, width int) int64 {
	switch compression {
	case tiffPackBits:
		return 64
	case tiffLZW:
		return 4096
	case tiffDeflate, tiffOldDeflate:
		return 1032
	}
	return 8 * int64(width/8+1) // a bit may stand for a row
}

func fill(out []byte, r io.ReadCloser) error {
	defer r.Close()
	_, err := io.ReadFull(r, out)
	return err
}

// inflate fills out; the checksum counts if it is there.
func (f *tiffFile) inflate(out, data []byte) error {
	r, err := f.inflater.open(data)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, out); err != nil {
		return err
	}
	return streamEnd(r)
}

// streamEnd looks at what follows the last byte that is wanted, as zlib does: the stream's end, if it is there, and the checksum.
func streamEnd(r io.Reader) error {
	var rest [1]byte
	if _, err := r.Read(rest[:]); err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

// unpackBits: a count of bytes that follow, or that the next one is repeated. What does not fit is dropped.
func unpackBits(out, data []byte) error {
	for len(out) > 0 {
		if len(data) < 2 {
			return io.ErrUnexpectedEOF
		}
		n := int(int8(data[0]))
		data = data[1:]
		switch {
		case n >= 0:
			if len(data) < n+1 {
				return io.ErrUnexpectedEOF
			}
			out = out[copy(out, data[:n+1]):]
			data = data[n+1:]
		case n > -128:
			n = min(1-n, len(out))
			for i := range n {
				out[i] = data[0]
			}
			out, data = out[n:], data[1:]
		}
	}
	return nil
}

// fax expands CCITT's codes; white is 0.
func (f *tiffFile) fax(data []byte, rows int) io.Reader {
	kind, order := ccitt.Group4, ccitt.MSB
	if f.compression == tiffGroup3 {
		kind = ccitt.Group3
	}
	if f.reversed {
		order = ccitt.LSB
	}
	return ccitt.NewReader(bytes.NewReader(data), order, kind, f.blockW, rows, &ccitt.Options{Invert: true})
}

// unpredict brings numbers into little-endian order and undoes the predictor: what is stored are differences to the pixel
// before, of floats byte by byte.
func (f *tiffFile) unpredict(out []byte, stride int) error {
	depth, samples := f.bits[0], len(f.bits)
	if f.separate {
		samples = 1
	}
	predicted := f.predictor != 1 && (f.compression == tiffLZW || f.compression == tiffDeflate || f.compression == tiffOldDeflate)
	if f.dir.order == be && !(predicted && f.predictor == 3) {
		swap(out, depth/8)
	}
	switch {
	case !predicted:
		return nil
	case f.predictor == 2 && (depth == 8 || depth == 16 || depth == 32):
		for ; len(out) > 0; out = out[stride:] {
			addBefore(out[:stride], depth/8, samples)
		}
		return nil
	case f.predictor == 3 && depth == 32 && f.kind.mode == Float:
		row := make([]byte, stride)
		for ; len(out) > 0; out = out[stride:] {
			addBefore(out[:stride], 1, samples)
			for i := range stride { // the uppermost bytes of all numbers come first
				row[(i%(stride/4))*4+3-i/(stride/4)] = out[i]
			}
			copy(out, row)
		}
		return nil
	}
	return fmt.Errorf("%w: predictor %d with samples of %d bits", ErrFormat, f.predictor, depth)
}

func swap(b []byte, word int) {
	for ; word > 1 && len(b) >= word; b = b[word:] {
		slices.Reverse(b[:word])
	}
}

// addBefore adds to each little-endian word the one so many samples before.
func addBefore(row []byte, word, samples int) {
	step := word * samples
	for i := step; i+word <= len(row); i += word {
		switch word {
		case 1:
			row[i] += row[i-step]
		case 2:
			le.PutUint16(row[i:], le.Uint16(row[i:])+le.Uint16(row[i-step:]))
		case 4:
			le.PutUint32(row[i:], le.Uint32(row[i:])+le.Uint32(row[i-step:]))
		}
	}
}

// jpegBlock decodes a block that is a JPEG, whose tables may stand in the directory, as the photometric interpretation
// says: libtiff does not look for what a JPEG says of its colours.
func (f *tiffFile) jpegBlock(data []byte, rows int, l Limits) ([]byte, error) {
	transform := byte(0)
	if f.photometric == tiffYCbCr {
		transform = 1
	}
	if err := f.checkSampling(data); err != nil {
		return nil, err
	}
	file := append(append(f.block[:0], "\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"...), transform)
	for _, part := range [][]byte{f.dir.fields[tiffJPEGTables].data, data} {
		var ok bool
		if file, ok = appendSegments(file, part); !ok {
			return nil, fmt.Errorf("%w: a damaged JPEG", ErrFormat)
		}
	}
	f.block = file
	width, height, _, err := sizeJPEG(file)
	if err != nil {
		return nil, err
	}
	if width != f.blockW || height < rows || height > f.blockH { // the last strip may be as high as the others
		return nil, fmt.Errorf("%w: a JPEG of %d x %d pixels for %d x %d", ErrFormat, width, height, f.blockW, rows)
	}
	p, err := decodeJPEG(file, 0, l)
	if err != nil {
		return nil, err
	}
	if p.Mode.bands()*8 != f.blockBits() {
		return nil, fmt.Errorf("%w: a JPEG of mode %s for %d bits a pixel", ErrFormat, p.Mode, f.blockBits())
	}
	if p.Mode == CMYK { // which decodeJPEG has taken for Adobe's
		for i, v := range p.Pix {
			p.Pix[i] = 255 - v
		}
	}
	return p.Pix, nil
}

// checkSampling holds a JPEG's sampling factors, a byte each component, against the directory's or, where that has none,
// against the first JPEG's, as libtiff does.
func (f *tiffFile) checkSampling(data []byte) error {
	var got []byte
	for rest := data[min(2, len(data)):]; len(rest) >= 4 && rest[0] == 0xff && rest[1] != 0xda; {
		n := 2 + int(be.Uint16(rest[2:]))
		if n > len(rest) {
			break
		}
		if m := rest[1]; m == 0xc0 || m == 0xc1 || m == 0xc2 {
			for c := 4 + 6; c+2 < n; c += 3 {
				got = append(got, rest[c+1])
			}
		}
		rest = rest[n:]
	}
	if f.sampling == 0 {
		f.sampling = 0x11
		if given, err := f.dir.ints(tiffChromaSampling); f.photometric == tiffYCbCr && err == nil && len(given) == 2 {
			f.sampling = byte(given[0]<<4 | given[1]&15)
		} else if f.photometric == tiffYCbCr && len(got) > 0 {
			f.sampling = got[0]
		}
	}
	for i, v := range got {
		if i == 0 && v != f.sampling || i > 0 && v != 0x11 {
			return fmt.Errorf("%w: a JPEG with the sampling factors %x", ErrFormat, got)
		}
	}
	return nil
}

// appendSegments appends a JPEG without its start, its application markers and, if it holds tables alone, its end.
func appendSegments(to, file []byte) (segments []byte, ok bool) {
	if len(file) == 0 {
		return to, true
	}
	if len(file) < 4 || file[0] != 0xff || file[1] != 0xd8 {
		return to, false
	}
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		n := 2 + int(be.Uint16(rest[2:]))
		switch {
		case rest[1] == 0xda:
			return append(to, rest...), true
		case rest[1] == 0xff:
			rest = rest[1:]
			continue
		case n > len(rest):
			return to, false
		case rest[1] < 0xe0 || rest[1] > 0xef:
			to = append(to, rest[:n]...)
		}
		rest = rest[n:]
	}
	return to, true
}
