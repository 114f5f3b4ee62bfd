// Package engine turns pictures, texts, and pictures with an instruction into unit vectors with a
// Visualized-BGE model. It is usable in process, without any server:
//
//	e, err := engine.Open("models/base", engine.Options{})
//	results, err := e.Embed(ctx, []engine.Input{{Image: jpeg, Text: "make it blue"}})
//
// The model itself is in package model, the operations it is made of in package op, and the
// devices that compute them in packages gpu, cpu and ref.
package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"vbge/cuda"
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
	// IDs are the model's token ids in place of Text; [CLS] and [SEP] are added where they do not
	// enclose them already.
	IDs []int32
	// RefuseLong makes words beyond the position table an error that wraps ErrTooLong; otherwise they
	// are cut off.
	RefuseLong bool
}

// Result is what became of one Input.
type Result struct {
	Embedding []float32 // Dimension values, of unit length; nil if there is an error
	Tokens    int       // that went through the text tower: words, patches, [CLS] and [SEP]; 0 with an error
	Err       error     // why this input has no embedding
	Cached    bool      // the picture's tokens came from the cache
	Times     Times
}

// Times says where an input's time went.
type Times struct {
	Wait    time.Duration // in queues: before it was prepared, and before it was computed
	Prepare time.Duration // decoding, resizing, tokenising
	Compute time.Duration // of the pass that it was in
}

// Weights is an open model: a model folder, or a generator of random weights.
type Weights interface {
	model.Weights
	ID() string
}

// Engine embeds inputs on one device, or on several that work side by side. Its methods may be
// called from several goroutines.
type Engine struct {
	replicas  replicas
	storage   cuda.Type // of activations
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

// New loads w onto the devices that o names. It does not keep w.
func New(w Weights, t *tokenizer.Tokenizer, o Options) (*Engine, error) {
	o = o.withDefaults()
	targets, err := o.targets()
	if err != nil {
		return nil, err
	}
	o = o.withBudget(targets)
	c := w.Config()
	if most := c.MaxTextTokens(false); o.MaxBatchTokens < most {
		return nil, fmt.Errorf("%w: --max-batch-tokens %d is less than the %d tokens of one long input", ErrTokenBudget, o.MaxBatchTokens, most)
	}
	storage, err := o.storage(targets[0].kind == "cuda")
	if err != nil {
		return nil, err
	}
	r, err := openReplicas(w, o, targets)
	if err != nil {
		return nil, err
	}
	return &Engine{replicas: r, storage: storage, config: c, id: w.ID(), tokenizer: t, options: o}, nil
}

// Close frees the devices' memory. No other call may be under way or follow.
func (e *Engine) Close() error { return e.replicas.close() }

// Ready returns why the engine cannot embed any more, or nil. It does not recover: a process whose
// device has failed is best started again.
func (e *Engine) Ready() error { return e.replicas.ready() }

// Dimension returns the values of one embedding.
func (e *Engine) Dimension() int { return e.config.Text.Hidden }

// ModelID returns the SHA-256 of the checkpoint that the model was converted from.
func (e *Engine) ModelID() string { return e.id }

// Config returns the model's configuration.
func (e *Engine) Config() weights.Config { return e.config }

// Device returns the names of the devices in use, as --device takes them.
func (e *Engine) Device() string { return e.replicas.name() }

// Storage returns the type that activations are stored in: how exact embeddings are.
func (e *Engine) Storage() cuda.Type { return e.storage }

// window is how many inputs are decoded before they are computed: enough for full batches, few
// enough that their pixels stay small (150 kB each for the full-size model).
func (e *Engine) window() int {
	if e.replicas.passes() == 1 {
		return 64
	}
	return 1024 // on GPUs: texts too fill a batch or two
}

// Embed returns one result for each input, in order. An input that cannot be embedded has its own
// error and does not disturb the others. The error is for the call as a whole: ctx cancelled, or
// the device failed; results computed until then are still there.
//
// An embedding does not depend on what else is in the call, to within 2e-6 in each value in float32
// and the precision's own rounding otherwise: matrix products may add up in another order in a batch
// of another size.
func (e *Engine) Embed(ctx context.Context, inputs []Input) ([]Result, error) {
	results := make([]Result, len(inputs))
	window := e.window()
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
	var passes errgroup.Group // a pass that fails does not stop others: what they compute is kept
	passes.SetLimit(e.replicas.passes())
	b := e.newBatch()
	for i, p := range ready {
		if results[i].Err != nil {
			continue
		}
		if !b.fits(p) {
			full := b
			passes.Go(func() error { return e.run(ctx, full, results) })
			b = e.newBatch()
		}
		b.add(p, i)
		results[i].Tokens = p.tokens
	}
	passes.Go(func() error { return e.run(ctx, b, results) })
	return passes.Wait()
}

func (e *Engine) newBatch() *batch { return &batch{budget: e.options.MaxBatchTokens} }

// run computes b's embeddings into its places among results.
func (e *Engine) run(ctx context.Context, b *batch, results []Result) error {
	if len(b.places) == 0 {
		return nil
	}
	r, err := e.replicas.take(ctx)
	if err != nil {
		return err
	}
	defer e.replicas.giveBack(r)
	var pass op.Pass
	y, err := r.model.Record(&pass, b.Batch, nil)
	if err != nil {
		return err
	}
	values := make([]float32, y.Rows*y.Cols)
	pass.Output(y, values)
	if err := r.backend.Run(ctx, &pass); err != nil {
		return err
	}
	for row, i := range b.places {
		results[i].Embedding = values[row*y.Cols : (row+1)*y.Cols : (row+1)*y.Cols]
	}
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
