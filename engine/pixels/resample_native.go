//go:build native

package pixels

// #cgo CFLAGS: -std=c11 -O3
// #include "resample.h"
import "C"

import "unsafe"

// kernels is a set of instructions that resamples.
type kernels C.int

// bestKernels is the set that this processor is fastest with; the lower ones work too.
func bestKernels() kernels { return kernels(C.pixels_best_set()) }

func (p *Picture) resample(x, y axis) []uint8 { return bestKernels().resample(p, x, y) }

// resample is Picture.specified in vectors; the two are equal bit for bit.
func (k kernels) resample(p *Picture, x, y axis) []uint8 {
	smoothed := func() []uint8 { return k.smooth8(p.Pix, p.Mode.bands(), p.Mode.alpha(), x, y) }
	rgb := make([]uint8, 3*x.n*y.n)
	out, n := sample8(rgb), C.int(x.n*y.n)
	switch p.Mode {
	case RGB:
		return smoothed()
	case Gray, GrayAlpha:
		C.pixels_rgb_of_grey(out, sample8(smoothed()), n, C.int(p.Mode.bands()))
	case RGBA:
		C.pixels_rgb_of_four(out, sample8(smoothed()), n)
	case CMYK:
		pix := smoothed()
		C.pixels_paper(C.int(k), sample8(pix), C.size_t(len(pix)))
		C.pixels_rgb_of_four(out, sample8(pix), n)
	case Gray16:
		C.pixels_rgb_of_grey16(out, (*C.uint16_t)(&k.smooth16(p.Pix16, x, y)[0]), n)
	case Bilevel, Paletted:
		pickColours(out, p, x, y)
	default:
		return p.specified(x, y)
	}
	return rgb
}

func sample8(pix []uint8) *C.uint8_t { return (*C.uint8_t)(&pix[0]) }

func (k kernels) smooth8(pix []uint8, bands int, alpha bool, x, y axis) []uint8 {
	alpha = alpha && (x.resizes() || y.resizes())
	out := passes[uint8, int32]{fixed, k.across8, k.down8}.smooth(pix, bands, alpha, x, y)
	if alpha {
		k.unpremultiply(out, bands)
	}
	return out
}

func (k kernels) unpremultiply(pix []uint8, bands int) {
	C.pixels_unpremultiply(C.int(k), sample8(pix), C.size_t(len(pix)), C.int(bands))
}

func (k kernels) smooth16(pix []uint16, x, y axis) []uint16 {
	return passes[uint16, float64]{exactly, k.across16, k.down16}.smooth(pix, 1, false, x, y)
}

func (k kernels) across8(dst, src grid[uint8], count, bands int, alpha bool, left int, columns taps[int32]) {
	lo, hi := columns.span()
	in := C.int(hi - lo)
	scratch := make([]byte, C.pixels_across8_scratch(in, C.int(bands), flag(alpha), C.int(columns.n()), C.int(len(columns.weights))))
	C.pixels_across8(C.int(k), grid8(dst), grid8(src), C.int(count), in, C.int(bands), flag(alpha), nativeTaps(columns, left), unsafe.Pointer(&scratch[0]))
}

func (k kernels) down8(dst, src grid[uint8], n, bands int, alpha bool, top int, rows taps[int32]) {
	most := C.int(rows.most())
	scratch := make([]byte, C.pixels_down8_scratch(C.int(n), flag(alpha), most))
	C.pixels_down8(C.int(k), grid8(dst), grid8(src), C.int(n), C.int(bands), flag(alpha), nativeTaps(rows, top), most, unsafe.Pointer(&scratch[0]))
}

func (k kernels) across16(dst, src grid[uint16], count, _ int, _ bool, left int, columns taps[float64]) {
	lo, hi := columns.span()
	in := C.int(hi - lo)
	scratch := make([]byte, C.pixels_across16_scratch(in))
	C.pixels_across16(C.int(k), grid16(dst), grid16(src), C.int(count), in, nativeTaps(columns, left), unsafe.Pointer(&scratch[0]))
}

func (k kernels) down16(dst, src grid[uint16], n, _ int, _ bool, top int, rows taps[float64]) {
	C.pixels_down16(C.int(k), grid16(dst), grid16(src), C.int(n), nativeTaps(rows, top))
}

// most returns the most weights of an output.
func (t taps[W]) most() int {
	most := int32(0)
	for i := range t.n() {
		most = max(most, t.at[i+1]-t.at[i])
	}
	return int(most)
}

// pickColours keeps one input sample for each output sample, and looks up its colour.
func pickColours(rgb *C.uint8_t, p *Picture, x, y axis) {
	columns, rows := nearest(x.in, x.out, x.first, x.n), nearest(y.in, y.out, y.first, y.n)
	var palette [256]uint32
	for i, c := range p.Palette {
		if p.Mode == Bilevel {
			c = [3]uint8{uint8(i), uint8(i), uint8(i)}
		}
		palette[i] = uint32(c[0]) | uint32(c[1])<<8 | uint32(c[2])<<16
	}
	C.pixels_nearest(rgb, grid8(grid[uint8]{p.Pix, x.in}), (*C.int32_t)(&columns[0]), C.int(x.n),
		(*C.int32_t)(&rows[0]), C.int(y.n), (*C.uint32_t)(&palette[0]))
}

func grid8(g grid[uint8]) C.pixels_grid8 {
	return C.pixels_grid8{sample8(g.pix), C.size_t(g.stride)}
}

func grid16(g grid[uint16]) C.pixels_grid16 {
	return C.pixels_grid16{(*C.uint16_t)(&g.pix[0]), C.size_t(g.stride)}
}

func nativeTaps[W int32 | float64](t taps[W], first int) C.pixels_taps {
	return C.pixels_taps{n: C.int(t.n()), first: C.int(first),
		lo: (*C.int32_t)(&t.lo[0]), at: (*C.int32_t)(&t.at[0]), weights: unsafe.Pointer(&t.weights[0])}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
