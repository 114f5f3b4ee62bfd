//go:build native

package pixels

// #cgo LDFLAGS: -lwebp
// #include "webp.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// decodeInto writes the frame's samples into p at the frame's place.
func (f *webpFrame) decodeInto(p *Picture) error {
	bands := p.Mode.bands()
	stride := p.Width * bands
	pix := p.Pix[f.y0*stride+f.x0*bands:]
	if status := C.pixels_webp_decode((*C.uint8_t)(unsafe.Pointer(&f.chunks[0])), C.size_t(len(f.chunks)),
		C.int(f.frameW), C.int(f.frameH), C.int(bands), (*C.uint8_t)(unsafe.Pointer(&pix[0])), C.size_t(len(pix)), C.int(stride)); status != 0 {
		return fmt.Errorf("%w: libwebp: status %d", ErrFormat, status)
	}
	return nil
}

func webpVersion() string {
	v := C.pixels_webp_version()
	return fmt.Sprintf("libwebp %d.%d.%d", v>>16, v>>8&255, v&255)
}
