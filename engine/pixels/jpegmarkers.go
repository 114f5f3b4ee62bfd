package pixels

import (
	"bytes"
	"fmt"
)

// jpegHead is what Pillow reads of a JPEG before it asks libjpeg.
type jpegHead struct {
	exif, xmp    []byte
	shortProfile bool // a part of a colour profile without its number
}

// mostEXIF is how much EXIF is looked at. A file may begin anew every few bytes, and an orientation stands at its beginning.
const mostEXIF = 1 << 20

const xmpMagic = "http://ns.adobe.com/xap/1.0/\x00"

// readJPEGMarkers walks to the first scan as JpegImagePlugin does, and refuses what that refuses where libjpeg might not.
func readJPEGMarkers(file []byte) (h jpegHead, err error) {
	rest := file[min(2, len(file)):]
	frame := false
	for {
		at := bytes.IndexByte(rest, 0xff)
		if at < 0 || at+2 > len(rest) {
			return h, fmt.Errorf("%w: truncated before its pixels", ErrFormat)
		}
		marker := rest[at+1]
		if marker == 0xff {
			rest = rest[at+1:]
			continue
		}
		rest = rest[at+2:]
		switch {
		case marker == 0, marker >= 0xd0 && marker <= 0xd9, marker >= 0xf0 && marker <= 0xfd, marker == 0xc8:
			continue
		case marker < 0xc0:
			return h, fmt.Errorf("%w: a marker %#x", ErrFormat, marker)
		}
		if len(rest) < 2 {
			return h, fmt.Errorf("%w: truncated before its pixels", ErrFormat)
		}
		n := int(be.Uint16(rest)) - 2
		rest = rest[2:]
		if n > len(rest) {
			return h, fmt.Errorf("%w: truncated in its marker %#x", ErrFormat, marker)
		}
		body := rest[:max(n, 0)]
		rest = rest[len(body):]
		switch {
		case marker == 0xda:
			if !frame {
				return h, fmt.Errorf("%w: pixels without a frame", ErrFormat)
			}
			return h, nil
		case marker == 0xdb:
			err = checkQuantization(body)
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xcc || marker == 0xde:
			frame = true
			err = checkFrame(body)
			if err == nil && h.shortProfile {
				err = fmt.Errorf("%w: a truncated colour profile", ErrFormat)
			}
		case marker >= 0xe0 && marker <= 0xef:
			err = h.application(marker, body)
		}
		if err != nil {
			return h, err
		}
	}
}

func checkFrame(body []byte) error {
	if len(body) < 6 || len(body)%3 != 0 {
		return fmt.Errorf("%w: a frame header of %d bytes", ErrFormat, len(body))
	}
	if body[0] != 8 {
		return fmt.Errorf("%w: samples of %d bits; 8 are read", ErrFormat, body[0])
	}
	if c := body[5]; c != 1 && c != 3 && c != 4 {
		return fmt.Errorf("%w: %d components; 1, 3 and 4 are read", ErrFormat, c)
	}
	return nil
}

func checkQuantization(body []byte) error {
	for len(body) > 0 {
		n := 1 + 64
		if body[0]>>4 != 0 {
			n = 1 + 128
		}
		if len(body) < n {
			return fmt.Errorf("%w: a truncated quantization table", ErrFormat)
		}
		body = body[n:]
	}
	return nil
}

func (h *jpegHead) application(marker byte, body []byte) error {
	is := func(m byte, magic string) bool { return marker == m && bytes.HasPrefix(body, []byte(magic)) }
	switch {
	case is(0xe0, "JFIF") && len(body) < 7, is(0xee, "Adobe") && len(body) < 7:
		return fmt.Errorf("%w: a truncated marker %#x", ErrFormat, marker)
	case is(0xe2, "ICC_PROFILE\x00") && len(body) < 14:
		h.shortProfile = true
	case is(0xe1, exifMagic) && h.exif == nil:
		h.exif = body[:len(body):len(body)]
	case is(0xe1, exifMagic) && len(h.exif) < mostEXIF:
		h.exif = append(h.exif, body[len(exifMagic):]...)
	case is(0xe1, xmpMagic):
		h.xmp = body[len(xmpMagic):]
	}
	return nil
}
