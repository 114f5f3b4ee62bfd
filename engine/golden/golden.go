// Package golden reads what the original computes: the vectors in engine/testdata/reference/golden,
// with the inputs that they belong to. Tests of models and `vbge gpu-check` share it. Folders named
// reference here are copies of engine/testdata/reference.
package golden

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
	"vbge/weights/npy"
)

// Example is an input as the model takes it, and the embedding that the original gives it.
type Example struct {
	Name    string
	Pixels  []uint8 // [S, S, 3], or nil for a text
	IDs     []int32
	Want    []float32
	Patches []float32 // in place of Pixels, where Keep has been asked for them
}

// Set is the examples of one model.
type Set struct{ Images, Texts, Pairs []Example }

// All returns pictures, texts and pairs one after another.
func (s Set) All() []Example {
	return append(append(append([]Example(nil), s.Images...), s.Texts...), s.Pairs...)
}

// file is a golden JSON file.
type file struct {
	Images []image `json:"images"`
	Texts  []text  `json:"texts"`
	Pairs  []text  `json:"pairs"`
}

type text struct {
	File string  `json:"file"`
	IDs  []int32 `json:"ids"`
}

// image is a name, or an object with one.
type image string

func (i *image) UnmarshalJSON(b []byte) error {
	var o struct{ File string }
	if err := json.Unmarshal(b, &o); err == nil {
		*i = image(o.File)
		return nil
	}
	return json.Unmarshal(b, (*string)(i))
}

// Tiny returns the examples of checkpoint tiny.pth: two layers a tower, pictures of 64 pixels.
func Tiny(reference string) (Set, error) {
	return read(reference, "tiny", "crop64/", "text_embeddings", []int32{2, 3})
}

// Base returns the examples of the full-size model with the weights of weights.Random and seed 0.
func Base(reference string) (Set, error) {
	return read(reference, "base_seed0", "crop224/", "text_embeddings", []int32{101, 102})
}

// MiniLM returns the examples of the trained all-MiniLM-L6-v2, which are texts alone.
func MiniLM(reference string, p weights.Pooling) (Set, error) {
	return read(reference, "minilm", "", p.String()+"_embeddings", nil)
}

// read takes the pictures' pixels from tiny's archive, which has those of every size. texts is the array of the texts'
// embeddings, noWords are the ids of a picture alone.
func read(reference, name, crop, texts string, noWords []int32) (Set, error) {
	var s Set
	f, arrays, err := open(reference, name)
	if err != nil {
		return s, err
	}
	pixels := arrays
	if crop != "" && name != "tiny" {
		if _, pixels, err = open(reference, "tiny"); err != nil {
			return s, err
		}
	}
	for _, x := range f.Images {
		s.Images = append(s.Images, Example{string(x), pixels[crop+string(x)].Uint8, noWords, nil, nil})
	}
	for i, x := range f.Texts {
		s.Texts = append(s.Texts, Example{fmt.Sprintf("text %d", i), nil, x.IDs, nil, nil})
	}
	for i, x := range f.Pairs {
		s.Pairs = append(s.Pairs, Example{fmt.Sprintf("%s with words (pair %d)", x.File, i), pixels[crop+x.File].Uint8, x.IDs, nil, nil})
	}
	for array, examples := range map[string][]Example{"image_embeddings": s.Images, texts: s.Texts, "pair_embeddings": s.Pairs} {
		if err := want(examples, arrays[array]); err != nil {
			return s, fmt.Errorf("%s/golden/%s.npz: %s: %w", reference, name, array, err)
		}
	}
	return s, nil
}

