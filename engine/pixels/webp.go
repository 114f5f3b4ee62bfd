package pixels

import "fmt"

// webpFrame is a still picture, or an animation's first frame, and the canvas it stands on.
type webpFrame struct {
	width, height int  // the canvas
	alpha         bool // Pillow's mode: whether there is some, going by the headers
	x0, y0        int
	frameW        int
	frameH        int
	chunks        []byte // optionally ALPH, then VP8 or VP8L, with their headers
	image         []byte // body of the VP8 or VP8L chunk
	alphaData     []byte // body of the ALPH chunk
	lossless      bool
}

// Flags of a VP8X chunk.
const (
	webpAnimated  = 0x02
	webpAlpha     = 0x10
	webpAllFlags  = 0x3e
	webpLosslessA = 0x10 // in the fifth byte of a VP8L chunk's body
)

// eachChunk calls f with every chunk of a RIFF body, whole (header and padding) and its body, until f returns false.
func eachChunk(body []byte, f func(kind string, whole, body []byte) bool) error {
	for len(body) > 0 {
		kind, whole, inner, err := webpChunk(body)
		if err != nil {
			return err
		}
		if !f(kind, whole, inner) {
			return nil
		}
		body = body[len(whole):]
	}
	return nil
}

// webpChunk returns the chunk that data begins with. It must be there with its padding.
func webpChunk(data []byte) (kind string, whole, body []byte, err error) {
	if len(data) < 8 {
		return "", nil, nil, fmt.Errorf("%w: truncated between chunks", ErrFormat)
	}
	kind, n := string(data[:4]), int64(le.Uint32(data[4:]))
	if n+n%2 > int64(len(data))-8 {
		return "", nil, nil, fmt.Errorf("%w: truncated in its chunk %q", ErrFormat, kind)
	}
	return kind, data[:8+n+n%2], data[8 : 8+n], nil
}

// readWebP finds the first frame and checks the others' headers, as libwebp's demuxer does for Pillow. Sizes are those of
// the headers: the decoder has to hold them against the data.
func readWebP(file []byte) (f webpFrame, err error) {
	size := int64(le.Uint32(file[4:]))
	if size < 8 || size+8 > int64(len(file)) {
		return f, fmt.Errorf("%w: truncated: %d bytes of %d", ErrFormat, len(file), size+8)
	}
	data := file[12 : 8+size]
	kind, whole, body, err := webpChunk(data)
	switch {
	case err != nil:
		return f, err
	case kind == "VP8 " || kind == "VP8L":
		if _, err = f.take(data); err != nil {
			return f, err
		}
		f.withoutAlpha()
		f.width, f.height = f.frameW, f.frameH
		f.alpha = f.lossless && f.image[4]&webpLosslessA != 0
		return f, nil
	case kind != "VP8X" || len(body) < 10:
		return f, fmt.Errorf("%w: begins with a chunk %q of %d bytes", ErrFormat, kind, len(body))
	}
	return readWebPExtended(body, data[len(whole):])
}

// readWebPExtended reads what follows a VP8X chunk.
func readWebPExtended(header, data []byte) (first webpFrame, err error) {
	flags := header[0]
	width, height := 1+uint24(header[4:]), 1+uint24(header[7:])
	animated, begun := flags&webpAnimated != 0, false
	if flags&^webpAllFlags != 0 {
		return first, fmt.Errorf("%w: unknown flags %#x", ErrFormat, flags)
	}
	for len(data) > 0 {
		kind, whole, body, err := webpChunk(data)
		if err != nil {
			return first, err
		}
		rest := data[len(whole):]
		var f webpFrame
		switch kind {
		case "VP8X":
			return first, fmt.Errorf("%w: a second header", ErrFormat)
		case "ANIM":
			if len(body) < 6 {
				return first, fmt.Errorf("%w: a header of %d bytes for its animation", ErrFormat, len(body))
			}
			begun = true
		case "VP8 ", "VP8L", "ALPH":
			if animated || begun || first.image != nil {
				return first, fmt.Errorf("%w: a picture that is no frame of its animation", ErrFormat)
			}
			if rest, err = f.takeStill(data, flags); err != nil {
				return first, err
			}
			if f.frameW != width || f.frameH != height {
				return first, fmt.Errorf("%w: %d x %d pixels on a canvas of %d x %d", ErrFormat, f.frameW, f.frameH, width, height)
			}
			first = f
		case "ANMF":
			if !begun || len(body) < 16 {
				return first, fmt.Errorf("%w: a frame of no animation, or of %d bytes", ErrFormat, len(body))
			}
			if rest, err = f.takeAnimated(data, whole, body); err != nil {
				return first, err
			}
			f.alpha = flags&webpAlpha != 0
			if f.image == nil || !animated {
				break
			}
			if f.x0+f.frameW > width || f.y0+f.frameH > height {
				return first, fmt.Errorf("%w: frame of %d x %d at %d, %d on a canvas of %d x %d", ErrFormat, f.frameW, f.frameH, f.x0, f.y0, width, height)
			}
			if first.image == nil {
				first = f
			}
		}
		data = rest
	}
	if first.image == nil {
		return first, fmt.Errorf("%w: no frame", ErrFormat)
	}
	first.width, first.height = width, height
	return first, nil
}

