package pixels

import (
	"fmt"
	"slices"
)

// tiffFile is what the first directory says of the picture. Its strips or tiles are called blocks.
type tiffFile struct {
	file                   []byte
	dir                    tiffDir
	width, height          int // as stored: the orientation may swap them
	orientation            int
	kind                   tiffKind
	photometric            int
	bits, extra            []int
	reversed               bool // in each byte the first pixel stands lowest
	separate               bool // a plane for each sample
	compression, predictor int
	tiled                  bool
	blockW, blockH         int
	offsets, sizes         []int

	// While blocks are read:
	block    []byte // the one in hand
	row      []byte // of it, if it has to be changed
	inflater inflater
	rest     int  // bytes that the further ones may have together; they may share them
	sampling byte // factors that the first component of each JPEG must have
}

// TIFF compressions.
const (
	tiffPlain      = 1
	tiffGroup3     = 3
	tiffGroup4     = 4
	tiffLZW        = 5
	tiffJPEG       = 7
	tiffDeflate    = 8
	tiffOldDeflate = 32946
	tiffPackBits   = 32773
)

// readTIFF does as TiffImageFile._setup in Pillow.
func readTIFF(file []byte) (*tiffFile, error) {
	dir, err := readTIFFDir(file)
	if err != nil {
		return nil, err
	}
	n := &tiffNumbers{dir: dir}
	f := &tiffFile{
		file: file, dir: dir, width: n.one(tiffWidth, 0), height: n.one(tiffLength, 0), orientation: n.one(tiffOrientation, 1),
		photometric: n.one(tiffPhotometric, 0), reversed: n.one(tiffFillOrder, 1) == 2, separate: n.one(tiffPlanar, 1) == 2,
		compression: n.one(tiffCompression, tiffPlain), predictor: n.one(tiffPredictor, 1),
		bits: n.all(tiffBits, 1), extra: n.all(tiffExtraSamples), rest: max(4*len(file), 1<<28),
	}
	samples, format := n.one(tiffSamples, 1), n.all(tiffSampleFormat, 1)
	if f.separate && len(f.extra) > 0 && slices.Max(f.extra) == 0 { // unspecified planes at the end are left out
		f.bits, samples, f.extra = f.bits[:max(len(f.bits)-len(f.extra), 0)], samples-len(f.extra), nil
	}
	switch {
	case n.err != nil:
		return nil, n.err
	case samples < 1 || samples > tiffMaxSamples || len(f.extra) > tiffMaxSamples || len(format) > tiffMaxSamples:
		return nil, fmt.Errorf("%w: %d samples a pixel, %d extra ones, formats of %d", ErrFormat, samples, len(f.extra), len(format))
	case samples < len(f.bits):
		f.bits = f.bits[:samples]
	case len(f.bits) == 1:
		f.bits = slices.Repeat(f.bits, samples)
	}
	if len(f.bits) != samples {
		return nil, fmt.Errorf("%w: bits of %d samples, and %d samples a pixel", ErrFormat, len(f.bits), samples)
	}
	if slices.Max(format) == slices.Min(format) {
		format = format[:1]
	}
	if f.kind, err = findTIFFKind(dir.order == be, f.photometric, format, f.reversed, f.bits, f.extra); err != nil {
		return nil, err
	}
	if err := f.findBlocks(n); err != nil {
		return nil, err
	}
	return f, f.checkCompression()
}

func (f *tiffFile) findBlocks(n *tiffNumbers) error {
	f.offsets, f.sizes = n.all(tiffStripOffsets), n.all(tiffStripBytes)
	f.blockW, f.blockH = f.width, min(n.one(tiffRowsPerStrip, f.height), f.height)
	if f.offsets == nil {
		f.tiled = true
		f.offsets, f.sizes = n.all(tiffTileOffsets), n.all(tiffTileBytes)
		f.blockW, f.blockH = n.one(tiffTileWidth, 0), n.one(tiffTileLength, 0)
	}
	if n.err == nil && (len(f.offsets) == 0 || f.blockW < 1 || f.blockH < 1) {
		return fmt.Errorf("%w: %d strips or tiles of %d x %d pixels", ErrFormat, len(f.offsets), f.blockW, f.blockH)
	}
	return n.err
}