func open(reference, name string) (f file, arrays map[string]npy.Array, err error) {
	path := filepath.Join(reference, "golden", name)
	b, err := os.ReadFile(path + ".json")
	if err != nil {
		return f, nil, fmt.Errorf("read golden vectors: %w", err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, nil, fmt.Errorf("read golden vectors: %s.json: %w", path, err)
	}
	arrays, err = npy.ReadArchive(path + ".npz")
	return f, arrays, err
}

// want gives each example its row.
func want(examples []Example, a npy.Array) error {
	if len(examples) == 0 {
		return nil
	}
	if len(a.Shape) != 2 || a.Shape[0] != len(examples) {
		return fmt.Errorf("shape %v for %d examples", a.Shape, len(examples))
	}
	for i := range examples {
		examples[i].Want = a.Float32[i*a.Shape[1] : (i+1)*a.Shape[1]]
	}
	return nil
}

// Convert makes a model folder in out of a golden checkpoint, tiny or micro or one of their
// variants, and opens it.
func Convert(ctx context.Context, reference, checkpoint, out string) (*weights.Folder, error) {
	config, err := weights.ReadConfig(filepath.Join(reference, map[byte]string{'t': "tiny", 'm': "micro"}[checkpoint[0]]+".json"))
	if err != nil {
		return nil, err
	}
	_, err = weights.Convert(ctx, filepath.Join(reference, "golden/checkpoints", checkpoint+".pth"),
		weights.ConvertOptions{Vocab: filepath.Join(reference, "tiny_vocab.txt"), Config: &config, Out: out})
	if err != nil {
		return nil, err
	}
	return weights.Open(out)
}

// Batch packs examples as the engine packs inputs.
func Batch(examples ...Example) model.Batch {
	b := model.Batch{Tokens: op.Sequences{0}}
	decoded := 0
	for _, x := range examples {
		if x.Pixels != nil && x.Patches == nil {
			decoded++
		}
	}
	pixels, patches := 0, decoded // places of the next picture of each kind
	for _, x := range examples {
		at := -1
		switch {
		case x.Patches != nil:
			at = patches
			patches++
			b.Patches = append(b.Patches, x.Patches...)
		case x.Pixels != nil:
			at = pixels
			pixels++
			b.Pixels = append(b.Pixels, x.Pixels...)
		}
		b.Pictures = append(b.Pictures, at)
		b.IDs = append(b.IDs, x.IDs...)
		b.Tokens = append(b.Tokens, int32(len(b.IDs)))
	}
	return b
}

// Embed runs the examples as one batch and returns an embedding for each.
func Embed(ctx context.Context, b op.Backend, m *model.Model, examples ...Example) ([][]float32, error) {
	rows, _, err := run(ctx, b, m, Batch(examples...), nil)
	return rows, err
}

// Keep embeds the examples as one batch, and returns them with the patch tokens of those pictures that had pixels alone.
func Keep(ctx context.Context, b op.Backend, m *model.Model, examples ...Example) ([][]float32, []Example, error) {
	batch, examples := Batch(examples...), slices.Clone(examples)
	var keep, of []int                            // places in Pixels, and among the examples
	for i, x := range slices.Backward(examples) { // any order is allowed
		if x.Pixels != nil && x.Patches == nil {
			keep, of = append(keep, batch.Pictures[i]), append(of, i)
		}
	}
	rows, kept, err := run(ctx, b, m, batch, keep)
	if err != nil {
		return nil, nil, err
	}
	each := len(kept) / max(len(keep), 1)
	for k, i := range of {
		examples[i].Patches = kept[k*each : (k+1)*each : (k+1)*each]
	}
	return rows, examples, nil
}

// run returns the batch's embeddings and the patch tokens of the pictures at keep, one after another.
func run(ctx context.Context, b op.Backend, m *model.Model, batch model.Batch, keep []int) (rows [][]float32, kept []float32, err error) {
	var p op.Pass
	y, patches, err := m.RecordKeeping(&p, batch, keep)
	if err != nil {
		return nil, nil, err
	}
	values := make([]float32, y.Rows*y.Cols)
	p.Output(y, values)
	if len(keep) > 0 {
		kept = make([]float32, patches.Rows*patches.Cols)
		p.Output(patches, kept)
	}
	if err := b.Run(ctx, &p); err != nil {
		return nil, nil, err
	}
	for i := range y.Rows {
		rows = append(rows, values[i*y.Cols:(i+1)*y.Cols])
	}
	return rows, kept, nil
}

// Distance returns the largest difference and the cosine of two vectors of one length.
func Distance(a, b []float32) (difference, cosine float64) {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		difference = max(difference, math.Abs(x-y))
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return difference, ab / math.Sqrt(aa*bb)
}

// StageRows returns which rows of a stage that has so many rows its golden rows are: all, or rows 0, 1 and the last, or
// [CLS] alone where the model computes no more.
func StageRows(have, golden int) ([]int, error) {
	switch {
	case have == 1:
		return []int{0}, nil
	case golden == have:
		rows := make([]int, have)
		for i := range rows {
			rows[i] = i
		}
		return rows, nil
	case golden == 3 && have > 3:
		return []int{0, 1, have - 1}, nil
	}
	return nil, fmt.Errorf("%d golden rows for %d", golden, have)
}

// Worst returns the largest difference and the smallest cosine of embeddings to what is wanted. A
// value that is no number makes both NaN.
func Worst(got [][]float32, examples []Example) (difference, cosine float64) {
	cosine = 1
	for i, x := range examples {
		d, c := Distance(got[i], x.Want)
		difference, cosine = math.Max(difference, d), math.Min(cosine, c)
		if math.IsNaN(c) {
			return math.NaN(), math.NaN()
		}
	}
	return difference, cosine
}

// Cosines returns the smallest and the mean cosine of vectors to others, one by one.
func Cosines(got, want [][]float32) (smallest, mean float64) {
	smallest = 1
	for i := range got {
		_, c := Distance(got[i], want[i])
		smallest, mean = math.Min(smallest, c), mean+c/float64(len(got))
	}
	return smallest, mean
}
