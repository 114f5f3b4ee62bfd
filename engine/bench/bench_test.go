package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/ref"
	"vbge/weights"
)

func tiny(t *testing.T) *weights.RandomModel {
	t.Helper()
	c, err := weights.ReadConfig("../testdata/reference/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	return weights.Random(c, 0)
}

// TestRun measures for no time at all, which is once each.
func TestRun(t *testing.T) {
	devices := []string{"ref"}
	if cpu.Built {
		devices = append(devices, "cpu")
	}
	for _, device := range devices {
		r, err := Run(t.Context(), Options{Engine: engine.Options{Device: device}, Weights: tiny(t), Kinds: Kinds, Batches: []int{1, 2}, Rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Device != device || r.Threads < 1 || !positive(r.ProductGFLOPs) || len(r.Rows) != 6 {
			t.Errorf("report %+v", r)
		}
		for i, row := range r.Rows {
			if row.Kind != Kinds[i/2] || row.Batch != 1+i%2 || !positive(row.PerSecond, row.Tokens, row.GFLOPs, row.Share) {
				t.Errorf("%s: row %d is %+v", device, i, row)
			}
			// [CLS] [SEP] and 16 patches, or 16 words and both.
			tokens := map[string]float64{"image": 18, "pair": 32, "text": 16}[row.Kind]
			if got := row.Tokens / row.PerSecond; math.Abs(got-tokens) > 1e-9*tokens {
				t.Errorf("%s: %s has %v tokens, want %v", device, row.Kind, got, tokens)
			}
		}
	}
}

// TestTextsAlone measures a model of texts, and not what it cannot embed.
func TestTextsAlone(t *testing.T) {
	w := weights.Random(weights.Config{Text: tiny(t).Config().Text, Pooling: weights.PoolMean}, 0)
	o := Options{Engine: engine.Options{Device: "ref"}, Weights: w, Kinds: KindsOf(w.Config()), Batches: []int{2}, Rounds: 1}
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Rows) != 1 || r.Rows[0].Kind != "text" || !positive(r.Rows[0].PerSecond, r.Rows[0].Share) {
		t.Errorf("%+v, %v", r, err)
	}
	o.Kinds = Kinds
	if _, err := Run(t.Context(), o); !errors.Is(err, model.ErrNoVision) {
		t.Errorf("pictures: %v", err)
	}
}

func positive(values ...float64) bool {
	for _, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// TestFlops counts by hand what MODEL.md's formulas multiply, for tiny: S 64, D 128, M 170, H 128,
// I 256, 2 + 2 layers, 16 patches.
func TestFlops(t *testing.T) {
	w := tiny(t)
	m, err := model.Load(ref.New(), w, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	linear := func(rows, in, out int) float64 { return 2 * float64(rows) * float64(in) * float64(out) }
	bert := func(tokens int) float64 {
		return 2 * (4*linear(tokens, 128, 128) + linear(tokens, 128, 256) + linear(tokens, 256, 128) +
			4*float64(tokens)*float64(tokens)*128)
	}
	vision := linear(16, 3*16*16, 128) + 2*(4*linear(17, 128, 128)+3*linear(17, 128, 170)+4*17*17*128) + linear(16, 128, 128)
	want := map[string]float64{"text": bert(16), "image": vision + bert(18), "pair": vision + bert(32)}
	for kind, one := range want {
		for _, batch := range []int{1, 3} {
			pass, _, err := Record(m, w.Config(), kind, batch)
			if err != nil {
				t.Fatal(err)
			}
			if got := flops(pass); math.Abs(got/(one*float64(batch))-1) > 0.02 {
				t.Errorf("%s, batch %d: %.0f operations, by hand %.0f", kind, batch, got, one*float64(batch))
			}
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %v", test.values, got)
		}
	}
}

func TestRunFails(t *testing.T) {
	if _, err := Run(t.Context(), Options{Engine: engine.Options{Device: "abacus"}, Weights: tiny(t)}); !errors.Is(err, engine.ErrOptions) {
		t.Errorf("unknown device: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, Options{Engine: engine.Options{Device: "ref"}, Weights: tiny(t), Kinds: Kinds, Batches: []int{1}, Rounds: 1, Time: time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestInputs: samples and ids are those that Python's integers draw by the same recipe, and input 1 is the same in
// every batch.
func TestInputs(t *testing.T) {
	w := tiny(t)
	m, err := model.Load(ref.New(), w, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	picture := 3 * w.Config().ImageSize * w.Config().ImageSize
	for _, batch := range []int{2, 3} {
		var samples []uint8
		var ids []int32
		for _, kind := range []string{"image", "text6"} {
			pass, _, err := Record(m, w.Config(), kind, batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range pass.Nodes {
				switch o := n.Operation.(type) {
				case op.Patches:
					samples = slices.Concat(o.Pixels[:6], o.Pixels[picture:picture+6])
				case op.Embedding:
					ids = o.IDs
				}
			}
		}
		if want := []uint8{226, 110, 6, 248, 27, 83, 196, 55, 175, 114, 147, 13}; !slices.Equal(samples, want) {
			t.Errorf("samples %v, want %v", samples, want)
		}
		if want := []int32{175, 180, 79, 364, 187, 330, 376, 157, 469, 21, 367, 288}; !slices.Equal(ids[:12], want) {
			t.Errorf("ids %v, want %v", ids[:12], want)
		}
	}
}

func TestInput(t *testing.T) {
	for kind, want := range map[string]int{"image": 2, "pair": 16, "text": 16, "text1": 1, "text128": 128} {
		words, picture, err := Input(kind)
		if err != nil || words != want || picture == strings.HasPrefix(kind, "text") {
			t.Errorf("%s: %d words, picture %v, %v", kind, words, picture, err)
		}
	}
	for _, kind := range []string{"", "images", "text0", "text-8", "text+8", "text08", "text8 ", "8"} {
		if _, _, err := Input(kind); !errors.Is(err, ErrKind) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// TestVectors: what is shown is what the model makes of the inputs, of unit length, and the same for the same input.
func TestVectors(t *testing.T) {
	shown := map[string][]float32{}
	o := Options{Engine: engine.Options{Device: "ref"}, Weights: tiny(t), Kinds: []string{"pair", "text8"}, Batches: []int{1, 3}, Rounds: 1}
	o.Vectors = func(kind string, batch int, values []float32) error {
		shown[fmt.Sprint(kind, batch)] = slices.Clone(values)
		return nil
	}
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, kind := range o.Kinds {
		one, three := shown[kind+"1"], shown[kind+"3"]
		if len(one) != 128 || len(three) != 3*128 {
			t.Fatalf("%s: %d and %d values", kind, len(one), len(three))
		}
		product := 0.0
		for i, v := range one {
			product += float64(v) * float64(three[i])
		}
		if math.Abs(product-1) > 1e-5 {
			t.Errorf("%s: alone and in a batch of three, cosine %v", kind, product)
		}
	}
	o.Vectors = func(string, int, []float32) error { return io.ErrShortWrite }
	if _, err := Run(t.Context(), o); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("vectors that cannot be written: %v", err)
	}
}

// TestRecord: the batch is what the model takes, however many inputs it has.
func TestRecord(t *testing.T) {
	w := tiny(t)
	m, err := model.Load(ref.New(), w, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds {
		pass, _, err := Record(m, w.Config(), kind, 5)
		if err != nil {
			t.Fatal(err)
		}
		if err := ref.New().Run(t.Context(), pass); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		var outputs int
		for _, o := range pass.Outputs {
			outputs += o.Tensor.Rows
		}
		if outputs != 5 {
			t.Errorf("%s: %d embeddings", kind, outputs)
		}
	}
}
