//go:build cuda && cgo

package gpu

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"vbge/cuda"
	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
	"vbge/weights/npy"
)

const reference = "../testdata/reference"

// loadCheckpoint hands a golden checkpoint to a backend as the engine does.
func loadCheckpoint(t testing.TB, b *Backend, checkpoint string) *model.Model {
	t.Helper()
	w, err := golden.Convert(t.Context(), reference, checkpoint, t.TempDir()+"/"+checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	m, err := model.Load(b, w, model.Options{PooledRowOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tinyExamples(t testing.TB) golden.Set {
	t.Helper()
	set, err := golden.Tiny(reference)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func embedOn(t testing.TB, b *Backend, m *model.Model, examples ...golden.Example) [][]float32 {
	t.Helper()
	y, err := golden.Embed(t.Context(), b, m, examples...)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// compareEmbeddings holds embeddings against the original's and says how far off they are.
func compareEmbeddings(t *testing.T, what string, got [][]float32, examples []golden.Example, bound golden.Bound) {
	t.Helper()
	difference, cosine := golden.Worst(got, examples)
	if !(difference <= bound.Difference) || !(cosine >= bound.Cosine) {
		t.Errorf("%s: off by %.2g (bound %.2g), cosine %.7f (bound %.7f)", what, difference, bound.Difference, cosine, bound.Cosine)
	}
	t.Logf("%s: %d embeddings, off by %.2g, cosine 1 - %.1g", what, len(got), difference, 1-cosine)
}

func TestTinyEmbeddings(t *testing.T) {
	set := tinyExamples(t)
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b := open(t, Options{Type: kind})
			m := loadCheckpoint(t, b, "tiny")
			compareEmbeddings(t, "images", embedOn(t, b, m, set.Images...), set.Images, golden.BoundOf(kind))
			compareEmbeddings(t, "texts", embedOn(t, b, m, set.Texts...), set.Texts, golden.BoundOf(kind))
			compareEmbeddings(t, "pairs", embedOn(t, b, m, set.Pairs...), set.Pairs, golden.BoundOf(kind))
		})
	}
}

// tracedText is the text whose stages are in the golden archive (trace_text in golden/tiny.json).
const tracedText = 2

// stageBound is how far a value inside the model may be from the original's, relative to values beyond 1.
func stageBound(t cuda.Type) float64 {
	switch t {
	case cuda.BFloat16:
		return 0.06
	case cuda.Float16:
		return 0.008
	}
	return 1e-4
}

func TestTinyStages(t *testing.T) {
	set := tinyExamples(t)
	arrays, err := npy.ReadArchive(reference + "/golden/tiny.npz")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b := open(t, Options{Type: kind})
			m := loadCheckpoint(t, b, "tiny")
			compareStages(t, b, m, set.Pairs[0], "trace_pair/", arrays, stageBound(kind))
			compareStages(t, b, m, set.Texts[tracedText], "trace_text/", arrays, stageBound(kind))
		})
	}
}

// compareStages fetches every stage of one input's way through the model and compares it with the golden rows.
func compareStages(t *testing.T, b *Backend, m *model.Model, example golden.Example, prefix string, arrays map[string]npy.Array, bound float64) {
	t.Helper()
	var p op.Pass
	stages, values := map[string]op.Tensor{}, map[string][]float32{}
	if _, err := m.Record(&p, golden.Batch(example), func(stage string, x op.Tensor) {
		stages[stage], values[stage] = x, make([]float32, x.Rows*x.Cols)
		p.Output(x, values[stage])
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for stage, x := range stages {
		want, ok := arrays[prefix+stage]
		if !ok {
			continue
		}
		compared++
		rows, err := golden.StageRows(x.Rows, want.Shape[0])
		if err != nil {
			t.Fatalf("%s%s: %v", prefix, stage, err)
		}
		worst := 0.0
		for i, row := range rows {
			got := values[stage][row*x.Cols : (row+1)*x.Cols]
			for j, v := range want.Float32[i*x.Cols : (i+1)*x.Cols] {
				worst = max(worst, relative(got[j], v))
			}
		}
		if !(worst <= bound) {
			t.Errorf("%s%s: off by %.2g, bound %.2g", prefix, stage, worst, bound)
		}
		t.Logf("%s%s: off by %.2g", prefix, stage, worst)
	}
	if compared < 3 {
		t.Errorf("%s: only %d stages have golden rows", prefix, compared)
	}
}

func relative(got, want float32) float64 {
	d := float64(got) - float64(want)
	return max(d, -d) / max(1, float64(want), -float64(want))
}

// TestMiniLM runs the text tower on weights that were trained, with heads of 32. Texts of more than
// 128 tokens take the emulated device too long.
func TestMiniLM(t *testing.T) {
	if testing.Short() {
		t.Skip("22 million weights")
	}
	needDevice(t)
	for most, pooling := range map[int]weights.Pooling{128: weights.PoolCLS, 32: weights.PoolMean} {
		set, err := golden.MiniLM(reference, pooling)
		if err != nil {
			t.Fatal(err)
		}
		texts := slices.DeleteFunc(set.Texts, func(x golden.Example) bool { return len(x.IDs) > most })
		w, err := golden.ConvertMiniLM(t.Context(), "../..", pooling, filepath.Join(t.TempDir(), "minilm"))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for _, kind := range storageTypes {
			t.Run(pooling.String()+" "+kind.String(), func(t *testing.T) {
				b := open(t, Options{Type: kind})
				m, err := model.Load(b, w, model.Options{PooledRowOnly: true})
				if err != nil {
					t.Fatal(err)
				}
				compareEmbeddings(t, "trained texts", embedOn(t, b, m, texts...), texts, golden.BoundOf(kind))
			})
		}
	}
}
