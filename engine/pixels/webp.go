package pixels

import (
	"encoding/binary"
	"fmt"
)

// webpFrame is a still picture, or an animation's first frame, and the canvas it stands on.
type webpFrame struct {
	width, height int // the canvas
	alpha         bool
	x0, y0        int
	frameW        int
	frameH        int
	chunks        []byte // optionally ALPH, then VP8 or VP8L, with their headers
	image         []byte // body of the VP8 or VP8L chunk
	alphaData     []byte // body of the ALPH chunk
	lossless      bool
}

// eachChunk calls f with every chunk of a RIFF body, whole (header and padding) and its body, until f returns false.
func eachChunk(body []byte, f func(kind string, whole, body []byte) bool) error {
	for len(body) >= 8 {
		kind, n := string(body[:4]), int64(binary.LittleEndian.Uint32(body[4:]))
		if n > int64(len(body))-8 {
			return fmt.Errorf("%w: truncated in its chunk %q", ErrFormat, kind)
		}
		end := min(8+n+n%2, int64(len(body)))
		if !f(kind, body[:end], body[8:8+n]) {
			return nil
		}
		body = body[end:]
	}
	return nil
}

// readWebP finds the first frame. The sizes are those of the headers: the decoder has to hold them against the data.
func readWebP(file []byte) (webpFrame, error) {
	var f webpFrame
	size := int64(binary.LittleEndian.Uint32(file[4:]))
	if size < 4 || size+8 > int64(len(file)) {
		return f, fmt.Errorf("%w: truncated: %d bytes of %d", ErrFormat, len(file), size+8)
	}
	var extended, animated bool
	frame := file[12 : 8+size]
	err := eachChunk(frame, func(kind string, whole, body []byte) bool {
		switch {
		case kind == "VP8X" && len(body) >= 10:
			extended = true
			animated, f.alpha = body[0]&0x02 != 0, body[0]&0x10 != 0
			f.width, f.height = 1+uint24(body[4:]), 1+uint24(body[7:])
		case kind == "ANMF" && len(body) >= 16 && animated:
			f.x0, f.y0 = 2*uint24(body), 2*uint24(body[3:])
			frame = body[16:]
			return false
		case kind == "VP8 " || kind == "VP8L" || kind == "ALPH":
			return animated // an animation's frames are in ANMF chunks
		}
		frame = frame[len(whole):]
		return true
	})
	if err == nil {
		err = f.readFrame(frame)
	}
	switch {
	case err != nil:
		return f, err
	case !extended:
		f.width, f.height = f.frameW, f.frameH
		f.alpha = f.lossless && f.image[4]&0x10 != 0
	case f.x0+f.frameW > f.width || f.y0+f.frameH > f.height || !animated && (f.frameW != f.width || f.frameH != f.height):
		return f, fmt.Errorf("%w: frame of %d x %d at %d, %d on a canvas of %d x %d", ErrFormat, f.frameW, f.frameH, f.x0, f.y0, f.width, f.height)
	}
	return f, nil
}

func (f *webpFrame) readFrame(chunks []byte) error {
	start := 0
	err := eachChunk(chunks, func(kind string, whole, body []byte) bool {
		switch kind {
		case "ALPH":
			f.alphaData = body
			f.chunks = chunks[start:]
		case "VP8 ", "VP8L":
			f.lossless, f.image = kind == "VP8L", body
			if f.alphaData == nil || f.lossless {
				f.chunks = chunks[start:]
			}
			f.chunks = f.chunks[:len(f.chunks)-(len(chunks)-start-len(whole))]
			return false
		}
		start += len(whole)
		return true
	})
	b := f.image
	switch {
	case err != nil:
		return err
	case f.lossless && len(b) >= 5 && b[0] == 0x2f:
		v := binary.LittleEndian.Uint32(b[1:])
		f.frameW, f.frameH = 1+int(v&0x3fff), 1+int(v>>14&0x3fff)
	case !f.lossless && len(b) >= 10 && string(b[3:6]) == "\x9d\x01\x2a":
		f.frameW, f.frameH = int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff)
	default:
		return fmt.Errorf("%w: no frame, or a broken one", ErrFormat)
	}
	return nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// decodeWebP reads a still picture or an animation's first frame on a canvas of zeros.
func decodeWebP(file []byte, l Limits) (*Picture, error) {
	f, err := readWebP(file)
	if err != nil {
		return nil, err
	}
	if err := l.checkSize(f.width, f.height); err != nil {
		return nil, err
	}
	mode := RGB
	if f.alpha {
		mode = RGBA
	}
	p := newPicture(mode, f.width, f.height)
	if err := f.decodeInto(p); err != nil {
		return nil, err
	}
	return p, nil
}
