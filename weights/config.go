// Package weights opens model folders (mapped into memory), makes them from PyTorch checkpoints
// without Python, and draws random models from a seed for tests and benchmarks.
package weights

import "math"

// Config is a Visualized-BGE configuration, in the JSON form of a model folder's config.json.
// Sizes are in pixels, channels or tokens. One without a vision tower has Text and Pooling alone.
type Config struct {
	ImageSize int          `json:"image_size"` // side S of the square the vision tower sees, pixels
	PatchSize int          `json:"patch_size"` // side p of one patch, pixels
	Mean      [3]float32   `json:"mean"`       // per channel, of samples scaled to 0..1
	Std       [3]float32   `json:"std"`
	Vision    VisionConfig `json:"vision"`
	Rope      RopeConfig   `json:"rope"`
	Text      TextConfig   `json:"text"`
	Pooling   Pooling      `json:"pooling,omitempty"`
}

// VisionConfig is the EVA02-CLIP vision tower.
type VisionConfig struct {
	Width     int     `json:"width"` // D
	Layers    int     `json:"layers"`
	HeadWidth int     `json:"head_width"`
	MLPRatio  float64 `json:"mlp_ratio"` // SwiGLU width is trunc(Width x MLPRatio)
	LNEps     float32 `json:"ln_eps"`
	HeadOut   int     `json:"head_out"` // width of CLIP's own head, which inference leaves out
}

// RopeConfig describes the two-dimensional rotary position embedding.
type RopeConfig struct {
	Theta      float64 `json:"theta"`
	PtHWSeqLen int     `json:"pt_hw_seq_len"` // side of the grid the tower was pretrained on, patches
}

// TextConfig is the BERT that patch tokens and words go through.
type TextConfig struct {
	VocabSize    int     `json:"vocab_size"`
	Hidden       int     `json:"hidden"` // H, the embedding's width
	Layers       int     `json:"layers"`
	Heads        int     `json:"heads"`
	Intermediate int     `json:"intermediate"`
	MaxPositions int     `json:"max_positions"`
	TypeVocab    int     `json:"type_vocab"`
	LNEps        float32 `json:"ln_eps"`
}

// Base returns the configuration of the released Visualized_base_en_v1.5.
func Base() Config {
	return Config{
		ImageSize: 224, PatchSize: 16,
		Mean:   [3]float32{0.48145466, 0.4578275, 0.40821073},
		Std:    [3]float32{0.26862954, 0.26130258, 0.27577711},
		Vision: VisionConfig{Width: 768, Layers: 12, HeadWidth: 64, MLPRatio: 2.6667, LNEps: 1e-6, HeadOut: 512},
		Rope:   RopeConfig{Theta: 10000, PtHWSeqLen: 16},
		Text: TextConfig{VocabSize: 30522, Hidden: 768, Layers: 12, Heads: 12, Intermediate: 3072,
			MaxPositions: 512, TypeVocab: 2, LNEps: 1e-12},
	}
}

// TakesPictures reports whether the model has a vision tower.
func (c Config) TakesPictures() bool { return c != Config{Text: c.Text, Pooling: c.Pooling} }

// Grid returns the patches along one side of the picture, 0 in a model for texts alone.
func (c Config) Grid() int { return c.ImageSize / max(1, c.PatchSize) }

// Patches returns N, the patch tokens of one picture.
func (c Config) Patches() int { return c.Grid() * c.Grid() }

// SwiGLUWidth returns M, the inner width of the vision tower's MLP.
func (c Config) SwiGLUWidth() int {
	return int(math.Trunc(float64(c.Vision.Width) * c.Vision.MLPRatio))
}

// MaxTextTokens returns the most token ids ([CLS] and [SEP] counted) that the position table has
// room for, alone or beside a picture's patch tokens.
func (c Config) MaxTextTokens(withImage bool) int {
	if withImage {
		return c.Text.MaxPositions - c.Patches()
	}
	return c.Text.MaxPositions
}
