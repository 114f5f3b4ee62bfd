package model_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/pixels"
	"vbge/engine/ref"
	"vbge/weights"
	"vbge/weights/npy"
)

const reference = "../testdata/reference/"

// Bounds of MODEL.md section 10, for equal pixels.
const (
	stageBound     = 1e-4
	embeddingBound = 5e-6
	cosineBound    = 1 - 1e-6
)

// golden is one of the JSON files beside the golden vectors.
type golden struct {
	Images    []goldenImage `json:"images"`
	Texts     []goldenText  `json:"texts"`
	Pairs     []goldenText  `json:"pairs"`
	TracePair goldenText    `json:"trace_pair"`
	TraceText goldenText    `json:"trace_text"`
}

type goldenText struct {
	File      string  `json:"file"`
	TextIndex int     `json:"text_index"`
	IDs       []int32 `json:"ids"`
}

// goldenImage is a name, or an object with one.
type goldenImage string

func (g *goldenImage) UnmarshalJSON(b []byte) error {
	var o struct{ File string }
	if err := json.Unmarshal(b, &o); err == nil {
		*g = goldenImage(o.File)
		return nil
	}
	return json.Unmarshal(b, (*string)(g))
}

func readGolden(t testing.TB, name string) (golden, map[string]npy.Array) {
	t.Helper()
	text, err := os.ReadFile(reference + "golden/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadArchive(reference + "golden/" + name + ".npz")
	if err != nil {
		t.Fatal(err)
	}
	return g, arrays
}

// input is one thing to embed.
type input struct {
	pixels []uint8
	ids    []int32
}

// batch packs inputs as the engine does.
func batch(inputs ...input) model.Batch {
	b := model.Batch{Tokens: op.Sequences{0}}
	pictures := 0
	for _, in := range inputs {
		at := -1
		if in.pixels != nil {
			at = pictures
			pictures++
			b.Pixels = append(b.Pixels, in.pixels...)
		}
		b.Pictures = append(b.Pictures, at)
		b.IDs = append(b.IDs, in.ids...)
		b.Tokens = append(b.Tokens, int32(len(b.IDs)))
	}
	return b
}

// embed runs one batch and returns an embedding for each input.
func embed(t testing.TB, backend op.Backend, m *model.Model, inputs ...input) [][]float32 {
	t.Helper()
	var p op.Pass
	y, err := m.Record(&p, batch(inputs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, y.Rows*y.Cols)
	p.Output(y, values)
	if err := backend.Run(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	rows := make([][]float32, y.Rows)
	for i := range rows {
		rows[i] = values[i*y.Cols : (i+1)*y.Cols]
	}
	return rows
}

// eachBackend runs f with every backend of this build.
func eachBackend(t *testing.T, f func(t *testing.T, b op.Backend, o model.Options)) {
	t.Run("ref", func(t *testing.T) { f(t, ref.New(), model.Options{}) })
	if cpu.Built {
		t.Run("cpu", func(t *testing.T) {
			b, err := cpu.New(runtime.GOMAXPROCS(0))
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			f(t, b, model.Options{PooledRowOnly: true})
		})
	}
}

// convert makes a model folder of a golden checkpoint and opens it.
func convert(t testing.TB, name string) *weights.Folder {
	t.Helper()
	config, err := weights.ReadConfig(reference + map[byte]string{'t': "tiny", 'm': "micro"}[name[0]] + ".json")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name)
	_, err = weights.Convert(context.Background(), reference+"golden/checkpoints/"+name+".pth",
		weights.ConvertOptions{Vocab: reference + "tiny_vocab.txt", Config: &config, Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func load(t testing.TB, b op.Backend, w model.Weights, o model.Options) *model.Model {
	t.Helper()
	m, err := model.Load(b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// distance is the largest difference and the cosine of two vectors.
func distance(a, b []float32) (difference, cosine float64) {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		difference = max(difference, math.Abs(x-y))
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return difference, ab / math.Sqrt(aa*bb)
}

// compare checks embeddings against rows of a golden array and logs how far off they are.
func compare(t *testing.T, what string, got [][]float32, want npy.Array, bound float64) {
	t.Helper()
	if len(got) != want.Shape[0] {
		t.Fatalf("%s: %d embeddings, the golden file has %v", what, len(got), want.Shape)
	}
	width := want.Shape[1]
	worst, least := 0.0, 1.0
	for i, row := range got {
		d, c := distance(row, want.Float32[i*width:(i+1)*width])
		worst, least = max(worst, d), min(least, c)
		if !(d <= bound) || !(c >= cosineBound) {
			t.Errorf("%s %d: largest difference %.2g (bound %.2g), cosine %.9f", what, i, d, bound, c)
		}
	}
	t.Logf("%s: %d embeddings, largest difference %.2g, smallest cosine 1 - %.1g", what, len(got), worst, 1-least)
}

// noWords are the ids of a picture alone, [CLS] [SEP] of tiny's vocabulary.
var noWords = []int32{2, 3}

func TestTinyEmbeddings(t *testing.T) {
	g, arrays := readGolden(t, "tiny")
	for _, checkpoint := range []string{"tiny", "tiny_fp16"} {
		w, suffix := convert(t, checkpoint), ""
		if checkpoint == "tiny_fp16" {
			suffix = "_fp16_weights"
		}
		eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
			m := load(t, b, w, o)
			crop := func(file string) []uint8 { return arrays["crop64/"+file].Uint8 }
			var images, texts, pairs []input
			for _, f := range g.Images {
				images = append(images, input{crop(string(f)), noWords})
			}
			for _, x := range g.Texts {
				texts = append(texts, input{nil, x.IDs})
			}
			for _, x := range g.Pairs {
				pairs = append(pairs, input{crop(x.File), x.IDs})
			}
			compare(t, checkpoint+" image", embed(t, b, m, images...), arrays["image_embeddings"+suffix], embeddingBound)
			compare(t, checkpoint+" text", embed(t, b, m, texts...), arrays["text_embeddings"+suffix], embeddingBound)
			if suffix == "" {
				compare(t, checkpoint+" pair", embed(t, b, m, pairs...), arrays["pair_embeddings"], embeddingBound)
			}
		})
	}
}

func TestMicroEmbeddings(t *testing.T) {
	g, arrays := readGolden(t, "tiny")
	for _, checkpoint := range []string{"micro", "micro_views"} {
		w := convert(t, checkpoint)
		eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
			m := load(t, b, w, o)
			cut := func(ids []int32, limit int) []int32 {
				if len(ids) > limit {
					ids = append(append([]int32{}, ids[:limit-1]...), ids[len(ids)-1])
				}
				return ids
			}
			var texts, images []input
			for _, x := range g.Texts {
				texts = append(texts, input{nil, cut(x.IDs, w.Config().MaxTextTokens(false))})
			}
			compare(t, checkpoint+" text", embed(t, b, m, texts...), arrays["micro_text_embeddings"], embeddingBound)

			want := npy.Array{Shape: []int{0, w.Config().Text.Hidden}}
			for i, f := range g.Images {
				if !pixels.Exact() && len(arrays["decoded/"+string(f)].Shape) > 0 {
					continue // its pixels depend on the decoder
				}
				images = append(images, input{crop32(t, string(f)), noWords})
				want.Shape[0]++
				width := want.Shape[1]
				want.Float32 = append(want.Float32, arrays["micro_image_embeddings"].Float32[i*width:(i+1)*width]...)
			}
			compare(t, checkpoint+" image", embed(t, b, m, images...), want, embeddingBound)
		})
	}
}

func crop32(t *testing.T, file string) []uint8 {
	t.Helper()
	data, err := os.ReadFile(reference + "golden/images/" + file)
	if err != nil {
		t.Fatal(err)
	}
	crop, err := pixels.Crop(data, 32, pixels.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return crop
}

func TestTinyStages(t *testing.T) {
	g, arrays := readGolden(t, "tiny")
	w := convert(t, "tiny")
	eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
		m := load(t, b, w, o)
		pair := g.Pairs[0]
		if pair.File != g.TracePair.File || pair.TextIndex != g.TracePair.TextIndex {
			t.Fatal("the traced pair is not the first pair")
		}
		compareStages(t, b, m, "trace_pair/", arrays, input{arrays["crop64/"+pair.File].Uint8, pair.IDs}, 8)
		compareStages(t, b, m, "trace_text/", arrays, input{nil, g.Texts[g.TraceText.TextIndex].IDs}, 3)
	})
}

// compareStages records one input, fetches every stage and compares it with the golden rows: all
// of them, or rows 0, 1 and the last, or [CLS] alone where the model computes no more.
func compareStages(t *testing.T, b op.Backend, m *model.Model, prefix string, arrays map[string]npy.Array, in input, stages int) {
	t.Helper()
	var p op.Pass
	got := map[string]op.Tensor{}
	values := map[string][]float32{}
	_, err := m.Record(&p, batch(in), func(stage string, x op.Tensor) {
		got[stage] = x
		values[stage] = make([]float32, x.Rows*x.Cols)
		p.Output(x, values[stage])
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != stages {
		t.Errorf("%s: the model has %d stages, expected %d", prefix, len(got), stages)
	}
	if err := b.Run(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	for stage, x := range got {
		want, ok := arrays[prefix+stage]
		if !ok {
			t.Errorf("%s%s: no such golden stage", prefix, stage)
			continue
		}
		worst := 0.0
		for i, row := range goldenRows(t, x.Rows, want.Shape[0]) {
			d, _ := distance(values[stage][row*x.Cols:(row+1)*x.Cols], want.Float32[i*x.Cols:(i+1)*x.Cols])
			worst = max(worst, d)
		}
		if !(worst <= stageBound) {
			t.Errorf("%s%s: largest difference %.2g, bound %.2g", prefix, stage, worst, stageBound)
		}
		t.Logf("%s%s: largest difference %.2g", prefix, stage, worst)
	}
}

func goldenRows(t *testing.T, have, want int) []int {
	t.Helper()
	switch {
	case have == 1:
		return []int{0}
	case want == have:
		rows := make([]int, have)
		for i := range rows {
			rows[i] = i
		}
		return rows
	case want == 3:
		return []int{0, 1, have - 1}
	}
	t.Fatalf("%d golden rows for %d", want, have)
	return nil
}
