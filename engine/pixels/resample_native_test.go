//go:build native

package pixels

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomPicture has samples of all kinds: noise, and the darkest and lightest next to each other, which overshoot most.
func randomPicture(random *rand.Rand, mode Mode, width, height int) *Picture {
	p := newPicture(mode, width, height)
	extreme := random.IntN(2) == 0
	for i := range p.Pix {
		if p.Pix[i] = uint8(random.Uint32()); extreme {
			p.Pix[i] = -(p.Pix[i] & 1)
		}
	}
	for i := range p.Pix16 {
		if p.Pix16[i] = uint16(random.Uint32() >> random.IntN(17)); extreme {
			p.Pix16[i] = -(p.Pix16[i] & 1)
		}
	}
	for i := range p.Palette {
		p.Palette[i] = [3]uint8{uint8(random.Uint32()), uint8(random.Uint32()), uint8(i)}
	}
	return p
}

// TestResampleNative holds each set of kernels against the Go that specifies them.
func TestResampleNative(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	modes := []Mode{Bilevel, Paletted, Gray, Gray16, GrayAlpha, RGB, RGBA, CMYK}
	sizes := [][3]int{{1, 1, 9}, {1, 3000, 5}, {3000, 1, 5}, {2, 65535, 3}, {65535, 1, 2}, {1, 1, 1}, {300, 300, 300}, {300, 200, 200}, {31, 700, 31}}
	for range 150 {
		side := func() int { return 1 + random.IntN(1<<random.IntN(9)) }
		sizes = append(sizes, [3]int{side(), side(), side()})
	}
	for i, size := range sizes {
		for m, mode := range modes {
			if i >= 9 && (i+m)%3 != 0 {
				continue
			}
			p := randomPicture(random, mode, size[0], size[1])
			x, y := plan(p.Width, p.Height, size[2])
			want := p.specified(x, y)
			for k := kernels(0); k <= bestKernels(); k++ {
				if got := k.resample(p, x, y); !bytes.Equal(got, want) {
					largest, mean := distance(t, got, want)
					t.Errorf("%s, %d x %d at %d, kernels %d: off by %d at most, %.3f on average, want equal", mode, size[0], size[1], size[2], k, largest, mean)
				}
			}
		}
	}
}

// TestUnpremultiplyNative divides every colour by every alpha.
func TestUnpremultiplyNative(t *testing.T) {
	for _, mode := range []Mode{GrayAlpha, RGBA} {
		bands := mode.bands()
		var want []uint8
		for c := range 256 {
			for a := range 256 {
				px := bytes.Repeat([]uint8{uint8(c)}, bands)
				px[bands-1] = uint8(a)
				want = append(want, px...)
			}
		}
		pix := bytes.Clone(want)
		unpremultiply(want, bands)
		for k := kernels(0); k <= bestKernels(); k++ {
			got := bytes.Clone(pix)
			k.unpremultiply(got, bands)
			if !bytes.Equal(got, want) {
				t.Errorf("%s, kernels %d: other quotients", mode, k)
			}
		}
	}
}

// TestWeightsFit: the kernels take weights apart in digits, which hold so much.
func TestWeightsFit(t *testing.T) {
	const most = 1<<23 - 1<<15
	largest := int32(0)
	for in := 1; in < 40; in++ {
		for out := 1; out < 400; out++ {
			for _, w := range fixed(bicubic(in, out, 0, out)).weights {
				largest = max(largest, w, -w)
			}
		}
	}
	if largest >= most {
		t.Errorf("a weight of %d, at most %d fits", largest, most)
	}
}

// BenchmarkKernels resizes decoded samples with each set; testdata/bench_pillow.py has Pillow beside it.
func BenchmarkKernels(b *testing.B) {
	for k := kernels(0); k <= bestKernels(); k++ {
		for _, mode := range []Mode{RGB, RGBA, GrayAlpha, Gray, Gray16, CMYK, Paletted} {
			for _, size := range [][2]int{{1500, 1500}, {640, 480}, {64, 64}} {
				b.Run(fmt.Sprintf("%d/%s/%dx%d", k, mode, size[0], size[1]), func(b *testing.B) {
					p := randomPicture(rand.New(rand.NewPCG(7, 8)), mode, size[0], size[1])
					for b.Loop() {
						x, y := plan(p.Width, p.Height, 224)
						k.resample(p, x, y)
					}
				})
			}
		}
	}
}
