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

var nativeModes = []Mode{Bilevel, Paletted, Gray, Gray16, GrayAlpha, RGB, RGBA, CMYK}

// compareKernels holds each set of kernels against the Go that specifies them.
func compareKernels(t *testing.T, p *Picture, side int) {
	t.Helper()
	x, y := p.plan(side)
	want := p.specified(x, y)
	for k := kernels(0); k <= bestKernels(); k++ {
		if got := k.resample(p, x, y); !bytes.Equal(got, want) {
			largest, mean := distance(t, got, want)
			t.Errorf("%s, %d x %d at %d, kernels %d: off by %d at most, %.3f on average, want equal", p.Mode, p.Width, p.Height, side, k, largest, mean)
		}
	}
}

// TestResampleNative has all modes in the most extreme shapes, and some in many random ones.
func TestResampleNative(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, size := range [][3]int{{1, 1, 9}, {1, 3000, 5}, {3000, 1, 5}, {2, 65535, 3}, {65535, 1, 2}, {1, 1, 1}, {300, 300, 300}, {300, 200, 200}, {31, 700, 31}} {
		for _, mode := range nativeModes {
			compareKernels(t, randomPicture(random, mode, size[0], size[1]), size[2])
		}
	}
	side := func() int { return 1 + random.IntN(1<<random.IntN(9)) }
	for range 400 {
		compareKernels(t, randomPicture(random, nativeModes[random.IntN(len(nativeModes))], side(), side()), side())
	}
}

func FuzzResampleNative(f *testing.F) {
	for i := range nativeModes {
		f.Add(uint8(i), uint8(10*i), uint16(97*i), uint8(20), uint64(i))
	}
	f.Fuzz(func(t *testing.T, mode, width uint8, height uint16, side uint8, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 9))
		p := randomPicture(random, nativeModes[int(mode)%len(nativeModes)], 1+int(width), 1+int(height)%2000)
		compareKernels(t, p, 1+int(side))
	})
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
			for eighth := range 8 {
				a := axis{in: in, hi: float64(in) - float64(eighth)/8, out: out, n: out}
				for _, w := range fixed(bicubic(a)).weights {
					largest = max(largest, w, -w)
				}
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
						x, y := p.plan(224)
						k.resample(p, x, y)
					}
				})
			}
		}
	}
}
