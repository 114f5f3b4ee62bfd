package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"
	"time"
)

// TestRandomBase holds full-size tensors against the sums that the Python generator left.
func TestRandomBase(t *testing.T) {
	text, err := os.ReadFile(reference + "golden/base_seed0.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Sums map[string]string `json:"weights_sha256_little_endian_float32"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Sums) < 5 {
		t.Fatalf("%d sums in base_seed0.json, expected 5", len(golden.Sums))
	}
	m := Random(Base(), 0)
	for name, want := range golden.Sums {
		shape := m.tensors[name].shape
		if testing.Short() && len(shape) == 2 && shape[0] == Base().Text.VocabSize {
			continue // 23 million values
		}
		values, err := m.Float32(name, shape...)
		if err != nil {
			t.Fatal(err)
		}
		bytes := make([]byte, 0, 4*len(values))
		for _, v := range values {
			bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(v))
		}
		sum := sha256.Sum256(bytes)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: SHA-256 %s, want %s", name, got, want)
		}
	}
}

// TestLayoutCounts holds the list of tensors against MODEL.md section 3.
func TestLayoutCounts(t *testing.T) {
	tensors, values := 0, 0
	for _, l := range layout(Base()) {
		n := 1
		for _, d := range l.shape {
			n *= d
		}
		tensors, values = tensors+1, values+n
	}
	if tensors != 488 || values != 196662017 {
		t.Errorf("%d tensors with %d values, want 488 and 196662017", tensors, values)
	}
}

func TestRandomModel(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	m := Random(c, 7)
	if m.Config() != c || m.ID() == Random(c, 8).ID() || m.ID() == Random(Base(), 7).ID() || m.ID() != Random(c, 7).ID() {
		t.Error("identity does not follow from configuration and seed")
	}
	var missing *TensorError
	if _, err := m.Float32("visual_proj", 32); !errors.As(err, &missing) || missing.Found != nil {
		t.Errorf("unknown tensor: %v", err)
	}
	if _, err := m.Float32("visual_proj.weight", 32, 31); !errors.As(err, &missing) || missing.Found[1] != 32 {
		t.Errorf("wrong shape: %v", err)
	}
	scale, err := m.Float32("model_visual.logit_scale")
	if err != nil || len(scale) != 1 || scale[0] != float32(math.Log(1/0.07)) {
		t.Errorf("scalar: %v, %v", scale, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkRandomWordEmbeddings(b *testing.B) {
	m, c := Random(Base(), 0), Base().Text
	b.SetBytes(int64(4 * c.VocabSize * c.Hidden))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Float32("bge_embeddings.word_embeddings.weight", c.VocabSize, c.Hidden); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRandomBase draws the whole full-size model, one tensor at a time.
func BenchmarkRandomBase(b *testing.B) {
	m := Random(Base(), 0)
	b.ReportAllocs()
	for b.Loop() {
		start, values := time.Now(), 0
		for _, l := range layout(Base()) {
			v, err := m.Float32(l.name, l.shape...)
			if err != nil {
				b.Fatal(err)
			}
			values += len(v)
		}
		b.ReportMetric(float64(values)/time.Since(start).Seconds()/1e6, "Mvalues/s")
	}
}
