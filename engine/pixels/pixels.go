// Package pixels turns a picture file into the model's input: decoded samples in the file's own mode, resized and
// cropped to uint8 [side, side, 3], then normalised to float32 [3, side, side].
//
// It is testdata/reference/pixels.py in Go, equal bit for bit to Pillow 13 with bicubic resizing, also where pixels.py is
// not (see rowsFirst). With the build tag native, JPEG and WebP are decoded by libjpeg-turbo and libwebp, whose samples
// are Pillow's; without it by Go libraries, whose JPEG samples differ a little (see Exact). The rest is the same in both:
// PNG, GIF, BMP and TIFF are read here, because what Pillow lets pass, and what not, is its own.
package pixels

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat means that the file is of no kind read here, or broken.
	ErrFormat = errors.New("unreadable picture")
	// ErrTooLarge means that the file or its picture is over the limits.
	ErrTooLarge = errors.New("picture too large")
)

// Limits bounds what Decode and Crop accept, before any memory for samples is taken. A zero field means its default.
type Limits struct {
	MaxBytes  int64 // size of the file
	MaxPixels int64 // width times height, as the header states them
}

// DefaultLimits returns 64 MiB and 100 million pixels: more than cameras make, and somewhat above the 89 million at
// which Pillow begins to warn. At the limit a JPEG takes 300 MB of samples, a TIFF of floating-point greys 800 MB.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 64 << 20, MaxPixels: 100_000_000}
}

// maxAspect bounds the longer side over the shorter; beyond it Pillow's resized picture (side 224) passes 10 GB.
const maxAspect = 1 << 16

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	if l.MaxBytes == 0 {
		l.MaxBytes = d.MaxBytes
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = d.MaxPixels
	}
	return l
}

func (l Limits) checkBytes(n int) error {
	if int64(n) > l.MaxBytes {
		return fmt.Errorf("%w: file of %d bytes, limit %d (set by --max-image-bytes)", ErrTooLarge, n, l.MaxBytes)
	}
	return nil
}

func (l Limits) checkSize(width, height int) error {
	w, h := int64(width), int64(height)
	switch {
	case w < 1 || h < 1:
		return fmt.Errorf("%w: header says %d x %d pixels", ErrFormat, w, h)
	case w > l.MaxPixels/h:
		return fmt.Errorf("%w: %d x %d pixels, limit %d in all (set by --max-pixels)", ErrTooLarge, w, h, l.MaxPixels)
	case w/h > maxAspect || h/w > maxAspect:
		return fmt.Errorf("%w: %d x %d pixels, more than %d times as long as wide", ErrTooLarge, w, h, maxAspect)
	}
	return nil
}

// Crop decodes file, resizes its shorter side to side, and returns the middle as uint8 RGB [side, side, 3].
// Errors are ErrFormat or ErrTooLarge.
func Crop(file []byte, side int, l Limits) ([]uint8, error) {
	return Options{Limits: l}.Crop(file, side)
}

// Options is how pictures are read. The zero value reads them as the original does.
type Options struct {
	Limits Limits
	EXIF   bool // turn them as their EXIF orientation says
	// FastJPEG decodes a JPEG at the smallest scale that leaves one and a half times the samples that the crop has: what
	// Pillow makes of it after Image.draft, not without. A build without native code decodes all.
	FastJPEG bool
}

// enough is how many samples the shorter side is decoded to, 0 for all.
func (o Options) enough(side int) int {
	if !o.FastJPEG {
		return 0
	}
	return (3*side + 1) / 2
}

// Crop is the function Crop by these options.
func (o Options) Crop(file []byte, side int) ([]uint8, error) {
	if side < 1 {
		return nil, fmt.Errorf("crop a picture to side %d: at least 1 is needed", side)
	}
	p, err := DecodeScaled(file, o.enough(side), o.Limits)
	if err != nil {
		return nil, err
	}
	if o.EXIF { // the orientation is looked for once the file is known to be a picture within the limits
		p = p.Oriented(Orientation(file))
	}
	return p.Crop(side), nil
}

// DecodedBytes returns what Crop takes of memory at its most, as the function DecodedBytes does for Decode.
func (o Options) DecodedBytes(file []byte, side int) (int64, error) {
	bytes, err := DecodedBytesScaled(file, o.enough(side), o.Limits)
	if err == nil && o.EXIF && Orientation(file) != 1 {
		bytes *= 2 // there is a second picture while it is turned
	}
	return bytes, err
}
