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
