package rerank

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/draw"
)

// TestReduce: blocks of whole pixels, each averaged, that cover the picture.
func TestReduce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []image.Point{{40, 40}, {100, 47}, {1000, 9}, {7, 301}, {21, 21}} {
		// Not at the origin, and with rows that are longer than the picture.
		whole := image.NewRGBA(image.Rect(0, 0, size.X+5, size.Y+3))
		for i := range whole.Pix {
			whole.Pix[i] = uint8(random.IntN(256))
		}
		picture := whole.SubImage(image.Rect(2, 1, 2+size.X, 1+size.Y)).(*image.RGBA)
		got := reduce(picture, 5).(*image.RGBA)
		want := image.Pt(min(size.X, 10), min(size.Y, 10))
		if got.Bounds().Size() != want {
			t.Fatalf("%v: %v, want %v", size, got.Bounds(), want)
		}
		for y := range want.Y {
			for x := range want.X {
				var sum, n float64
				for v := y * size.Y / want.Y; v < (y+1)*size.Y/want.Y; v++ {
					for u := x * size.X / want.X; u < (x+1)*size.X/want.X; u++ {
						sum, n = sum+float64(picture.RGBAAt(2+u, 1+v).G), n+1
					}
				}
				if far := math.Abs(sum/n - float64(got.RGBAAt(x, y).G)); far > 0.5 {
					t.Errorf("%v at %d, %d: %d, want %.2f", size, x, y, got.RGBAAt(x, y).G, sum/n)
				}
			}
		}
	}
	for _, small := range []image.Image{image.NewRGBA(image.Rect(0, 0, 19, 19)), image.NewGray(image.Rect(0, 0, 500, 500)), image.NewRGBA(image.Rectangle{})} {
		if reduce(small, 5) != small {
			t.Errorf("%v is reduced", small.Bounds())
		}
	}
}

// TestReducedPictureLooksTheSame: against the scaler alone, on a picture with edges, waves and noise.
func TestReducedPictureLooksTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	picture := image.NewRGBA(image.Rect(0, 0, 1600, 1300))
	for y := range 1300 {
		for x := range 1600 {
			wave := 128 + 80*math.Sin(float64(x)/37)*math.Cos(float64(y)/23) + 20*random.Float64()
			c := color.RGBA{uint8(wave), uint8(x * 255 / 1600), uint8(y * 255 / 1300), 255}
			if (x/200+y/170)%2 == 0 {
				c.G = 255 - c.G
			}
			picture.SetRGBA(x, y, c)
		}
	}
	want := image.NewRGBA(image.Rect(0, 0, 296, 296))
	draw.CatmullRom.Scale(want, want.Bounds(), picture, picture.Bounds(), draw.Over, nil)
	got := ShrinkItem(picture)
	var sum float64
	far := 0
	for i := range want.Pix {
		off := int(want.Pix[i]) - int(got.Pix[i])
		sum += math.Abs(float64(off))
		far = max(far, off, -off)
	}
	mean := sum / float64(len(want.Pix))
	t.Logf("%.2f levels off in the mean, %d at most", mean, far)
	if mean > 1.5 {
		t.Errorf("%.2f levels off in the mean, %d at most; want at most 1.5 in the mean", mean, far)
	}
}
