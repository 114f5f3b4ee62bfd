//go:build native

package pixels

// #cgo CFLAGS: -O2
// #cgo LDFLAGS: -ljpeg
// #include "jpeg.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Exact reports whether this build decodes JPEG and WebP to Pillow's samples. It is said once to the user where not.
func Exact() bool { return true }

// Decoders names the libraries that decode JPEG and WebP in this build, with versions.
func Decoders() string {
	return "JPEG by libjpeg-turbo " + C.GoString(C.pixels_jpeg_version()) + ", WebP by " + webpVersion()
}

// scales tells that decodeJPEG makes fewer samples where they are enough.
const scales = true

func decodeJPEG(file []byte, enough int, l Limits) (*Picture, error) {
	if _, err := readJPEGMarkers(file); err != nil {
		return nil, err
	}
	var header C.pixels_jpeg
	data, size := (*C.uint8_t)(unsafe.Pointer(&file[0])), C.size_t(len(file))
	if C.pixels_jpeg_header(data, size, &header) != 0 {
		return nil, jpegError(&header)
	}
	width, height := int(header.width), int(header.height)
	if err := l.checkSize(width, height); err != nil {
		return nil, err
	}
	if err := readJPEGScans(file).check(width, height); err != nil {
		return nil, err
	}
	mode, ok := map[C.int]Mode{1: Gray, 3: RGB, 4: CMYK}[header.components]
	if !ok {
		return nil, fmt.Errorf("%w: %d components; 1, 3 and 4 are read", ErrFormat, header.components)
	}
	at := scaleFor(width, height, enough)
	p := at.newPicture(mode, width, height)
	if C.pixels_jpeg_decode(data, size, &header, C.int(at), (*C.uint8_t)(unsafe.Pointer(&p.Pix[0]))) != 0 {
		return nil, jpegError(&header)
	}
	if mode == CMYK { // Pillow takes every CMYK file for one of Adobe's
		for i, v := range p.Pix {
			p.Pix[i] = 255 - v
		}
	}
	return p, nil
}

// sizeJPEG counts samples, and of several scans the coefficients, of 16 bits each.
func sizeJPEG(file []byte) (width, height, perPixel int, err error) {
	var header C.pixels_jpeg
	if C.pixels_jpeg_header((*C.uint8_t)(unsafe.Pointer(&file[0])), C.size_t(len(file)), &header) != 0 {
		return 0, 0, 0, jpegError(&header)
	}
	perPixel = int(header.components)
	if !readJPEGScans(file).one {
		perPixel *= 3
	}
	return int(header.width), int(header.height), perPixel, nil
}

// coefficientsJPEG returns what of sizeJPEG's bytes coefficients are.
func coefficientsJPEG(file []byte, perPixel int) int {
	if readJPEGScans(file).one {
		return 0
	}
	return perPixel / 3 * 2
}

func jpegError(header *C.pixels_jpeg) error {
	return fmt.Errorf("%w: libjpeg-turbo: %s", ErrFormat, C.GoString(&header.message[0]))
}

// liveDecoders counts libjpeg-turbo's decompressors whose memory is not yet freed, for tests.
func liveDecoders() int { return int(C.pixels_jpeg_live()) }
