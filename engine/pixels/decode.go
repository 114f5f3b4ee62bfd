package pixels

import (
	"bytes"
	"fmt"
)

// format is one kind of file.
type format struct {
	name string
	is   func(file []byte) bool
	// decode makes at least enough samples in the shorter direction; 0 is all there are.
	decode func(file []byte, enough int, l Limits) (*Picture, error)
	// size reads the header, and returns with its width and height the bytes of a pixel while it is decoded.
	size func(file []byte) (width, height, perPixel int, err error)
	// metadata finds the blocks in which an orientation may stand; nil where the kind of file has none.
	metadata func(file []byte) (exif, xmp []byte)
	// inFull returns how many of a pixel's bytes are held of all pixels even if fewer are made; nil where none are fewer.
	inFull func(file []byte, perPixel int) int
}

// formats lists the kinds of file read here by the bytes that they begin with.
var formats = []format{
	{"JPEG", begins("\xff\xd8\xff"), decodeJPEG, sizeJPEG, metadataJPEG, coefficientsJPEG},
	{"PNG", begins(pngMagic), all(decodePNG), sizePNG, metadataPNG, nil},
	{"WebP", func(f []byte) bool { return len(f) >= 12 && string(f[:4]) == "RIFF" && string(f[8:12]) == "WEBP" }, all(decodeWebP), sizeWebP, metadataWebP, nil},
	{"GIF", func(f []byte) bool { return begins("GIF87a")(f) || begins("GIF89a")(f) }, all(decodeGIF), sizeGIF, nil, nil},
	{"BMP", begins("BM"), all(decodeBMP), sizeBMP, nil, nil},
	{"TIFF", isTIFF, all(decodeTIFF), sizeTIFF, nil, nil},
}

// all is of a kind of file that is always decoded in full.
func all(decode func(file []byte, l Limits) (*Picture, error)) func([]byte, int, Limits) (*Picture, error) {
	return func(file []byte, _ int, l Limits) (*Picture, error) { return decode(file, l) }
}

func begins(magic string) func([]byte) bool {
	return func(file []byte) bool { return bytes.HasPrefix(file, []byte(magic)) }
}

// Decode reads the picture, or an animation's first frame, or the first page, in the mode in which Pillow holds it. EXIF
// orientation is ignored save in TIFFs, as the original ignores it: Orientation and Oriented are for who wants it. Errors are ErrFormat or ErrTooLarge.
func Decode(file []byte, l Limits) (*Picture, error) { return DecodeScaled(file, 0, l) }

// DecodeScaled is Decode for whom that many samples in the shorter direction are enough: a large JPEG is decoded at a
// half, a quarter or an eighth of its width and height, which is faster and takes less memory. A build without native code
// does not know how to, and decodes all.
func DecodeScaled(file []byte, enough int, l Limits) (*Picture, error) {
	l = l.orDefaults()
	f, err := l.formatOf(file)
	if err != nil {
		return nil, err
	}
	p, err := f.decode(file, enough, l)
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