// checkCompression refuses what is not read here, and says what Pillow's libtiff would do otherwise than its own reader.
func (f *tiffFile) checkCompression() error {
	const useful = "is not read; save it with LZW, Deflate, PackBits or no compression"
	if f.compression == tiffPlain {
		if f.reversed && (f.kind.mode == Paletted && f.bits[0] < 8 || f.kind.inverse && f.bits[0] == 8) { // Pillow lacks both
			return fmt.Errorf("%w: fill order 2 with samples of %d bits", ErrFormat, f.bits[0])
		}
		return nil
	}
	switch f.compression {
	case tiffGroup3, tiffGroup4, tiffLZW, tiffJPEG, tiffDeflate, tiffOldDeflate, tiffPackBits:
	default:
		return fmt.Errorf("%w: compression %d %s", ErrFormat, f.compression, useful)
	}
	switch {
	case f.dir.odd:
		return fmt.Errorf("%w: version in the wrong byte order", ErrFormat)
	case f.dir.short:
		return fmt.Errorf("%w: truncated in its directory", ErrFormat)
	case (f.compression == tiffGroup3 || f.compression == tiffGroup4) && f.blockBits() != 1:
		return fmt.Errorf("%w: CCITT with %d bits a pixel", ErrFormat, f.blockBits())
	case f.compression == tiffGroup3 && !f.oneDimension():
		return fmt.Errorf("%w: Group 3 in two dimensions, or with uncompressed rows, %s", ErrFormat, useful)
	case f.photometric == tiffYCbCr && (f.separate || f.compression != tiffJPEG && !f.plainChroma()):
		return fmt.Errorf("%w: compression %d of luma and chroma %s", ErrFormat, f.compression, useful)
	}
	switch {
	case f.photometric == tiffYCbCr && f.compression == tiffJPEG: // libjpeg converts
		f.kind = tiffKind{RGB, "RGB", false}
	case f.photometric == tiffYCbCr: // libtiff does
		f.kind = tiffKind{RGB, "YCC", false}
	}
	return nil
}

// oneDimension reports whether rows of Group 3 are coded each for itself.
func (f *tiffFile) oneDimension() bool {
	options, err := f.dir.ints(tiffT4Options, 0)
	return err == nil && options[0]&3 == 0
}

// plainChroma reports whether every pixel has chroma of its own, in BT.601's full range.
func (f *tiffFile) plainChroma() bool {
	sampling, err := f.dir.ints(tiffChromaSampling, 2, 2)
	if err != nil || !slices.Equal(sampling, []int{1, 1}) || !slices.Equal(f.bits, []int{8, 8, 8}) {
		return false
	}
	for tag, usual := range map[uint16][]uint32{tiffLuma: {299, 587, 114}, tiffBlackWhite: {0, 255, 128, 255, 128, 255}} {
		given, ok := f.dir.fields[tag]
		for i, v := range usual {
			scale := map[uint16]uint32{tiffLuma: 1000, tiffBlackWhite: 1}[tag]
			if ok && (len(given.data) < 8*(i+1) || f.dir.order.Uint32(given.data[8*i:])*scale != v*f.dir.order.Uint32(given.data[8*i+4:])) {
				return false
			}
		}
	}
	return true
}

// turned is the size after Pillow has turned the picture, which it does with TIFFs alone.
func (f *tiffFile) turned() (width, height int) {
	if f.orientation >= 5 && f.orientation <= 8 {
		return f.height, f.width
	}
	return f.width, f.height
}

