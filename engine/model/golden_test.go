package model_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/golden"
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

// trace is what the JSON files say about the inputs whose stages are golden too.
type trace struct {
	Pairs     []struct{ File string } `json:"pairs"`
	TracePair struct{ File string }   `json:"trace_pair"`
	TraceText struct {
		TextIndex int `json:"text_index"`
	} `json:"trace_text"`
}

func readTrace(t testing.TB, name string) (trace, map[string]npy.Array) {
	t.Helper()
	text, err := os.ReadFile(reference + "golden/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var x trace
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadArchive(reference + "golden/" + name + ".npz")
	if err != nil {
		t.Fatal(err)
	}
	return x, arrays
}

// read returns a set of examples, of Tiny, Base or MiniLM.
func read(t testing.TB, set func(string) (golden.Set, error)) golden.Set {
	t.Helper()
	s, err := set(reference)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func embed(t testing.TB, b op.Backend, m *model.Model, examples ...golden.Example) [][]float32 {
	t.Helper()
	rows, err := golden.Embed(t.Context(), b, m, examples...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// eachBackend runs f with every backend of this build.
func eachBackend(t *testing.T, f func(t *testing.T, b op.Backend, o model.Options)) {
	t.Run("ref", func(t *testing.T) { f(t, ref.New(), model.Options{}) })
	if cpu.Built {
		t.Run("cpu", func(t *testing.T) {
			b, err := cpu.New(cpu.Options{Threads: runtime.GOMAXPROCS(0), Precision: cpu.Float32})
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
	f, err := golden.Convert(t.Context(), reference, name, filepath.Join(t.TempDir(), name))
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

// compare embeds examples and logs how far off they are.
func compare(t *testing.T, what string, b op.Backend, m *model.Model, examples []golden.Example) {
	t.Helper()
	got := embed(t, b, m, examples...)
	for i, x := range examples {
		if d, c := golden.Distance(got[i], x.Want); !(d <= embeddingBound) || !(c >= cosineBound) {
			t.Errorf("%s, %s: largest difference %.2g (bound %.2g), cosine %.9f", what, x.Name, d, embeddingBound, c)
		}
	}
	worst, least := golden.Worst(got, examples)
	t.Logf("%s: %d embeddings, largest difference %.2g, smallest cosine 1 - %.1g", what, len(got), worst, 1-least)
}

func TestTinyEmbeddings(t *testing.T) {
	full := read(t, golden.Tiny)
	_, arrays := readTrace(t, "tiny")
	half := golden.Set{Images: withRows(full.Images, arrays["image_embeddings_fp16_weights"]), Texts: withRows(full.Texts, arrays["text_embeddings_fp16_weights"])}
	for checkpoint, set := range map[string]golden.Set{"tiny": full, "tiny_fp16": half} {
		w := convert(t, checkpoint)
		eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
			m := load(t, b, w, o)
			compare(t, checkpoint+" image", b, m, set.Images)
			compare(t, checkpoint+" text", b, m, set.Texts)
			if len(set.Pairs) > 0 {
				compare(t, checkpoint+" pair", b, m, set.Pairs)
			}
		})
	}
}

// withRows returns the examples with other embeddings, the rows of a.
func withRows(examples []golden.Example, a npy.Array) []golden.Example {
	examples = slices.Clone(examples)
	for i := range examples {
		examples[i].Want = a.Float32[i*a.Shape[1] : (i+1)*a.Shape[1]]
	}
	return examples
}

func TestMicroEmbeddings(t *testing.T) {
	tiny := read(t, golden.Tiny)
	_, arrays := readTrace(t, "tiny")
	texts, all := withRows(tiny.Texts, arrays["micro_text_embeddings"]), withRows(tiny.Images, arrays["micro_image_embeddings"])
	for _, checkpoint := range []string{"micro", "micro_views"} {
		w := convert(t, checkpoint)
		for i, x := range texts {
			if limit := w.Config().MaxTextTokens(false); len(x.IDs) > limit {
				texts[i].IDs = append(slices.Clone(x.IDs[:limit-1]), x.IDs[len(x.IDs)-1])
			}
		}
		var images []golden.Example
		for _, x := range all {
			if !pixels.Exact() && len(arrays["decoded/"+x.Name].Shape) > 0 {
				continue // its pixels depend on the decoder
			}
			x.Pixels = crop32(t, x.Name)
			images = append(images, x)
		}
		eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
			m := load(t, b, w, o)
			compare(t, checkpoint+" text", b, m, texts)
			compare(t, checkpoint+" image", b, m, images)
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
	x, arrays := readTrace(t, "tiny")
	set, w := read(t, golden.Tiny), convert(t, "tiny")
	if x.Pairs[0].File != x.TracePair.File {
		t.Fatal("the traced pair is not the first pair")
	}
	eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
		m := load(t, b, w, o)
		compareStages(t, b, m, "trace_pair/", arrays, set.Pairs[0], 8)
		compareStages(t, b, m, "trace_text/", arrays, set.Texts[x.TraceText.TextIndex], 3)
	})
}

// compareStages records one input, fetches every stage and compares it with the golden rows.
func compareStages(t *testing.T, b op.Backend, m *model.Model, prefix string, arrays map[string]npy.Array, in golden.Example, stages int) {
	t.Helper()
	var p op.Pass
	got := map[string]op.Tensor{}
	values := map[string][]float32{}
	_, err := m.Record(&p, golden.Batch(in), func(stage string, x op.Tensor) {
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
		rows, err := golden.StageRows(x.Rows, want.Shape[0])
		if err != nil {
			t.Fatalf("%s%s: %v", prefix, stage, err)
		}
		worst := 0.0
		for i, row := range rows {
			d, _ := golden.Distance(values[stage][row*x.Cols:(row+1)*x.Cols], want.Float32[i*x.Cols:(i+1)*x.Cols])
			worst = max(worst, d)
		}
		if !(worst <= stageBound) {
			t.Errorf("%s%s: largest difference %.2g, bound %.2g", prefix, stage, worst, stageBound)
		}
		t.Logf("%s%s: largest difference %.2g", prefix, stage, worst)
	}
}
