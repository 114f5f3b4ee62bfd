package engine_test

import (
	"fmt"
	"testing"

	"vbge/engine"
)

// BenchmarkEmbed measures the tiny model on files as they come: decoding and tokenizing counted.
// The full-size model is measured by `vbge bench`.
func BenchmarkEmbed(b *testing.B) {
	dir := convertTiny(b)
	picture := readImage(b, "rgb.png")
	kinds := []struct {
		name  string
		input engine.Input
	}{
		{"image", engine.Input{Image: picture}},
		{"text", engine.Input{Text: "make the background dark"}},
		{"pair", engine.Input{Image: picture, Text: "make the background dark"}},
	}
	for _, device := range devices() {
		for _, kind := range kinds {
			for _, size := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("%s/%s/%d", device, kind.name, size), func(b *testing.B) {
					e := open(b, dir, on(device))
					batch := make([]engine.Input, size)
					for i := range batch {
						batch[i] = kind.input
					}
					tokens := 0
					b.ReportAllocs()
					for b.Loop() {
						results, err := e.Embed(b.Context(), batch)
						if err != nil || results[0].Err != nil {
							b.Fatal(err, results[0].Err)
						}
						tokens = size * results[0].Tokens
					}
					seconds := b.Elapsed().Seconds() / float64(b.N)
					b.ReportMetric(float64(size)/seconds, kind.name+"/s")
					b.ReportMetric(float64(tokens)/seconds, "tokens/s")
				})
			}
		}
	}
}
