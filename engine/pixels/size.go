package pixels

import (
	"encoding/binary"
	"fmt"
)

// DecodedBytes returns what Decode takes of memory at its most beside the file itself: the size that the header states
// times what the decoder in use holds of a pixel. Nothing is decoded. Errors are those with which Decode refuses a header.
func DecodedBytes(file []byte, l Limits) (int64, error) {
	l = l.orDefaults()
	f, err := l.formatOf(file)
	if err != nil {
		return 0, err
	}
	width, height, perPixel, err := f.size(file)
	if err == nil {
		err = l.checkSize(width, height)
	}
	if err != nil {
		return 0, fmt.Errorf("read the header of %s of %d bytes: %w", f.name, len(file), err)
	}
	return int64(width) * int64(height) * int64(perPixel), nil
}

// sizePNG counts what image/png returns, twice where it puts seven passes together, and what takePNG makes of it.
func sizePNG(file []byte) (width, height, perPixel int, err error) {
	f, err := readPNG(file)
	if err != nil || f.header == nil {
		return 0, 0, 0, fmt.Errorf("%w: no header", ErrFormat)
	}
	mode, ok := pngMode(f.depth, f.colour)
	if !ok {
		return 0, 0, 0, fmt.Errorf("%w: no PNG has depth %d with colour type %d", ErrFormat, f.depth, f.colour)
	}
	kept, decoded := mode.bands(), 4 // RGBA, NRGBA
	switch {
	case mode == Gray16:
		kept, decoded = 2, 2
	case mode == Bilevel || mode == Gray || mode == Paletted:
		kept, decoded = 0, 1 // taken over as they are
	case f.depth == 16:
		decoded = 8
	case mode == RGBA:
		kept = 0
	}
	if interlaced := f.header[8+12] != 0; interlaced {
		decoded *= 2
	}
	return f.width, f.height, kept + decoded, nil
}

func sizeGIF(file []byte) (width, height, perPixel int, err error) {
	f, err := readGIF(file)
	return f.width, f.height, 1, err
}

// sizeBMP counts what x/image/bmp returns, four bytes of a coloured pixel, and three or four that are kept.
func sizeBMP(file []byte) (width, height, perPixel int, err error) {
	if len(file) < 14+40 {
		return 0, 0, 0, fmt.Errorf("%w: truncated in its header", ErrFormat)
	}
	width, height = int(int32(binary.LittleEndian.Uint32(file[18:]))), int(int32(binary.LittleEndian.Uint32(file[22:])))
	perPixel = 1
	if bits := binary.LittleEndian.Uint16(file[28:]); bits > 8 {
		perPixel = 8
	}
	return width, max(height, -height), perPixel, nil
}

// sizeWebP counts samples with the planes that they are made of: luma and chroma, or a word of lossless colour or alpha.
func sizeWebP(file []byte) (width, height, perPixel int, err error) {
	f, err := readWebP(file)
	perPixel = 3 + 2
	if f.alpha || f.lossless {
		perPixel = 4 + 7
	}
	return f.width, f.height, perPixel, err
}

// oneScan reports whether a JPEG's pixels certainly stand in one scan, which is decoded row by row. Of any other file the
// coefficients of the whole picture are held until the last scan.
func oneScan(file []byte) bool {
	const sof0, sof1, sof2, sof15, dht, jpg, dac, sos = 0xc0, 0xc1, 0xc2, 0xcf, 0xc4, 0xc8, 0xcc, 0xda
	components := -1
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker, n := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if n < 2 || 2+n > len(rest) {
			return false
		}
		body := rest[4 : 2+n]
		switch {
		case marker == sos:
			return len(body) > 0 && int(body[0]) == components
		case marker == sof0 || marker == sof1:
			if len(body) < 6 {
				return false
			}
			components = int(body[5])
		case marker >= sof2 && marker <= sof15 && marker != dht && marker != jpg && marker != dac:
			return false
		}
		rest = rest[2+n:]
	}
	return false
}
