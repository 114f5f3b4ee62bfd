package tokenizer

import (
	"strings"
	"testing"
)

func benchTexts(t testing.TB) map[string]string {
	t.Helper()
	long := "Embedded in the middle of the text-image pairs, a phone case (model X-100) shows the leopard's " +
		"unmistakable rosettes; Café Zürich sold 1,234 of them in 2023! "
	return map[string]string{
		"query":   "phone case with this image theme",
		"long":    strings.Repeat(long, 64),
		"random":  randomText(t),
		"russian": strings.Repeat("Чехол для телефона с таким же рисунком, пожалуйста. ", 128),
		"chinese": strings.Repeat("与此图像主题相同的手机壳，谢谢。", 128),
	}
}

func randomText(t testing.TB) string {
	t.Helper()
	maker := newStringMaker(t, tiny(t).tokens)
	var text strings.Builder
	for number := range uint64(1000) {
		text.Write(maker.bytes(stringsSeed, number))
	}
	return text.String()
}

func BenchmarkEncode(b *testing.B) {
	tok := bert(b)
	for name, text := range benchTexts(b) {
		b.Run(name, func(b *testing.B) {
			dst := tok.Encode(nil, text, 0)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				dst = tok.Encode(dst[:0], text, 0)
			}
			b.ReportMetric(float64(len(dst))*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkLimit is a long text of which 512 tokens are wanted.
func BenchmarkLimit(b *testing.B) {
	tok := bert(b)
	text := strings.Repeat(benchTexts(b)["long"], 1000)
	dst := make([]int32, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = tok.Encode(dst[:0], text, 512)
	}
}

func BenchmarkLoad(b *testing.B) {
	nodes := len(bert(b).trie)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(bertVocab); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(nodes), "trie-nodes")
}
