package pixels

import (
	"bytes"
	"fmt"
)

// format is one kind of file.
type format struct {
	name   string
	is     func(file []byte) bool
	decode func(file []byte, l Limits) (*Picture, error)
	// size reads the header, and returns with its width and height the bytes of a pixel while it is decoded.
	size func(file []byte) (width, height, perPixel int, err error)
	// metadata finds the blocks in which an orientation may stand; nil where the kind of file has none.
	metadata func(file []byte) (exif, xmp []byte)
}

// formats lists the kinds of file read here by the bytes that they begin with.
var formats = []format{
	{"JPEG", begins("\xff\xd8\xff"), decodeJPEG, sizeJPEG, metadataJPEG},
	{"PNG", begins(pngMagic), decodePNG, sizePNG, metadataPNG},
	{"WebP", func(f []byte) bool { return len(f) >= 12 && string(f[:4]) == "RIFF" && string(f[8:12]) == "WEBP" }, decodeWebP, sizeWebP, metadataWebP},
	{"GIF", func(f []byte) bool { return begins("GIF87a")(f) || begins("GIF89a")(f) }, decodeGIF, sizeGIF, nil},
	{"BMP", begins("BM"), decodeBMP, sizeBMP, nil},
	{"TIFF", isTIFF, decodeTIFF, sizeTIFF, nil},
}

func begins(magic string) func([]byte) bool {
	return func(file []byte) bool { return bytes.HasPrefix(file, []byte(magic)) }
}

// Decode reads the picture, or an animation's first frame, or the first page, in the mode in which Pillow holds it. EXIF
// orientation is ignored save in TIFFs, as the original ignores it: Orientation and Oriented are for who wants it. Errors are ErrFormat or ErrTooLarge.
func Decode(file []byte, l Limits) (*Picture, error) {
	l = l.orDefaults()
	f, err := l.formatOf(file)
	if err != nil {
		return nil, err
	}
	p, err := f.decode(file, l)
	if err != nil {
		return nil, fmt.Errorf("decode %s of %d bytes: %w", f.name, len(file), err)
	}
	return p, nil
}

// formatOf returns the kind of file, unless it is none or over the limit of bytes.
func (l Limits) formatOf(file []byte) (format, error) {
	if err := l.checkBytes(len(file)); err != nil {
		return format{}, err
	}
	for _, f := range formats {
		if f.is(file) {
			return f, nil
		}
	}
	if len(file) == 0 {
		return format{}, fmt.Errorf("%w: empty file", ErrFormat)
	}
	return format{}, fmt.Errorf("%w: begins with % x, which is no JPEG, PNG, WebP, GIF, BMP or TIFF", ErrFormat, file[:min(len(file), 8)])
}

// broken marks a decoder's complaint as ErrFormat.
func broken(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
}
