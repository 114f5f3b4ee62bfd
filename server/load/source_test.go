package load

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/jpeg"
	"math"
	"sync"
	"testing"

	"vbge/engine/bench"
	"vbge/engine/pixels"
	"vbge/tokenizer"
)

func TestSource(t *testing.T) {
	mix := Mix{Image: 1, Text: 3, SearchPair: 0, Pair: 4}
	a, err := NewSource(mix, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := NewSource(mix, 1<<40)
	const n = 8000
	count := map[Kind]float64{}
	for i := range n {
		shot := a.Next()
		if shot != b.Next() || shot.Number != 1<<40+uint64(i) {
			t.Fatalf("shot %d is %+v, from another source of the same start another one", i, shot)
		}
		count[shot.Kind]++
	}
	for kind, weight := range mix {
		share := float64(weight) / 8
		if sigma := math.Sqrt(n * share * (1 - share)); math.Abs(count[kind]-n*share) > 4*sigma {
			t.Errorf("%s comes %v times of %d, want %v within %.0f", kind, count[kind], n, n*share, 4*sigma)
		}
	}
}

func TestSourceConcurrent(t *testing.T) {
	s := texts(t)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				n := s.Next().Number
				mu.Lock()
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != 2000 || !seen[0] || !seen[1999] {
		t.Errorf("%d different numbers of 2000", len(seen))
	}
}

func TestSourceRefuses(t *testing.T) {
	for _, mix := range []Mix{nil, {Image: 0}, {Image: -1, Text: 2}, {"video": 1}} {
		if _, err := NewSource(mix, 0); err == nil {
			t.Errorf("%v makes a source", mix)
		}
	}
}

// TestWords: a text has as many tokens as those of `vbge bench`, whatever its words.
func TestWords(t *testing.T) {
	vocabulary, err := tokenizer.Load("../../docs/demo/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n := range uint64(1000) {
		text := string(appendWords(nil, n))
		if ids := vocabulary.Encode(nil, text, 512); len(ids) != bench.TextTokens {
			t.Errorf("%q has %d tokens, want %d", text, len(ids), bench.TextTokens)
		}
		seen[text] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different texts of 1000", len(seen))
	}
}

func pictures(t testing.TB, p Payload) *Pictures {
	t.Helper()
	draw := small
	if p != "224" {
		draw = func() (*Pictures, error) { return NewPictures(p) }
	}
	all, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// small are drawn once.
var small = sync.OnceValues(func() (*Pictures, error) { return NewPictures("224") })

// TestPictures: files are decoded by Go's decoder and by ours; numbers change the bytes and nothing else.
func TestPictures(t *testing.T) {
	for _, test := range []struct {
		payload       Payload
		width, height int
		least, most   int // bytes of a file
	}{
		{"224", 224, 224, 8e3, 40e3},
		{"500", 500, 500, 40e3, 200e3},
	} {
		all := pictures(t, test.payload)
		for i := range 2 {
			numbered := all.AppendFile([]byte("before"), uint64(i))[len("before"):]
			m, err := jpeg.Decode(bytes.NewReader(numbered))
			if err != nil {
				t.Fatal(err)
			}
			if m.Bounds() != image.Rect(0, 0, test.width, test.height) || len(numbered) < test.least || len(numbered) > test.most {
				t.Errorf("payload %s: picture %d is %v of %d bytes", test.payload, i, m.Bounds(), len(numbered))
			}
			again := all.AppendFile(nil, uint64(i+1000*all.Count()))
			if bytes.Equal(again, numbered) {
				t.Errorf("payload %s: another number is the same file", test.payload)
			}
			want, err := pixels.Crop(numbered, 96, pixels.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := pixels.Crop(again, 96, pixels.Limits{}); err != nil || !bytes.Equal(got, want) {
				t.Errorf("payload %s: another number is another picture (%v)", test.payload, err)
			}
			if i > 0 {
				if other, _ := pixels.Crop(all.AppendFile(nil, 0), 96, pixels.Limits{}); bytes.Equal(other, want) {
					t.Errorf("payload %s: pictures 0 and %d are the same", test.payload, i)
				}
			}
		}
	}
	if _, err := NewPictures("13mp"); err == nil {
		t.Error("payload 13mp is drawn")
	}
}

// TestBase64: the digits are those of the file with the same number.
func TestBase64(t *testing.T) {
	all := pictures(t, "224")
	for _, number := range []uint64{0, 1, 255, 1 << 33, math.MaxUint64} {
		decoded, err := base64.StdEncoding.DecodeString(string(all.AppendBase64([]byte("xx"), number)[2:]))
		if err != nil || !bytes.Equal(decoded, all.AppendFile(nil, number)) {
			t.Errorf("number %d: %v, or another file", number, err)
		}
	}
}

func BenchmarkAppendBase64(b *testing.B) {
	all := pictures(b, "224")
	var dst []byte
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		dst = all.AppendBase64(dst[:0], n)
	}
}

// BenchmarkPictures12 is what a run with the largest payload begins with.
func BenchmarkPictures12(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(len(pictures(b, "12mp").AppendFile(nil, 0))), "bytes")
	}
}
