package weights

import (
	"errors"
	"fmt"
)

// maxSize bounds every size in a Config: far above any model of this kind, and small enough that
// products of two of them cannot overflow. maxLayers bounds a tower's depth, maxSide a picture's side: it is grid x
// patch, so that two small tensors could ask for gigabytes of pixels.
const (
	maxSize   = 1 << 24
	maxLayers = 1024
	maxSide   = 4096
)

// Validate reports the first value that no model can have, by its name in the JSON form.
func (c Config) Validate() error {
	if c.TakesPictures() {
		if err := c.validatePictures(); err != nil {
			return err
		}
	}
	t := c.Text
	if err := positive([]namedSize{
		{"text.vocab_size", t.VocabSize}, {"text.hidden", t.Hidden}, {"text.layers", t.Layers}, {"text.heads", t.Heads},
		{"text.intermediate", t.Intermediate}, {"text.max_positions", t.MaxPositions}, {"text.type_vocab", t.TypeVocab},
	}); err != nil {
		return err
	}
	return firstProblem([]condition{
		{t.Layers <= maxLayers, "text.layers: a tower of more than 1024 layers"},
		{t.Hidden%t.Heads == 0, "text.hidden is no multiple of text.heads"},
		{t.MaxPositions >= c.Patches()+2, "text.max_positions has no room for a picture's patches, [CLS] and [SEP]"},
		{t.LNEps > 0 && t.LNEps < 1, "text.ln_eps is not between 0 and 1"},
		{c.Pooling == PoolCLS || c.Pooling == PoolMean, "pooling is neither cls nor mean"},
	})
}

// validatePictures checks what a vision tower adds.
func (c Config) validatePictures() error {
	v := c.Vision
	if err := positive([]namedSize{
		{"image_size", c.ImageSize}, {"patch_size", c.PatchSize},
		{"vision.width", v.Width}, {"vision.layers", v.Layers}, {"vision.head_width", v.HeadWidth}, {"vision.head_out", v.HeadOut},
		{"rope.pt_hw_seq_len", c.Rope.PtHWSeqLen},
	}); err != nil {
		return err
	}
	return firstProblem([]condition{
		{v.Layers <= maxLayers, "vision.layers: a tower of more than 1024 layers"},
		{c.ImageSize <= maxSide, "image_size: pictures of more than 4096 pixels a side"},
		{c.PatchSize <= c.ImageSize, "patch_size is larger than image_size"},
		{c.ImageSize%c.PatchSize == 0, "image_size is no multiple of patch_size"},
		{v.Width%v.HeadWidth == 0, "vision.width is no multiple of vision.head_width"},
		{v.HeadWidth%4 == 0, "vision.head_width is no multiple of 4, which the rotary embedding needs"},
		{v.MLPRatio > 0 && v.MLPRatio < 1024 && c.SwiGLUWidth() > 0, "vision.mlp_ratio is not between 1/width and 1024"},
		{v.LNEps > 0 && v.LNEps < 1, "vision.ln_eps is not between 0 and 1"},
		{c.Rope.Theta > 1, "rope.theta is not above 1"},
		{c.Std[0] > 0 && c.Std[1] > 0 && c.Std[2] > 0, "std is not positive"},
	})
}

type namedSize struct {
	name  string // in the JSON form
	value int
}

func positive(sizes []namedSize) error {
	for _, s := range sizes {
		if s.value < 1 || s.value > maxSize {
			return fmt.Errorf("%s is %d, wanted 1 to %d", s.name, s.value, maxSize)
		}
	}
	return nil
}

type condition struct {
	ok      bool
	problem string
}

func firstProblem(conditions []condition) error {
	for _, c := range conditions {
		if !c.ok {
			return errors.New(c.problem)
		}
	}
	return nil
}
