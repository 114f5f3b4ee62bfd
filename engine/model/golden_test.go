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

// stageBound is MODEL.md's, section 10, for equal pixels.
const stageBound = 1e-4

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

// device is a backend in one precision, and how far off it may be with a small model.
type device struct {
	op.Backend
	precision cpu.Precision
	options   model.Options
	bound     golden.Bound // of embeddings from the original's
	batch     float64      // of a value of an input alone from the same in a batch
}

// smallBounds are of random models of two layers a tower. For bfloat16 and int8 they are two to four times what was
// measured: 0.006 and 1 - 0.0002, 0.017 and 1 - 0.002, and of batches 0.003 and 0.009 (engine's TestBatchIndependence).
var smallBounds = map[cpu.Precision]device{
	cpu.Float32:  {bound: golden.BoundOn("cpu", "float32"), batch: 2e-6},
	cpu.BFloat16: {bound: golden.Bound{Difference: 0.015, Cosine: 0.9995}, batch: 0.01},
	cpu.Int8:     {bound: golden.Bound{Difference: 0.05, Cosine: 0.995}, batch: 0.03},
}

// eachBackend runs f with every backend of this build, in each precision that this processor has.
func eachBackend(t *testing.T, f func(t *testing.T, d device)) {
	t.Run("ref", func(t *testing.T) {
		d := smallBounds[cpu.Float32]
		d.Backend, d.precision = ref.New(), cpu.Float32
		f(t, d)
	})
	if cpu.Built {
		eachPrecision(t, f)
	}
}

func eachPrecision(t *testing.T, f func(t *testing.T, d device)) {
	for _, p := range []cpu.Precision{cpu.Float32, cpu.BFloat16, cpu.Int8} {
		t.Run("cpu "+string(p), func(t *testing.T) {
			if err := cpu.Supports(p); err != nil {
				t.Skip(err)
			}
			d, err := smallBounds[p], error(nil)
			if d.Backend, err = cpu.New(cpu.Options{Threads: runtime.GOMAXPROCS(0), Precision: p}); err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			d.precision, d.options = p, model.Options{PooledRowOnly: true}
			f(t, d)
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

func load(t testing.TB, d device, w model.Weights) *model.Model {
	t.Helper()
	m, err := model.Load(d, w, d.options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// compare embeds examples and logs how far off they are.
func compare(t *testing.T, what string, d device, m *model.Model, examples []golden.Example) {
	t.Helper()
	got := embed(t, d, m, examples...)
	for i, x := range examples {
		if far, c := golden.Distance(got[i], x.Want); !(far <= d.bound.Difference) || !(c >= d.bound.Cosine) {
			t.Errorf("%s, %s: largest difference %.2g (bound %.2g), cosine %.9f (bound %.9f)", what, x.Name, far, d.bound.Difference, c, d.bound.Cosine)
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
		eachBackend(t, func(t *testing.T, d device) {
			m := load(t, d, w)
			compare(t, checkpoint+" image", d, m, set.Images)
			compare(t, checkpoint+" text", d, m, set.Texts)
			if len(set.Pairs) > 0 {
				compare(t, checkpoint+" pair", d, m, set.Pairs)
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
		eachBackend(t, func(t *testing.T, d device) {
			m := load(t, d, w)
			compare(t, checkpoint+" text", d, m, texts)
			compare(t, checkpoint+" image", d, m, images)
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
	eachBackend(t, func(t *testing.T, d device) {
		m := load(t, d, w)
		compareStages(t, d, m, "trace_pair/", arrays, set.Pairs[0], 8)
		compareStages(t, d, m, "trace_text/", arrays, set.Texts[x.TraceText.TextIndex], 3)
	})
}

// compareStages records one input, fetches every stage and compares it with the golden rows.
func compareStages(t *testing.T, d device, m *model.Model, prefix string, arrays map[string]npy.Array, in golden.Example, stages int) {
	t.Helper()
	if d.precision != cpu.Float32 {
		return // what is promised of the others is embeddings
	}
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
	if err := d.Run(context.Background(), &p); err != nil {
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
			far, _ := golden.Distance(values[stage][row*x.Cols:(row+1)*x.Cols], want.Float32[i*x.Cols:(i+1)*x.Cols])
			worst = max(worst, far)
		}
		if !(worst <= stageBound) {
			t.Errorf("%s%s: largest difference %.2g, bound %.2g", prefix, stage, worst, stageBound)
		}
		t.Logf("%s%s: largest difference %.2g", prefix, stage, worst)
	}
}
