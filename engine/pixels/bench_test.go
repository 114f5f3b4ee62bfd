package pixels

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
)

// photo draws a large JPEG (4:2:0) with slopes, edges and grain.
func photo(b *testing.B, side int) []byte {
	b.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			v := 128 + 90*math.Sin(float64(x*x+y*y)/float64(40*side)) + 8*random.NormFloat64()
			m.SetRGBA(x, y, color.RGBA{uint8(min(max(v, 0), 255)), uint8(x * 255 / side), uint8(y * 255 / side), 255})
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, m, &jpeg.Options{Quality: 85}); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

// BenchmarkCrop measures file bytes to uint8 [224, 224, 3]; MB/s are of file bytes.
func BenchmarkCrop(b *testing.B) {
	g := readGolden(b)
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"jpeg_1500x1500", photo(b, 1500)},
		{"jpeg_640x480", g.files["large_640x480.jpg"]},
		{"png_1000x37", g.files["wide_1000x37.png"]},
		{"png_rgba_90x72", g.files["rgba.png"]},
		{"webp_110x77", g.files["lossy.webp"]},
		{"gif_72x60", g.files["animated.gif"]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.file)))
			for b.Loop() {
				if _, err := Crop(c.file, 224, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
		})
	}
}

// BenchmarkResize measures resize and crop alone, from decoded samples.
func BenchmarkResize(b *testing.B) {
	for _, mode := range []Mode{RGB, RGBA, Gray, Gray16, Paletted} {
		b.Run(string(mode), func(b *testing.B) {
			p := newPicture(mode, 1500, 1500)
			b.ReportAllocs()
			for b.Loop() {
				p.Crop(224)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
		})
	}
}

func BenchmarkNormalise(b *testing.B) {
	g := readGolden(b)
	rgb := g.arrays["crop224/rgb.png"].Uint8
	b.ReportAllocs()
	for b.Loop() {
		Normalise(rgb, g.mean, g.std)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pictures/s")
}
