package pixels

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"image"
	"io"
	"strings"
)

// Pillow's bounds of what chunks of text and profiles may hold once they are inflated: of one, and of all texts.
const (
	pngTextBytes    = 1 << 20
	pngAllTextBytes = 64 << 20
)

// pngFile is what Pillow's PngStream knows of a file: what the samples depend on, what a later chunk is checked by, and
// where an orientation may stand.
type pngFile struct {
	file []byte
	at   int // the next byte to read

	width, height int
	kind          pngKind // none until a header allows one
	interlaced    bool
	palette       []byte
	frame         image.Rectangle // what the pixels cover: not all where an animation's first frame is smaller

	framed   bool   // an fcTL came
	animated bool   // there is more than one frame, going by what stands before the pixels
	frames   uint32 // of acTL; 0 where there is no valid one
	sequence int64  // number of the last fcTL or fdAT, plus one
	text     int    // bytes of all texts, and of what was inflated in vain or is a profile

	exif, rawProfile, xmp []byte

	texts    inflater
	inflated bytes.Buffer // the text in hand
}

// next returns the chunk at f.at and steps over its header. A body that is longer than the file ends with it.
func (f *pngFile) next() (kind string, body []byte, whole, ok bool) {
	rest := f.file[min(f.at, len(f.file)):]
	if len(rest) < 8 || strings.ContainsFunc(string(rest[4:8]), notWord) {
		return "", nil, false, false
	}
	n := int64(be.Uint32(rest))
	f.at += 8
	body = rest[8:min(8+n, int64(len(rest)))]
	return string(rest[4:8]), body, int64(len(body)) == n, true
}

