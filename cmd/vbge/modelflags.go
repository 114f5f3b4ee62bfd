package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/tokenizer"
	"vbge/weights"
)

// modelFlags are the flags of every command that loads a model.
type modelFlags struct {
	dir     string
	vocab   string // of the random model
	options engine.Options
}

// randomModel is what --model calls the full-size model with random weights: speed without a download.
const randomModel = "random"

func (m *modelFlags) add(c *cobra.Command) {
	addModelDir(c, &m.dir)
	c.Flags().Lookup("model").Usage += "; random is the full-size model with random weights, for measuring"
	c.Flags().StringVar(&m.vocab, "vocab", "docs/demo/vocab.txt", "vocabulary of --model random, which has none of its own")
	m.addEngine(c)
	m.addLimits(c)
}

func (m *modelFlags) addDevice(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.options.Device, "device", "auto", "where to compute: "+strings.Join(engine.Devices, ", ")+"; several GPUs with commas between")
	f.StringVar(&m.options.Precision, "precision", "", "of matrix products: "+strings.Join(engine.Precisions, ", ")+
		"; auto is the fastest that this processor has and this model allows; by default float32 on a CPU, bfloat16 on a GPU")
	f.IntVar(&m.options.Threads, "threads", 0, "that compute and decode; 0 is as many as there are processors for this process")
}

func (m *modelFlags) addEngine(c *cobra.Command) {
	m.addDevice(c)
	c.Flags().IntVar(&m.options.MaxBatchTokens, "max-batch-tokens", 0,
		fmt.Sprintf("token budget of one pass: bounds its memory; 0 is %d on a CPU, %d on a GPU", engine.DefaultMaxBatchTokens, engine.DefaultGPUBatchTokens))
}

func (m *modelFlags) addLimits(c *cobra.Command) {
	f, d := c.Flags(), pixels.DefaultLimits()
	f.Int64Var(&m.options.Limits.MaxBytes, "max-image-bytes", d.MaxBytes, "refuse larger picture files")
	f.Int64Var(&m.options.Limits.MaxPixels, "max-pixels", d.MaxPixels, "refuse pictures of more pixels, before decoding")
	f.BoolVar(&m.options.EXIF, "exif", false, "turn pictures as their EXIF orientation says, which the original does not: use it for all of a catalogue, or for none")
	f.BoolVar(&m.options.FastJPEG, "fast-jpeg", false, "decode large JPEGs at a half, a quarter or an eighth of their size: faster, at a small cost (cosines in docs/exactness.md)")
}

// check refuses values that no model could be opened with, so that they are wrong use.
func (m *modelFlags) check() error {
	if err := m.options.Check(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return nil
}

// open loads the model. In what this build falls short is said to log, once.
func (m *modelFlags) open(log io.Writer) (*engine.Engine, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	e, err := m.load()
	if err != nil {
		return nil, err
	}
	for _, caveat := range engine.Caveats(m.options.Device) {
		fmt.Fprintln(log, "vbge:", caveat)
	}
	return e, nil
}

func (m *modelFlags) load() (*engine.Engine, error) {
	if m.dir != randomModel {
		return engine.Open(m.dir, m.options)
	}
	vocabulary, err := tokenizer.Load(m.vocab)
	if err != nil {
		return nil, fmt.Errorf("%w: --model random: read --vocab: %w", errUsage, err)
	}
	return engine.New(weights.Random(weights.Base(), 0), vocabulary, m.options)
}

func addModelDir(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "model", cmp.Or(os.Getenv("VBGE_MODEL"), "models/base"), "model folder that vbge convert wrote; $VBGE_MODEL is its default")
}
