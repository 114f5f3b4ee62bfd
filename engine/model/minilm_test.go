package model_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

func readMiniLM(t *testing.T) *golden.BERT {
	t.Helper()
	w, err := golden.OpenBERT("../..")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestMiniLM runs the text tower on weights that were trained, with heads of 32, and pools it both ways. On ref,
// which is slow, the longest texts are left out.
func TestMiniLM(t *testing.T) {
	w := readMiniLM(t)
	x, arrays := readTrace(t, "minilm")
	for _, w.Pooling = range []weights.Pooling{weights.PoolCLS, weights.PoolMean} {
		set, err := golden.MiniLM(reference, w.Pooling)
		if err != nil {
			t.Fatal(err)
		}
		eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
			m := load(t, b, w, o)
			texts := slices.Clone(set.Texts)
			if b.Name() == "ref" {
				texts = slices.DeleteFunc(texts, func(x golden.Example) bool { return len(x.IDs) > 12 })
			}
			compare(t, "MiniLM, "+w.Pooling.String(), b, m, texts)
			if w.Pooling == weights.PoolCLS {
				compareStages(t, b, m, "trace_text/", arrays, set.Texts[x.TraceText.TextIndex], 7)
			}
		})
	}
}

// TestNoVision gives a picture, and patch tokens of one, to a model for texts only.
func TestNoVision(t *testing.T) {
	w := readMiniLM(t)
	eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
		m := load(t, b, w, o)
		var p op.Pass
		picture := golden.Batch(golden.Example{Pixels: make([]uint8, 3*16*16), IDs: []int32{101, 102}})
		if _, err := m.Record(&p, picture, nil); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("a picture: %v, want %v", err, model.ErrNoVision)
		}
		patches := golden.Batch(golden.Example{Patches: make([]float32, 384), IDs: []int32{101, 102}})
		if _, _, err := m.RecordKeeping(&p, patches, nil); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("patch tokens: %v, want %v", err, model.ErrNoVision)
		}
		text := golden.Batch(golden.Example{IDs: []int32{101, 102}})
		if _, _, err := m.RecordKeeping(&p, text, []int{0}); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("patch tokens to keep: %v, want %v", err, model.ErrNoVision)
		}
		text.Pictures[0] = 0
		if _, err := m.Record(&p, text, nil); !errors.Is(err, op.ErrShape) {
			t.Errorf("a picture that is not there: %v, want %v", err, op.ErrShape)
		}
	})
}