// takeStill takes the picture of a file that has no animation.
func (f *webpFrame) takeStill(data []byte, flags byte) (rest []byte, err error) {
	if rest, err = f.take(data); err != nil {
		return nil, err
	}
	f.alpha = f.lossless && f.image != nil && f.image[4]&webpLosslessA != 0 || !f.lossless && (flags&webpAlpha != 0 || f.alphaData != nil)
	if flags&webpAlpha == 0 {
		f.withoutAlpha()
	}
	return rest, nil
}

// takeAnimated takes a frame of an animation, whose chunk is the whole one that data begins with.
func (f *webpFrame) takeAnimated(data, whole, body []byte) (rest []byte, err error) {
	f.x0, f.y0 = 2*uint24(body), 2*uint24(body[3:])
	if rest, err = f.take(data[8+16:]); err != nil {
		return nil, err
	}
	if len(data)-len(rest) > len(whole) {
		return nil, fmt.Errorf("%w: a frame longer than its chunk", ErrFormat)
	}
	return rest, nil
}

// take reads the chunks of a frame and returns what is behind them.
func (f *webpFrame) take(data []byte) (rest []byte, err error) {
	begin := data
	for more := true; more; more = more && len(data) > 0 {
		kind, whole, body, err := webpChunk(data)
		if err != nil {
			return nil, err
		}
		switch {
		case kind == "ALPH" && f.alphaData == nil && f.image == nil:
			f.alphaData, begin = body, data
		case kind == "ALPH" && f.alphaData == nil:
			return nil, fmt.Errorf("%w: alpha behind its colours", ErrFormat)
		case (kind == "VP8 " || kind == "VP8L") && f.image == nil:
			f.lossless, f.image = kind == "VP8L", body
			if f.alphaData == nil {
				begin = data
			}
			f.chunks = begin[:len(begin)-len(data)+len(whole)]
			if err := f.readSize(); err != nil {
				return nil, err
			}
		default:
			more = false
			continue
		}
		data = data[len(whole):]
	}
	if f.alphaData != nil && f.image == nil {
		return nil, fmt.Errorf("%w: alpha without colours", ErrFormat)
	}
	return data, nil
}

// withoutAlpha drops the ALPH chunk, which libwebp does not look at in a still picture whose header does not promise it.
func (f *webpFrame) withoutAlpha() {
	if f.alphaData != nil {
		_, whole, _, _ := webpChunk(f.chunks)
		f.chunks, f.alphaData = f.chunks[len(whole):], nil
	}
}

// readSize reads the header of the VP8 or VP8L chunk.
func (f *webpFrame) readSize() error {
	b := f.image
	switch {
	case f.lossless && len(b) >= 5 && b[0] == 0x2f && b[4]>>5 == 0 && f.alphaData == nil:
		v := le.Uint32(b[1:])
		f.frameW, f.frameH = 1+int(v&0x3fff), 1+int(v>>14&0x3fff)
		return nil
	case !f.lossless && len(b) >= 10 && string(b[3:6]) == "\x9d\x01\x2a":
		f.frameW, f.frameH = int(le.Uint16(b[6:])&0x3fff), int(le.Uint16(b[8:])&0x3fff)
		// A key frame, one of four profiles, shown, whose first partition is in the chunk.
		if v := uint24(b); v&1 == 0 && v>>1&7 <= 3 && v>>4&1 == 1 && v>>5 < len(b) && f.frameW > 0 && f.frameH > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: a broken frame", ErrFormat)
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
