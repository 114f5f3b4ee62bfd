package model_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

func convertMiniLM(t *testing.T, p weights.Pooling) *weights.Folder {
	t.Helper()
	w, err := golden.ConvertMiniLM(t.Context(), "../..", p, filepath.Join(t.TempDir(), "minilm"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// TestMiniLM runs the text tower on weights that were trained, with heads of 32, and pools it both ways. On ref,
// which is slow, the longest texts are left out.
func TestMiniLM(t *testing.T) {
	x, arrays := readTrace(t, "minilm")
	for pooling, most := range map[weights.Pooling]int{weights.PoolCLS: 12, weights.PoolMean: 8} { // tokens on ref
		w := convertMiniLM(t, pooling)
		set, err := golden.MiniLM(reference, pooling)
		if err != nil {
			t.Fatal(err)
		}
		eachBackend(t, func(t *testing.T, d device) {
			m := load(t, d, w)
			texts := slices.Clone(set.Texts)
			if d.Name() == "ref" {
				texts = slices.DeleteFunc(texts, func(x golden.Example) bool { return len(x.IDs) > most })
			}
			if d.precision == cpu.Int8 {
				d.bound = golden.Bound{Difference: 0.05, Cosine: 0.985} // twice what was measured, which is of no words at all
			}
			compare(t, "MiniLM, "+pooling.String(), d, m, texts)
			if pooling == weights.PoolCLS {
				compareStages(t, d, m, "trace_text/", arrays, set.Texts[x.TraceText.TextIndex], 7)
			}
		})
	}
}

// TestNoVision gives a picture, and patch tokens of one, to a model for texts only.
func TestNoVision(t *testing.T) {
	tiny, err := weights.ReadConfig(reference + "tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	w := weights.Random(weights.Config{Text: tiny.Text}, 0)
	words := []int32{2, 3}
	eachBackend(t, func(t *testing.T, d device) {
		m := load(t, d, w)
		var p op.Pass
		picture := golden.Batch(golden.Example{Pixels: make([]uint8, 3*16*16), IDs: words})
		if _, err := m.Record(&p, picture, nil); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("a picture: %v, want %v", err, model.ErrNoVision)
		}
		patches := golden.Batch(golden.Example{Patches: make([]float32, tiny.Text.Hidden), IDs: words})
		if _, _, err := m.RecordKeeping(&p, patches, nil); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("patch tokens: %v, want %v", err, model.ErrNoVision)
		}
		text := golden.Batch(golden.Example{IDs: words})
		if _, _, err := m.RecordKeeping(&p, text, []int{0}); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("patch tokens to keep: %v, want %v", err, model.ErrNoVision)
		}
		text.Pictures[0] = 0
		if _, err := m.Record(&p, text, nil); !errors.Is(err, op.ErrShape) {
			t.Errorf("a picture that is not there: %v, want %v", err, op.ErrShape)
		}
	})
}
