//go:build !native

package pixels

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"runtime"
)

// Exact reports whether this build decodes JPEG and WebP to Pillow's samples. It is said once to the user where not.
func Exact() bool { return false }

// Decoders names the libraries that decode JPEG and WebP in this build, with versions.
func Decoders() string {
	return "JPEG by image/jpeg of " + runtime.Version() + " (samples differ a little from libjpeg-turbo's), WebP by golang.org/x/image"
}

// scales tells that decodeJPEG makes fewer samples where they are enough.
const scales = false

func decodeJPEG(file []byte, _ int, l Limits) (*Picture, error) {
	if _, err := readJPEGMarkers(file); err != nil {
		return nil, err
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, broken("image/jpeg", err)
	}
	if err := l.checkSize(c.Width, c.Height); err != nil {
		return nil, err
	}
	if err := readJPEGScans(file).check(c.Width, c.Height); err != nil {
		return nil, err
	}
	decoded, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, broken("image/jpeg", err)
	}
	switch m := decoded.(type) {
	case *image.Gray:
		p := newPicture(Gray, c.Width, c.Height)
		copyRows(p.Pix, m.Pix, c.Width, m.Stride)
		return p, nil
	case *image.CMYK:
		p := newPicture(CMYK, c.Width, c.Height)
		copyRows(p.Pix, m.Pix, 4*c.Width, m.Stride)
		return p, nil
	case *image.RGBA:
		p := newPicture(RGB, c.Width, c.Height)
		for y := range c.Height {
			rawModes["RGBX"].unpack(p, y*c.Width, m.Pix[y*m.Stride:], c.Width)
		}
		return p, nil
	case *image.YCbCr:
		p := newPicture(RGB, c.Width, c.Height)
		fromYCbCr(p.Pix, m)
		return p, nil
	}
	return nil, fmt.Errorf("%w: image/jpeg returned %T", ErrFormat, decoded)
}

// sizeJPEG counts image/jpeg's planes, what they are converted to, and of several scans the coefficients, of 32 bits each.
func sizeJPEG(file []byte) (width, height, perPixel int, err error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return 0, 0, 0, broken("image/jpeg", err)
	}
	perPixel = 14 // in RGB; luma and chroma are 6
	switch c.ColorModel {
	case color.GrayModel:
		perPixel = 2
	case color.CMYKModel:
		perPixel = 16
	}
	if !readJPEGScans(file).one {
		perPixel += 16
	}
	return c.Width, c.Height, perPixel, nil
}

func coefficientsJPEG([]byte, int) int { return 0 }

func copyRows(dst, src []uint8, width, stride int) {
	for y := 0; y*width < len(dst); y++ {
		copy(dst[y*width:(y+1)*width], src[y*stride:])
	}
}

// liveDecoders counts decoders with memory outside Go: none here.
func liveDecoders() int { return 0 }
