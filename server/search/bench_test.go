package search

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"vbge/engine/pixels"
)

// BenchmarkDraw draws a panorama of nine JPEG files and a query's:
// `go test -bench Draw -cpu 1,2 ./server/search`, with -tags native for the decoder of a release.
func BenchmarkDraw(b *testing.B) {
	for _, size := range []image.Point{{224, 224}, {500, 500}, {4000, 3000}} {
		picture := image.NewRGBA(image.Rectangle{Max: size})
		for y := range size.Y {
			for x := range size.X {
				picture.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y / 64), 255})
			}
		}
		var file bytes.Buffer
		if err := jpeg.Encode(&file, picture, nil); err != nil {
			b.Fatal(err)
		}
		read := func(string) ([]byte, error) { return file.Bytes(), nil }
		b.Run(fmt.Sprint(size.X, "x", size.Y), func(b *testing.B) {
			p := NewPictures(read, pixels.Limits{}, 0)
			s := &Searcher{Decode: p.Decode, Open: p.Open}
			b.ReportAllocs()
			for b.Loop() {
				a := &Answer{Results: make([]Result, 9)}
				if _, err := s.draw(context.Background(), Query{Image: file.Bytes()}, a); err != nil || len(a.Missing) > 0 {
					b.Fatal(err, a.Missing)
				}
			}
		})
	}
}
