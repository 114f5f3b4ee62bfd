package wire

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// photo is as large as a JPEG of 12 megapixels: 7 MB in base64.
func photo() []byte {
	file := make([]byte, 5_250_000)
	random := rand.NewChaCha8([32]byte{5})
	random.Read(file)
	return file
}

// BenchmarkPicture parses one large picture. The bytes that have to be allocated are the file's: 5.25 MB.
func BenchmarkPicture(b *testing.B) {
	file := photo()
	text := base64.StdEncoding.EncodeToString(file)
	for name, body := range map[string][]byte{
		"base64":  []byte(`{"input":[{"image":"` + text + `","text":"make it blue"}]}`),
		"dataURL": []byte(`{"input":[{"content":[{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,` + text + `"}}]}]}`),
		"escaped": []byte(`{"input":[{"image":"` + strings.ReplaceAll(text, "/", `\/`) + `"}]}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if e, err := ParseOpenAI(body, Limits{}); err != nil || e.Items[0].Err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("form", func(b *testing.B) {
		body := formOf("image@a.jpg="+string(file), "text=make it blue")
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseForm(formType, body, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTexts(b *testing.B) {
	for name, item := range map[string]string{"words": `"a red shoe with a white sole"`, "objects": `{"text":"a red shoe with a white sole"}`, "ids": `[101,1037,2417,10818,102]`} {
		b.Run(name, func(b *testing.B) {
			body := []byte(`{"model":"m","input":[` + strings.Repeat(item+",", 1023) + item + `]}`)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseOpenAI(body, Limits{MaxItems: 1024}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReply writes 32 vectors of 768 values; B/vector is what goes over the network.
func BenchmarkReply(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	vectors := make([]Vector, 32)
	for i := range vectors {
		vectors[i] = Vector{Embedding: unit(random, 768), Tokens: 198}
	}
	for name, reply := range map[string]func() []byte{
		"float":   func() []byte { return AppendOpenAI(nil, "m", Float, vectors) },
		"base64":  func() []byte { return AppendOpenAI(nil, "m", Base64, vectors) },
		"tei":     func() []byte { return AppendTEI(nil, vectors) },
		"float32": func() []byte { return AppendBinary(nil, Float32, vectors) },
		"float16": func() []byte { return AppendBinary(nil, Float16, vectors) },
		"int8":    func() []byte { return AppendBinary(nil, Int8, vectors) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(reply())
			}
			b.ReportMetric(float64(size)/32, "B/vector")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/vector")
		})
	}
}
