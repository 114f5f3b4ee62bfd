package pixels

import (
	"bytes"
	"fmt"
)

// formats lists the kinds of file read here by the bytes that they begin with.
var formats = []struct {
	name   string
	is     func(file []byte) bool
	decode func(file []byte, l Limits) (*Picture, error)
}{
	{"JPEG", begins("\xff\xd8\xff"), decodeJPEG},
	{"PNG", begins(pngMagic), decodePNG},
	{"WebP", func(f []byte) bool { return len(f) >= 12 && string(f[:4]) == "RIFF" && string(f[8:12]) == "WEBP" }, decodeWebP},
	{"GIF", func(f []byte) bool { return begins("GIF87a")(f) || begins("GIF89a")(f) }, decodeGIF},
	{"BMP", begins("BM"), decodeBMP},
}

func begins(magic string) func([]byte) bool {
	return func(file []byte) bool { return bytes.HasPrefix(file, []byte(magic)) }
}

// Decode reads the picture, or an animation's first frame, in the mode in which Pillow holds it. EXIF orientation is
// ignored, as the original ignores it. Errors are ErrFormat or ErrTooLarge.
func Decode(file []byte, l Limits) (*Picture, error) {
	l = l.orDefaults()
	if err := l.checkBytes(len(file)); err != nil {
		return nil, err
	}
	for _, f := range formats {
		if f.is(file) {
			p, err := f.decode(file, l)
			if err != nil {
				return nil, fmt.Errorf("decode %s of %d bytes: %w", f.name, len(file), err)
			}
			return p, nil
		}
	}
	if len(file) == 0 {
		return nil, fmt.Errorf("%w: empty file", ErrFormat)
	}
	return nil, fmt.Errorf("%w: begins with % x, which is no JPEG, PNG, WebP, GIF or BMP", ErrFormat, file[:min(len(file), 8)])
}

// broken marks a decoder's complaint as ErrFormat.
func broken(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
}
