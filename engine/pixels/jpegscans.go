package pixels

import (
	"bytes"
	"fmt"
)

// jpegScans is what the time and the memory of decoding a JPEG depend on beside its size.
type jpegScans struct {
	one   bool // certainly in one scan, which is decoded row by row; else the whole picture's coefficients are held
	times int  // that a component is gone through, over all scans
}

// readJPEGScans walks through the markers as libjpeg does, and of a file of one scan up to that.
func readJPEGScans(file []byte) (s jpegScans) {
	const sof0, sof1, sof15, dht, jpg, dac, rst0, soi, eoi, sos, tem = 0xc0, 0xc1, 0xcf, 0xc4, 0xc8, 0xcc, 0xd0, 0xd8, 0xd9, 0xda, 0x01
	components := -1 // of a sequential frame
	for rest := file[min(2, len(file)):]; ; {
		at := bytes.IndexByte(rest, 0xff)
		if at < 0 || at+2 > len(rest) {
			return s
		}
		marker := rest[at+1]
		rest = rest[at+1:]
		switch {
		case marker == 0xff: // a byte that fills up
			continue
		case marker == eoi:
			return s
		case marker == 0 || marker == tem || marker >= rst0 && marker <= soi:
			continue
		case len(rest) < 3:
			return s
		}
		n := int(be.Uint16(rest[1:])) + 1
		if n < 3 || n > len(rest) {
			return s
		}
		body := rest[3:n]
		rest = rest[n:]
		switch {
		case marker == sos && len(body) > 0:
			if s.times == 0 && int(body[0]) == components {
				return jpegScans{one: true, times: components}
			}
			s.times += int(body[0])
		case (marker == sof0 || marker == sof1) && len(body) > 5:
			components = int(body[5])
		case marker >= sof0 && marker <= sof15 && marker != dht && marker != jpg && marker != dac:
			components = -1
		}
	}
}

// check bounds the time that scans cost, each of which goes through all blocks of 8 x 8 samples even if it says nothing of
// them. Encoders write 6 to 20 times; Pillow has no bound.
func (s jpegScans) check(width, height int) error {
	const fewest, mostBlocks = 32, 1 << 26 // of the latter libjpeg-turbo goes through in one to three seconds
	blocks := (int64(width) + 7) / 8 * ((int64(height) + 7) / 8)
	if most := max(fewest, mostBlocks/blocks); int64(s.times) > most {
		return fmt.Errorf("%w: scans go %d times through components of %d x %d, at most %d times are read", ErrFormat, s.times, width, height, most)
	}
	return nil
}
