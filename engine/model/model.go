// Package model is Visualized-BGE, written once over the operations of package op and as its
// description reads: an EVA02-CLIP vision tower whose patch tokens go, beside the words, through
// a BERT. See docs/model.md; section numbers in this package are that file's.
package model

import (
	"errors"
	"fmt"

	"vbge/engine/op"
	"vbge/engine/pixels"
	"vbge/weights"
)

// Weights is where a model's parameters come from: a model folder, or a generator. A Forget(values []float32), if it has
// one, is told which tensors Load needs no more.
type Weights interface {
	Config() weights.Config
	// Float32 returns the tensor of that name in row-major order, or an error if there is none or
	// it has another shape.
	Float32(name string, shape ...int) ([]float32, error)
}

// Options choose what a forward pass computes.
type Options struct {
	// PooledRowOnly lets the last text layer compute [CLS] alone, the only row of its result that
	// the embedding uses. With mean pooling, which uses all, it changes nothing.
	PooledRowOnly bool
}

// Model is the two towers with their parameters on one backend.
type Model struct {
	config weights.Config
	vision *visionTower // nil in a model for texts only
	text   *textTower
	levels [3][256]float32 // of normalised samples, by channel
}

// ErrNoVision is returned for pictures given to a model without a vision tower.
var ErrNoVision = errors.New("this model has no vision tower: it embeds texts alone")

// Load hands w's parameters to backend b.
func Load(b op.Backend, w Weights, o Options) (*Model, error) {
	l := &loader{backend: b, weights: w}
	m := &Model{config: w.Config()}
	if m.config.TakesPictures() {
		m.levels = pixels.NormaliseTable(m.config.Mean, m.config.Std)
		m.vision = l.visionTower(m.config)
	}
	m.text = l.textTower(m.config, o)
	if l.err != nil {
		return nil, fmt.Errorf("load model onto %s: %w", b.Name(), l.err)
	}
	return m, nil
}

// Batch is a flat batch of inputs of all kinds: pictures, texts, and pairs of both.
type Batch struct {
	Pixels []uint8 // [pictures, S, S, 3]
	// Patches holds, in place of pixels, what RecordKeeping kept of pictures in earlier passes:
	// [pictures x N, H].
	Patches []float32
	IDs     []int32 // every input's token ids, [CLS] and [SEP] included, one after another
	Tokens  op.Sequences
	// Pictures[i] is the place of input i's picture among those of Pixels and then of Patches, or -1.
	// A picture without words has the ids [CLS] [SEP].
	Pictures []int
}

// Record records the forward pass of b and returns its embeddings [inputs, hidden], each of unit
// length. If observe is not nil it is called with every stage by name, as golden vectors name it.
func (m *Model) Record(p *op.Pass, b Batch, observe func(stage string, t op.Tensor)) (op.Tensor, error) {
	if observe == nil {
		observe = func(string, op.Tensor) {}
	}
	embeddings, _, err := m.record(p, b, nil, observe)
	return embeddings, err
}

// RecordKeeping is Record, and returns besides what Batch.Patches takes in a later pass in place of
// some of b.Pixels: kept is [len(keep) x N, H], the patch tokens of the pictures at these places in
// Pixels, after position and norm. Without any it is no tensor.
func (m *Model) RecordKeeping(p *op.Pass, b Batch, keep []int) (embeddings, kept op.Tensor, err error) {
	return m.record(p, b, keep, func(string, op.Tensor) {})
}

func (m *Model) record(p *op.Pass, b Batch, keep []int, observe func(string, op.Tensor)) (embeddings, kept op.Tensor, err error) {
	if err := m.check(b, keep); err != nil {
		return op.Tensor{}, op.Tensor{}, err
	}
	n := m.config.Patches()
	var patches []op.Tensor
	if len(b.Pixels) > 0 {
		x := m.text.recordPatches(p, m.vision.record(p, m, b.Pixels, observe), n)
		if len(keep) > 0 {
			kept = p.Gather(rowsOf(keep, n), x)
		}
		patches = append(patches, x)
	}
	if len(b.Patches) > 0 {
		patches = append(patches, p.Given(op.Given{Values: b.Patches, Cols: m.config.Text.Hidden}))
	}
	embeddings = m.text.record(p, n, b, patches, observe)
	return embeddings, kept, p.Err()
}

// rowsOf returns the rows of pictures that have n rows each.
func rowsOf(pictures []int, n int) []int32 {
	rows := make([]int32, 0, n*len(pictures))
	for _, picture := range pictures {
		for r := range n {
			rows = append(rows, int32(picture*n+r))
		}
	}
	return rows
}

func (m *Model) check(b Batch, keep []int) error {
	c := m.config
	pictures, err := m.checkPictures(b, keep)
	if err != nil {
		return err
	}
	if len(b.Tokens) == 0 || len(b.Pictures) != b.Tokens.Len() || b.Tokens.Rows() != len(b.IDs) {
		return fmt.Errorf("batch of %d ids, %d pictures, lengths %v: %w", len(b.IDs), len(b.Pictures), b.Tokens, op.ErrShape)
	}
	for i, picture := range b.Pictures {
		if picture >= pictures {
			return fmt.Errorf("input %d has picture %d of %d: %w", i, picture, pictures, op.ErrShape)
		}
		limit := c.MaxTextTokens(picture >= 0)
		if n := int(b.Tokens[i+1] - b.Tokens[i]); n < 1 || n > limit {
			return fmt.Errorf("input %d has %d token ids, the position table has room for %d: %w", i, n, limit, op.ErrShape)
		}
	}
	return nil
}

// checkPictures returns how many pictures there are, by pixels and by patch tokens.
func (m *Model) checkPictures(b Batch, keep []int) (int, error) {
	if m.vision == nil {
		if len(b.Pixels)+len(b.Patches)+len(keep) > 0 {
			return 0, ErrNoVision
		}
		return 0, nil
	}
	c := m.config
	picture, kept := 3*c.ImageSize*c.ImageSize, c.Patches()*c.Text.Hidden
	if len(b.Pixels)%picture != 0 {
		return 0, fmt.Errorf("%d bytes are no pictures of %d: %w", len(b.Pixels), picture, op.ErrShape)
	}
	if len(b.Patches)%kept != 0 {
		return 0, fmt.Errorf("%d values are no patch tokens of pictures of %d: %w", len(b.Patches), kept, op.ErrShape)
	}
	decoded := len(b.Pixels) / picture
	for _, k := range keep {
		if k < 0 || k >= decoded {
			return 0, fmt.Errorf("keep picture %d of %d: %w", k, decoded, op.ErrShape)
		}
	}
	return decoded + len(b.Patches)/kept, nil
}
