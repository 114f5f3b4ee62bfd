package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

const (
	reference   = "../engine/testdata/reference/"
	checkpoints = reference + "golden/checkpoints/"
	demo        = "../docs/demo/"
)

func readConfigFile(t testing.TB, path string) Config {
	t.Helper()
	c, err := ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// converted converts a checkpoint into a temporary folder and opens it.
func converted(t testing.TB, checkpoint, vocab string, c *Config) (*Folder, *Report) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model")
	r, err := Convert(context.Background(), checkpoint, ConvertOptions{Vocab: vocab, Config: c, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, r
}

// ulps is the distance of two finite floats of one sign in units in the last place.
func ulps(a, b float32) int64 {
	return max(int64(math.Float32bits(a))-int64(math.Float32bits(b)), int64(math.Float32bits(b))-int64(math.Float32bits(a)))
}

// TestGoldenCheckpoints holds every container against the portable generator: weights bit for
// bit in float32, and up to the precision of float16 and bfloat16.
func TestGoldenCheckpoints(t *testing.T) {
	f := func(checkpoint, config string, d tensor.DType, tolerance float64) {
		t.Run(checkpoint, func(t *testing.T) {
			c := readConfigFile(t, reference+config)
			model, report := converted(t, checkpoints+checkpoint, reference+"tiny_vocab.txt", &c)
			if model.Config() != c {
				t.Errorf("configuration %+v, want %+v", model.Config(), c)
			}
			if len(report.Surplus)+len(report.Missing) > 0 {
				t.Errorf("surplus %v, missing %v", report.Surplus, report.Missing)
			}
			random := Random(c, 0)
			largest, ropeUlps, stored := 0.0, int64(0), 0
			for _, l := range layout(c) {
				if _, kept := model.header.Tensors[l.name]; kept != (l.role == needed) {
					t.Errorf("%s: kept %t", l.name, kept)
				}
				if l.role != needed {
					continue
				}
				stored++
				if p := model.Precision(l.name); p != d {
					t.Errorf("%s is stored as %s, want %s", l.name, p, d)
				}
				got, err := model.Float32(l.name, l.shape...)
				if err != nil {
					t.Fatal(err)
				}
				want, err := random.Float32(l.name, l.shape...)
				if err != nil {
					t.Fatal(err)
				}
				for i := range want {
					difference := math.Abs(float64(got[i] - want[i]))
					if l.rope && d == tensor.F32 {
						// torch's own cosine is within an ulp of the true one, as is ours.
						ropeUlps = max(ropeUlps, ulps(got[i], want[i]))
						continue
					}
					// float16 has subnormals below 6e-5, spaced 6e-8.
					if difference > tolerance*math.Abs(float64(want[i])) && difference > 3e-8 || tolerance == 0 && got[i] != want[i] {
						t.Fatalf("%s[%d] is %v, want %v", l.name, i, got[i], want[i])
					}
					largest = max(largest, difference)
				}
			}
			if ropeUlps > 1 {
				t.Errorf("rotary buffers are %d ulps from torch's", ropeUlps)
			}
			if stored != report.Stored {
				t.Errorf("report says %d tensors stored, there are %d", report.Stored, stored)
			}
			t.Logf("%d tensors, largest difference %.3g, rotary buffers %d ulps", stored, largest, ropeUlps)
		})
	}
	f("tiny.pth", "tiny.json", tensor.F32, 0)
	f("tiny_fp16.pth", "tiny.json", tensor.F16, 0x1p-11)
	f("micro.pth", "micro.json", tensor.F32, 0)
	f("micro_views.pth", "micro.json", tensor.F32, 0)
	f("micro_fp16.pth", "micro.json", tensor.F16, 0x1p-11)
	f("micro_wrapped.pth", "micro.json", tensor.F16, 0x1p-11)
	f("micro_bf16.pth", "micro.json", tensor.BF16, 0x1p-8)
}

// TestSource holds the model's identity against the file's own sum.
func TestSource(t *testing.T) {
	content, err := os.ReadFile(demo + "demo.pth")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	model, report := converted(t, demo+"demo.pth", demo+"vocab.txt", nil)
	if want := hex.EncodeToString(sum[:]); model.ID() != want || report.Source.SHA256 != want {
		t.Errorf("ID %s, report %s, want %s", model.ID(), report.Source.SHA256, want)
	}
	if want := readConfigFile(t, demo+"demo.json"); model.Config() != want {
		t.Errorf("inferred %+v, want %+v", model.Config(), want)
	}
	vocab, err := os.ReadFile(model.VocabPath())
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(demo + "vocab.txt"); err != nil || !slices.Equal(vocab, want) {
		t.Errorf("vocabulary differs from its source (%v)", err)
	}
	for _, line := range []string{"assumed   text.heads = 3 (text.hidden / 64)", "assumed   text.ln_eps = 1e-12", report.Source.SHA256} {
		if !strings.Contains(report.String(), line) {
			t.Errorf("report lacks %q:\n%s", line, report)
		}
	}
	t.Logf("\n%s", report)
}
