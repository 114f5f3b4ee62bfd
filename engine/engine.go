// Package engine turns pictures, texts, and pictures with an instruction into unit vectors with a
// Visualized-BGE model. It is usable in process, without any server:
//
//	e, err := engine.Open("models/base", engine.Options{})
//	results, err := e.Embed(ctx, []engine.Input{{Image: jpeg, Text: "make it blue"}})
//
// The model itself is in package model, the operations it is made of in package op, and the
// devices that compute them in packages cpu and ref.
package engine

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/pixels"
	"vbge/tokenizer"
	"vbge/weights"
)

// Input is a picture, a text, or a picture with an instruction.
type Input struct {
	Image []byte // a picture file's bytes; nil for a text alone
	Text  string // may be empty beside a picture: that is the picture alone
}

// Result is what became of one Input.
type Result struct {
	Embedding []float32 // Dimension values, of unit length; nil if there is an error
	Tokens    int       // that went through the text tower: words, patches, [CLS] and [SEP]; 0 with an error
	Err       error     // why this input has no embedding
}

// Weights is an open model: a model folder, or a generator of random weights.
type Weights interface {
	model.Weights
	ID() string
}

// Engine embeds inputs on one device. Its methods may be called from several goroutines.
type Engine struct {
	backend   op.Backend
	model     *model.Model
	config    weights.Config
	id        string
	tokenizer *tokenizer.Tokenizer
	options   Options
}

// Open loads a model folder that `vbge convert` wrote.
func Open(dir string, o Options) (*Engine, error) {
	folder, err := weights.Open(dir)
	if err != nil {
		return nil, err
	}
	// The backend keeps a copy of its own.
	defer folder.Close()
	vocabulary, err := tokenizer.Load(folder.VocabPath())
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", dir, err)
	}
	e, err := New(folder, vocabulary, o)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", dir, err)
	}
	return e, nil
}

// New loads w onto the device that o names. It does not keep w.
func New(w Weights, t *tokenizer.Tokenizer, o Options) (*Engine, error) {
	o = o.withDefaults()
	c := w.Config()
	if most := c.MaxTextTokens(false); o.MaxBatchTokens < most {
		return nil, fmt.Errorf("%w: --max-batch-tokens %d is less than the %d tokens of one long input", ErrTokenBudget, o.MaxBatchTokens, most)
	}
	backend, modelOptions, err := OpenDevice(o)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(backend, w, modelOptions)
	if err != nil {
		backend.Close()
		return nil, err
	}
	return &Engine{backend: backend, model: m, config: c, id: w.ID(), tokenizer: t, options: o}, nil
}

// Close frees the device's memory. No other call may be under way or follow.
func (e *Engine) Close() error { return e.backend.Close() }

// Dimension returns the values of one embedding.
func (e *Engine) Dimension() int { return e.model.EmbeddingSize() }

// ModelID returns the SHA-256 of the checkpoint that the model was converted from.
func (e *Engine) ModelID() string { return e.id }

// Config returns the model's configuration.
func (e *Engine) Config() weights.Config { return e.config }

// Device returns the name of the device in use, as --device takes it.
func (e *Engine) Device() string { return e.backend.Name() }

// window is how many inputs are decoded before they are computed: enough for full batches, few
// enough that their pixels stay small (150 kB each for the full-size model).
const window = 64

// Embed returns one result for each input, in order. An input that cannot be embedded has its own
// error and does not disturb the others. The error is for the call as a whole: ctx cancelled, or
// the device failed; results computed until then are still there.
//
// An embedding does not depend on what else is in the call, to within 2e-6 in each value: matrix
// products may add up in another order in a batch of another size.
func (e *Engine) Embed(ctx context.Context, inputs []Input) ([]Result, error) {
	results := make([]Result, len(inputs))
	for first := 0; first < len(inputs); first += window {
		last := min(first+window, len(inputs))
		if err := e.embedWindow(ctx, inputs[first:last], results[first:last]); err != nil {
			err = fmt.Errorf("embed inputs %d to %d of %d: %w", first+1, last, len(inputs), err)
			for i, r := range results {
				if r.Embedding == nil && r.Err == nil {
					results[i] = Result{Err: err}
				}
			}
			return results, err
		}
	}
	return results, nil
}

func (e *Engine) embedWindow(ctx context.Context, inputs []Input, results []Result) error {
	ready := make([]prepared, len(inputs))
	var pool errgroup.Group
	pool.SetLimit(e.options.Threads)
	for i := range inputs {
		pool.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			ready[i], results[i].Err = e.prepare(inputs[i])
			return nil
		})
	}
	if err := pool.Wait(); err != nil {
		return err
	}
	b := batch{budget: e.options.MaxBatchTokens}
	for i, p := range ready {
		if results[i].Err != nil {
			continue
		}
		if !b.fits(p) {
			if err := e.run(ctx, &b, results); err != nil {
				return err
			}
		}
		b.add(p, i)
		results[i].Tokens = p.tokens
	}
	return e.run(ctx, &b, results)
}

// run computes b's embeddings into results and empties b.
func (e *Engine) run(ctx context.Context, b *batch, results []Result) error {
	if len(b.places) == 0 {
		return nil
	}
	var pass op.Pass
	y, err := e.model.Record(&pass, b.Batch, nil)
	if err != nil {
		return err
	}
	values := make([]float32, y.Rows*y.Cols)
	pass.Output(y, values)
	if err := e.backend.Run(ctx, &pass); err != nil {
		return err
	}
	for row, i := range b.places {
		results[i].Embedding = values[row*y.Cols : (row+1)*y.Cols : (row+1)*y.Cols]
	}
	*b = batch{budget: b.budget}
	return nil
}

// prepared is an input as the model takes it.
type prepared struct {
	pixels []uint8 // nil for a text alone
	ids    []int32
	tokens int // words and patches
}

func (e *Engine) prepare(in Input) (prepared, error) {
	p := prepared{}
	if in.Image != nil {
		var err error
		if p.pixels, err = pixels.Crop(in.Image, e.config.ImageSize, e.options.Limits); err != nil {
			return p, err
		}
		p.tokens = e.config.Patches()
	}
	p.ids = e.tokenizer.Encode(nil, in.Text, e.config.MaxTextTokens(in.Image != nil))
	p.tokens += len(p.ids)
	return p, nil
}
