package weights

import (
	"bytes"
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

// configJSON is config.json: a Config, and in model folders its source. What only a vision tower has is
// there as a whole, or in a model for texts alone not at all.
type configJSON struct {
	ImageSize int           `json:"image_size,omitempty"`
	PatchSize int           `json:"patch_size,omitempty"`
	Mean      []float32     `json:"mean,omitempty"`
	Std       []float32     `json:"std,omitempty"`
	Vision    *VisionConfig `json:"vision,omitempty"`
	Rope      *RopeConfig   `json:"rope,omitempty"`
	Text      TextConfig    `json:"text"`
	Pooling   Pooling       `json:"pooling"`
	Source    *Source       `json:"source,omitempty"`
}

// ReadConfig reads a configuration in the form of reference/base.json or of a model folder's
// config.json, with every field there and nothing else, or in that of a BERT's config.json as transformers
// writes it, for a model of texts alone.
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
	text, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return Config{}, nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	if len(text) > maxConfigBytes {
		return Config{}, nil, fmt.Errorf("configuration %s has more than %d bytes", path, maxConfigBytes)
	}
	c, source, err := decodeConfig(text)
	if err != nil {
		return Config{}, nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, source, nil
}

// decodeConfig reads either form; only the first has a source, and need not have one.
func decodeConfig(text []byte) (Config, *Source, error) {
	if isBERTConfig(text) {
		c, err := decodeBERTConfig(text)
		return c, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var j configJSON
	if err := d.Decode(&j); err != nil {
		return Config{}, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, nil, errors.New("more than one JSON value")
	}
	c, err := j.config()
	if err != nil {
		return Config{}, nil, err
	}
	return c, j.Source, c.Validate()
}

// config returns what the JSON says, not yet validated.
func (j *configJSON) config() (Config, error) {
	c := Config{ImageSize: j.ImageSize, PatchSize: j.PatchSize, Text: j.Text, Pooling: j.Pooling}
	if j.Vision != nil {
		c.Vision = *j.Vision
	}
	if j.Rope != nil {
		c.Rope = *j.Rope
	}
	if !c.TakesPictures() && len(j.Mean)+len(j.Std) == 0 {
		return c, nil
	}
	// A shorter or missing list would silently leave zeros.
	if len(j.Mean) != 3 {
		return Config{}, fmt.Errorf("mean has %d values, wanted 3", len(j.Mean))
	}
	if len(j.Std) != 3 {
		return Config{}, fmt.Errorf("std has %d values, wanted 3", len(j.Std))
	}
	copy(c.Mean[:], j.Mean)
	copy(c.Std[:], j.Std)
	return c, nil
}

// encodeConfig is what decodeConfig reads.
func encodeConfig(c Config, source *Source) ([]byte, error) {
	j := configJSON{Text: c.Text, Pooling: c.Pooling, Source: source}
	if c.TakesPictures() {
		j.ImageSize, j.PatchSize, j.Mean, j.Std, j.Vision, j.Rope = c.ImageSize, c.PatchSize, c.Mean[:], c.Std[:], &c.Vision, &c.Rope
	}
	text, err := json.MarshalIndent(j, "", "  ")
	return append(text, '\n'), err
}