// sizeTIFF counts samples, twice where they are turned, and a decompressed block with its row of samples.
func sizeTIFF(file []byte) (width, height, perPixel int, err error) {
	f, err := readTIFF(file)
	if err != nil {
		return 0, 0, 0, err
	}
	pixel := f.kind.mode.pixelBytes()
	perPixel = pixel
	if f.orientation >= 2 && f.orientation <= 8 {
		perPixel += pixel
	}
	if f.compression != tiffPlain && f.width > 0 && f.height > 0 {
		// JPEG may hold its coefficients; a tile may be larger than the picture.
		per := (f.blockBits() + 7) / 8
		if f.compression == tiffJPEG {
			per = 30
		}
		pictures := 1 + int64(f.blockW)*int64(f.blockH)/(int64(f.width)*int64(f.height))
		perPixel += per * int(min(pictures, 1<<20))
	}
	width, height = f.turned()
	return width, height, perPixel, nil
}

// decodeTIFF reads the first page and turns it as its orientation says: Pillow does so with TIFFs, unasked.
func decodeTIFF(file []byte, l Limits) (*Picture, error) {
	f, err := readTIFF(file)
	if err != nil {
		return nil, err
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	if err := f.checkTiles(l); err != nil {
		return nil, err
	}
	p := newPicture(f.kind.mode, f.width, f.height)
	if f.kind.mode == Paletted || f.kind.mode == PalettedAlpha {
		if err := f.takePalette(p); err != nil {
			return nil, err
		}
	}
	if f.compression == tiffPlain {
		err = f.readPlain(p)
	} else {
		err = f.readBlocks(p, l)
	}
	if err != nil {
		return nil, err
	}
	return p.Oriented(f.orientation), nil
}

// checkTiles bounds the memory that one takes and, since each may be larger than the picture, the time that all take.
func (f *tiffFile) checkTiles(l Limits) error {
	w, h := int64(f.blockW), int64(f.blockH)
	across, down := (int64(f.width)+w-1)/w, (int64(f.height)+h-1)/h
	if w > l.MaxPixels/h || across*w/4 > l.MaxPixels/(down*h) {
		return fmt.Errorf("%w: %d x %d tiles of %d x %d pixels, limit %d in all (set by --max-pixels)", ErrTooLarge, across, down, w, h, l.MaxPixels)
	}
	return nil
}

// takePalette keeps the upper bytes; all reds come first, then all greens.
func (f *tiffFile) takePalette(p *Picture) error {
	c, err := f.dir.ints(tiffColours)
	n := len(c) / 3
	switch {
	case err != nil:
		return err
	case len(c) == 0 || n > 256:
		return fmt.Errorf("%w: a palette of %d numbers", ErrFormat, len(c))
	}
	for i := range n {
		for j := range 3 {
			p.Palette[i][j] = uint8(c[j*n+i] >> 8)
		}
	}
	return nil
}

// take counts bytes that blocks consist of: were each the whole of a large file, time would be squared.
func (f *tiffFile) take(n int) error {
	if f.rest -= n; f.rest < 0 {
		return fmt.Errorf("%w: strips or tiles of far more bytes together than the file has", ErrFormat)
	}
	return nil
}

// tiffTile is a rectangle of rows that stand one after another in the file.
type tiffTile struct {
	x, y, w, h     int
	raw            rawMode
	plane          int // -1 for all
	offset, stride int
}

// readPlain reads what is not compressed as Pillow's own decoder does: a block ends with its last pixel, not where its
// size says; what no block covers is black; where two cover a pixel the one later in the file counts.
func (f *tiffFile) readPlain(p *Picture) error {
	tiles, err := f.tiles()
	if err != nil {
		return err
	}
	slices.SortStableFunc(tiles, func(a, b tiffTile) int { return a.offset - b.offset })
	for i, t := range tiles {
		if i+1 < len(tiles) {
			next := tiles[i+1]
			if next.x == t.x && next.y == t.y && next.plane == t.plane && next.stride == t.stride {
				continue
			}
		}
		bytes := (t.w*t.raw.bits + 7) / 8
		if t.stride == 0 || t.stride < bytes && len(tiles) == 1 && (f.kind.mode == Gray || f.kind.mode == Paletted) { // as mapped memory
			t.stride = bytes
		}
		size := (t.h-1)*t.stride + bytes
		if t.stride < bytes || t.offset < 0 || len(f.file)-t.offset < size {
			return fmt.Errorf("%w: truncated", ErrFormat)
		}
		if err := f.take(size); err != nil {
			return err
		}
		for y := range t.h {
			f.unpack(p, t.raw, f.file[t.offset+y*t.stride:][:bytes], t.x, t.y+y, t.w, t.plane >= 0)
		}
	}
	return nil
}

func (f *tiffFile) tiles() ([]tiffTile, error) {
	raw, plane := rawModes[f.kind.raw], -1
	pixelBits, planes := 0, 1
	for _, b := range f.bits {
		pixelBits += b
	}
	if f.separate {
		planes = max(map[int]int{tiffRGB: 3, tiffYCbCr: 3, tiffCMYK: 4}[f.photometric], 1) + len(f.extra)
		plane = 0
	}
	offsets := f.offsets
	if f.blockW == f.width && f.blockH == f.height && !f.separate {
		offsets = offsets[len(offsets)-1:]
	}
	tiles := make([]tiffTile, 0, len(offsets))
	x, y := 0, 0
	for _, offset := range offsets {
		if f.separate {
			var ok bool
			if raw, ok = planeMode(f.kind, plane); !ok {
				return nil, fmt.Errorf("%w: samples of mode %s in planes", ErrFormat, f.kind.mode)
			}
		}
		stride := 0
		if x+f.blockW > f.width {
			stride = f.blockW * pixelBits / 8 / planes
		}
		tiles = append(tiles, tiffTile{x, y, min(f.blockW, f.width-x), min(f.blockH, f.height-y), raw, plane, offset, stride})
		if x += f.blockW; x >= f.width {
			x, y = 0, y+f.blockH
			if y >= f.height {
				y = 0
				if f.separate {
					plane++
				}
			}
		}
	}
	return tiles, nil
}

// planeMode is the raw mode that Pillow names by a letter of the whole's, which is not always what the file means.
func planeMode(kind tiffKind, plane int) (rawMode, bool) {
	if plane >= len(kind.raw) {
		return rawMode{}, false
	}
	letter := kind.raw[plane]
	switch kind.mode {
	case Bilevel, Gray, Paletted:
		raw, ok := rawModes[string(letter)]
		return raw, ok && plane == 0 && (string(letter) == string(kind.mode))
	case Integer, Float:
		return rawModes[map[Mode]string{Integer: "I;32S", Float: "F;32F"}[kind.mode]], plane == 0
	case RGB, RGBA, CMYK:
		if plane < kind.mode.bands() && letter != 'a' && letter != 'X' {
			return bandOf(plane, 8, 0), true
		}
	}
	return rawMode{}, false
}

// bandOf has one sample of a pixel, at a byte of so many bits.
func bandOf(band, bits, place int) rawMode {
	return rawMode{bits, func(p *Picture, at int, row []byte, n int) {
		bands := p.Mode.bands()
		for i := range n {
			p.Pix[(at+i)*bands+band] = row[i*bits/8+place]
		}
	}}
}

// unpack puts a row of n pixels at x, y of p. Of planes Pillow forgets that they are inverse or reversed.
func (f *tiffFile) unpack(p *Picture, raw rawMode, row []byte, x, y, n int, plane bool) {
	if (f.kind.inverse || f.reversed) && !plane {
		f.row = append(f.row[:0], row...)
		row = f.row
		if f.reversed && f.compression == tiffPlain {
			reverseBits(row)
		}
		if f.kind.inverse {
			for i, v := range row {
				row[i] = ^v
			}
		}
	}
	raw.unpack(p, y*p.Width+x, row, n)
}
