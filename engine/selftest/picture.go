package selftest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// pictureFile returns the known picture, 32 x 24 pixels in RGB, as a PNG: lossless, so that every
// build decodes the same samples, whatever its decoders of JPEG.
func pictureFile() ([]byte, error) {
	const width, height = 32, 24
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{R: uint8(8 * x), G: uint8(10 * y), B: uint8(7 * x * y), A: 255})
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		return nil, fmt.Errorf("write the known picture: %w", err)
	}
	return file.Bytes(), nil
}
