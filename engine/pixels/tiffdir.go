package pixels

import (
	"encoding/binary"
	"fmt"
	"math"
)

// TIFF tags.
const (
	tiffWidth           = 256
	tiffLength          = 257
	tiffBits            = 258
	tiffCompression     = 259
	tiffPhotometric     = 262
	tiffFillOrder       = 266
	tiffStripOffsets    = 273
	tiffOrientation     = 274
	tiffSamples         = 277
	tiffRowsPerStrip    = 278
	tiffStripBytes      = 279
	tiffPlanar          = 284
	tiffT4Options       = 292
	tiffPredictor       = 317
	tiffColours         = 320
	tiffTileWidth       = 322
	tiffTileLength      = 323
	tiffTileOffsets     = 324
	tiffTileBytes       = 325
	tiffExtraSamples    = 338
	tiffSampleFormat    = 339
	tiffJPEGTables      = 347
	tiffLuma            = 529
	tiffChromaSampling  = 530
	tiffBlackWhite      = 532
	tiffMaxSamples      = 6
	tiffLargeDirectory  = 43
	tiffNormalDirectory = 42
)

// tiffTypeBytes is the size of a value of each type that Pillow reads.
var tiffTypeBytes = map[uint16]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}

// tiffField is a tag's values as they stand in the file.
type tiffField struct {
	kind uint16
	data []byte
}

// tiffDir is the first directory of a TIFF, or of a block of EXIF, which is one.
type tiffDir struct {
	order  binary.ByteOrder
	fields map[uint16]tiffField
	odd    bool // a version in the wrong byte order, which Pillow lets pass in files that are not compressed
	short  bool // the file ends before the directory does
}

func isTIFF(file []byte) bool {
	if len(file) < 8 {
		return false
	}
	switch string(file[:4]) {
	case "II*\x00", "MM\x00*", "II\x00*", "MM*\x00", "II+\x00":
		return true
	}
	return false
}

// readTIFFDir reads tags as leniently as Pillow's ImageFileDirectory_v2: it skips those of unknown types and those that are
// longer than the file, the first of two counts, and the directory ends where the file does.
func readTIFFDir(file []byte) (d tiffDir, err error) {
	if !isTIFF(file) {
		return d, fmt.Errorf("%w: no TIFF header", ErrFormat)
	}
	d = tiffDir{order: le, fields: map[uint16]tiffField{}}
	if file[0] == 'M' {
		d.order = be
	}
	version := d.order.Uint16(file[2:])
	d.odd = version != tiffNormalDirectory && version != tiffLargeDirectory
	large := version == tiffLargeDirectory
	word := func(b []byte) uint64 { return uint64(d.order.Uint32(b)) }
	at, count, entry, inline := uint64(0), 2, 12, int64(4)
	if large {
		if len(file) < 16 {
			return d, fmt.Errorf("%w: truncated in its header", ErrFormat)
		}
		word = d.order.Uint64
		at, count, entry, inline = d.order.Uint64(file[8:]), 8, 20, 8
	} else {
		at = uint64(d.order.Uint32(file[4:]))
	}
	if at == 0 || at > uint64(len(file)-min(count, len(file))) {
		return d, fmt.Errorf("%w: no directory", ErrFormat)
	}
	rest := file[at:]
	n := uint64(d.order.Uint16(rest))
	if large {
		n = d.order.Uint64(rest)
	}
	total := int64(0)
	for rest = rest[count:]; n > 0 && len(rest) >= entry; n, rest = n-1, rest[entry:] {
		tag, kind := d.order.Uint16(rest), d.order.Uint16(rest[2:])
		unit, known := tiffTypeBytes[kind]
		if _, again := d.fields[tag]; again || !known {
			continue
		}
		size := int64(min(word(rest[4:]), 1<<32)) * unit
		data := rest[entry-int(inline) : entry]
		if size > inline {
			if total += size; total > int64(len(file)) { // no further ones either
				total = int64(len(file))
				continue
			}
			from := word(data)
			if from > uint64(len(file)) || int64(len(file))-int64(from) < size {
				return d, nil // Pillow reads no further tags either
			}
			data = file[from:]
		}
		if size > 0 {
			d.fields[tag] = tiffField{kind, data[:size:size]}
		}
	}
	d.short = n > 0
	return d, nil
}

// tiffMostValues of a tag are the offsets of 67 million pixels in the smallest tiles.
const tiffMostValues = 1 << 18

// ints returns a tag's values, and def where it is missing. Values of a type that is no whole number are an error.
func (d tiffDir) ints(tag uint16, def ...int) ([]int, error) {
	f, ok := d.fields[tag]
	if !ok {
		return def, nil
	}
	unit := int(tiffTypeBytes[f.kind])
	if n := len(f.data) / unit; n > tiffMostValues {
		return nil, fmt.Errorf("%w: tag %d has %d values; at most %d are read", ErrFormat, tag, n, tiffMostValues)
	}
	out := make([]int, 0, len(f.data)/unit)
	for b := f.data; len(b) >= unit; b = b[unit:] {
		switch f.kind {
		case 3:
			out = append(out, int(d.order.Uint16(b)))
		case 4, 13:
			out = append(out, int(d.order.Uint32(b)))
		case 6:
			out = append(out, int(int8(b[0])))
		case 8:
			out = append(out, int(int16(d.order.Uint16(b))))
		case 9:
			out = append(out, int(int32(d.order.Uint32(b))))
		case 16:
			out = append(out, int(d.order.Uint64(b)))
		default:
			return nil, fmt.Errorf("%w: tag %d has values of type %d, which are no whole numbers", ErrFormat, tag, f.kind)
		}
	}
	return out, nil
}

// tiffNumbers reads tags one after another and remembers the first error.
type tiffNumbers struct {
	dir tiffDir
	err error
}

func (n *tiffNumbers) all(tag uint16, def ...int) []int {
	v, err := n.dir.ints(tag, def...)
	if n.err == nil {
		n.err = err
	}
	return v
}

// one is a tag's first value. What passes 31 bits stays there, so that a product of two fits 64.
func (n *tiffNumbers) one(tag uint16, def int) int {
	if v := n.all(tag, def); len(v) > 0 {
		return min(v[0], math.MaxInt32)
	}
	return def
}