// notWord is Pillow's idea of what no chunk's name contains.
func notWord(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// readHead reads up to the pixels, holding each chunk against its checksum, and leaves f.at at their chunk.
func (f *pngFile) readHead() error {
	f.at = len(pngMagic)
	for {
		begin := f.at
		kind, body, whole, ok := f.next()
		switch {
		case !ok:
			return fmt.Errorf("%w: truncated or damaged before its pixels", ErrFormat)
		case kind == "IEND":
			return fmt.Errorf("%w: no pixels", ErrFormat)
		case kind == "IDAT", kind == "fdAT" && f.isFrameData(body):
			f.at = begin
			if f.kind.mode == "" || f.width < 1 || f.height < 1 {
				return fmt.Errorf("%w: no header, or one of no kind of PNG, %d x %d pixels", ErrFormat, f.width, f.height)
			}
			f.animated = f.frames > 1 || f.frames == 1 && !f.framed
			if !f.framed {
				f.frame = image.Rect(0, 0, f.width, f.height)
			}
			if f.frame.Empty() || !f.frame.In(image.Rect(0, 0, f.width, f.height)) { // a second header may have made it smaller
				return fmt.Errorf("%w: a first frame that is empty or outside the picture", ErrFormat)
			}
			if f.kind.mode == Paletted && len(f.palette)/3 > 256 {
				return fmt.Errorf("%w: a palette of %d bytes", ErrFormat, len(f.palette))
			}
			return nil
		case !whole:
			return fmt.Errorf("%w: truncated in its chunk %q", ErrFormat, kind)
		}
		if err := f.chunk(kind, body); err != nil {
			return err
		}
		f.at += len(body)
		if sum := f.file[f.at:]; len(sum) < 4 || be.Uint32(sum) != crc32.ChecksumIEEE(f.file[begin+4:f.at]) {
			return fmt.Errorf("%w: wrong checksum of chunk %q", ErrFormat, kind)
		}
		f.at += 4
	}
}

// readTail reads what follows the pixels, without checksums: Pillow refuses a truncated or wrong chunk there too.
func (f *pngFile) readTail() error {
	for {
		f.at += 4
		kind, body, whole, ok := f.next()
		switch {
		case !ok || kind == "IEND" || kind == "fcTL" && f.animated:
			return nil
		case !whole:
			return fmt.Errorf("%w: truncated in its chunk %q", ErrFormat, kind)
		}
		if kind == "fdAT" && !f.isFrameData(body) {
			return fmt.Errorf("%w: animation out of sequence", ErrFormat)
		}
		if err := f.chunk(kind, body); err != nil {
			return err
		}
		f.at += len(body)
	}
}

// isFrameData checks and counts the number in an fdAT chunk.
func (f *pngFile) isFrameData(body []byte) bool {
	if len(body) < 4 || f.sequence == 0 || int64(be.Uint32(body)) != f.sequence {
		return false
	}
	f.sequence++
	return true
}

// pngShortest is how long chunks must be.
var pngShortest = map[string]int{"IHDR": 13, "gAMA": 4, "cHRM": 32, "sRGB": 1, "pHYs": 9, "acTL": 8, "fcTL": 26, "fdAT": 4, "iCCP": 1}

// chunk takes over what body says, or tells why Pillow refuses it.
func (f *pngFile) chunk(kind string, body []byte) error {
	shortest := pngShortest[kind]
	if kind == "tRNS" {
		shortest = map[Mode]int{Bilevel: 2, Gray: 2, Gray16: 2, RGB: 6}[f.kind.mode]
	}
	if len(body) < shortest {
		return fmt.Errorf("%w: chunk %q of %d bytes; %d are needed", ErrFormat, kind, len(body), shortest)
	}
	switch kind {
	case "IHDR":
		f.width, f.height = int(be.Uint32(body)), int(be.Uint32(body[4:]))
		if k, ok := pngKinds[[2]byte{body[8], body[9]}]; ok {
			f.kind = k
		}
		if body[11] != 0 {
			return fmt.Errorf("%w: unknown filter method %d", ErrFormat, body[11])
		}
		f.interlaced = f.interlaced || body[12] != 0
	case "PLTE":
		if f.kind.mode == Paletted {
			f.palette = body
		}
	case "acTL":
		frames := be.Uint32(body)
		if f.frames != 0 || frames > 1<<31 {
			frames = 0
		}
		f.frames = frames
	case "fcTL":
		return f.frameControl(body)
	case "iCCP":
		name := bytes.IndexByte(body, 0)
		if name+1 >= len(body) || body[name+1] != 0 {
			return fmt.Errorf("%w: a colour profile compressed in an unknown way", ErrFormat)
		}
		profile, err := f.inflateText(body[name+2:])
		return cmp.Or(err, f.countText(len(profile)))
	case "eXIf":
		f.exif = body
	case "tEXt", "zTXt", "iTXt":
		return f.textChunk(kind, body)
	}
	return nil
}

func (f *pngFile) frameControl(body []byte) error {
	if int64(be.Uint32(body)) != f.sequence {
		return fmt.Errorf("%w: animation out of sequence", ErrFormat)
	}
	f.sequence++
	w, h, x, y := int(be.Uint32(body[4:])), int(be.Uint32(body[8:])), int(be.Uint32(body[12:])), int(be.Uint32(body[16:]))
	if x+w > f.width || y+h > f.height {
		return fmt.Errorf("%w: a frame outside the picture", ErrFormat)
	}
	f.frame, f.framed = image.Rect(x, y, x+w, y+h), true
	return nil
}

// textChunk keeps the texts in which an orientation may stand.
func (f *pngFile) textChunk(kind string, body []byte) (err error) {
	key, text, found := bytes.Cut(body, []byte{0})
	inflated := kind == "zTXt"
	switch kind {
	case "zTXt":
		if len(text) > 0 && text[0] != 0 {
			return fmt.Errorf("%w: a text compressed in an unknown way", ErrFormat)
		}
		text, err = f.inflateText(text[min(1, len(text)):])
	case "iTXt":
		if !found || len(text) < 2 || text[0] != 0 && text[1] != 0 {
			return nil
		}
		inflated = text[0] != 0
		parts := bytes.SplitN(text[2:], []byte{0}, 3)
		if len(parts) < 3 {
			return nil
		}
		if text = parts[2]; inflated {
			text, err = f.inflateText(text)
		}
	}
	if err == nil && (inflated || len(key) > 0) {
		err = f.countText(len(text))
	}
	if err != nil {
		return err
	}
	var place *[]byte
	switch is := func(name string) bool { return string(key) == name }; {
	case is("Raw profile type exif"):
		place = &f.rawProfile
	case is("XML:com.adobe.xmp"), is("xmp") && kind != "iTXt":
		place = &f.xmp
	case is("exif") && kind == "tEXt":
		place = &f.exif
	}
	if place != nil {
		if *place = text; inflated { // which the next text overwrites
			*place = bytes.Clone(text)
		}
	}
	return nil
}

// inflateText returns nothing for what is damaged, which Pillow lets pass, and an error for what is too long. The text is
// there until the next is inflated.
func (f *pngFile) inflateText(data []byte) ([]byte, error) {
	r, err := f.texts.open(data)
	if err != nil {
		return nil, nil
	}
	f.inflated.Reset()
	_, err = f.inflated.ReadFrom(io.LimitReader(r, pngTextBytes+1))
	text := f.inflated.Bytes()
	switch {
	case len(text) > pngTextBytes:
		return nil, fmt.Errorf("%w: a text or profile of over %d bytes", ErrFormat, pngTextBytes)
	case err != nil && err != io.ErrUnexpectedEOF:
		return nil, f.countText(len(text))
	}
	return text, nil
}

// countText bounds the time that many small chunks could cost.
func (f *pngFile) countText(n int) error {
	if f.text += n; f.text > pngAllTextBytes {
		return fmt.Errorf("%w: texts of over %d bytes", ErrFormat, pngAllTextBytes)
	}
	return nil
}

// pngData reads the pixels' chunks, which must follow one another, one after the other.
type pngData struct {
	f     *pngFile
	chunk []byte
	begun bool
}

func (d *pngData) Read(b []byte) (int, error) {
	for len(d.chunk) == 0 {
		at := d.f.at
		if d.begun {
			d.f.at += 4 // the checksum, which Pillow does not look at
		}
		kind, body, _, ok := d.f.next()
		switch {
		case ok && kind == "fdAT" && (!d.begun || d.f.isFrameData(body)):
			d.chunk = body[min(4, len(body)):]
		case ok && (kind == "IDAT" || kind == "DDAT"):
			d.chunk = body
		default:
			d.f.at = at
			return 0, io.EOF
		}
		d.f.at += len(body)
		d.begun = true
	}
	n := copy(b, d.chunk)
	d.chunk = d.chunk[n:]
	return n, nil
}
