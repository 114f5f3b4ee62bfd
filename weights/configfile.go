package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxConfigBytes bounds config.json, which takes about 700 bytes.
const maxConfigBytes = 1 << 20

// Source says what a model folder was made from.
type Source struct {
	File   string `json:"file"`   // the checkpoint's name, without its directory
	SHA256 string `json:"sha256"` // of the whole file, in hex
	Bytes  int64  `json:"bytes"`
}

// configJSON is config.json: a Config, and in model folders its source. Mean and Std hide
// Config's arrays, which a shorter or missing list would silently leave at zero.
type configJSON struct {
	Config
	Mean   []float32 `json:"mean"`
	Std    []float32 `json:"std"`
	Source *Source   `json:"source,omitempty"`
}

// ReadConfig reads a configuration in the form of reference/base.json or of a model folder's
// config.json. Every field has to be there, and nothing else.
func ReadConfig(path string) (Config, error) {
	c, _, err := readConfig(path)
	return c, err
}

func readConfig(path string) (Config, *Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	c, source, err := decodeConfig(io.LimitReader(f, maxConfigBytes))
	if err != nil {
		return Config{}, nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, source, nil
}

func decodeConfig(r io.Reader) (Config, *Source, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var j configJSON
	if err := d.Decode(&j); err != nil {
		return Config{}, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, nil, errors.New("more than one JSON value")
	}
	c := j.Config
	if len(j.Mean) != 3 {
		return Config{}, nil, fmt.Errorf("mean has %d values, wanted 3", len(j.Mean))
	}
	if len(j.Std) != 3 {
		return Config{}, nil, fmt.Errorf("std has %d values, wanted 3", len(j.Std))
	}
	copy(c.Mean[:], j.Mean)
	copy(c.Std[:], j.Std)
	return c, j.Source, c.Validate()
}

// encodeConfig is what decodeConfig reads.
func encodeConfig(c Config, source Source) ([]byte, error) {
	text, err := json.MarshalIndent(configJSON{Config: c, Mean: c.Mean[:], Std: c.Std[:], Source: &source}, "", "  ")
	return append(text, '\n'), err
}

// maxSize bounds every size in a Config: far above any model of this kind, and small enough that
// products of two of them cannot overflow.
const maxSize = 1 << 24

// Validate reports the first value that no model can have, by its name in the JSON form.
func (c Config) Validate() error {
	t, v := c.Text, c.Vision
	sizes := []struct {
		name  string
		value int
	}{
		{"image_size", c.ImageSize}, {"patch_size", c.PatchSize},
		{"vision.width", v.Width}, {"vision.layers", v.Layers}, {"vision.head_width", v.HeadWidth}, {"vision.head_out", v.HeadOut},
		{"rope.pt_hw_seq_len", c.Rope.PtHWSeqLen},
		{"text.vocab_size", t.VocabSize}, {"text.hidden", t.Hidden}, {"text.layers", t.Layers}, {"text.heads", t.Heads},
		{"text.intermediate", t.Intermediate}, {"text.max_positions", t.MaxPositions}, {"text.type_vocab", t.TypeVocab},
	}
	for _, s := range sizes {
		if s.value < 1 || s.value > maxSize {
			return fmt.Errorf("%s is %d, wanted 1 to %d", s.name, s.value, maxSize)
		}
	}
	conditions := []struct {
		ok      bool
		problem string
	}{
		{v.Layers <= 1024 && t.Layers <= 1024, "a tower of more than 1024 layers"},
		{c.PatchSize <= c.ImageSize, "patch_size is larger than image_size"},
		{c.ImageSize%c.PatchSize == 0, "image_size is no multiple of patch_size"},
		{v.Width%v.HeadWidth == 0, "vision.width is no multiple of vision.head_width"},
		{v.HeadWidth%4 == 0, "vision.head_width is no multiple of 4, which the rotary embedding needs"},
		{t.Hidden%t.Heads == 0, "text.hidden is no multiple of text.heads"},
		{c.Patches()+2 <= t.MaxPositions, "text.max_positions has no room for a picture's patches, [CLS] and [SEP]"},
		{v.MLPRatio > 0 && v.MLPRatio < 1024 && c.SwiGLUWidth() > 0, "vision.mlp_ratio is not between 1/width and 1024"},
		{v.LNEps > 0 && v.LNEps < 1, "vision.ln_eps is not between 0 and 1"},
		{t.LNEps > 0 && t.LNEps < 1, "text.ln_eps is not between 0 and 1"},
		{c.Rope.Theta > 1, "rope.theta is not above 1"},
		{c.Std[0] > 0 && c.Std[1] > 0 && c.Std[2] > 0, "std is not positive"},
	}
	for _, condition := range conditions {
		if !condition.ok {
			return errors.New(condition.problem)
		}
	}
	return nil
}
