// Package engine turns pictures, texts, and pictures with an instruction into unit vectors with a
// Visualized-BGE model. It is usable in process, without any server:
//
//	e, err := engine.Open("models/base", engine.Options{})
//	if err != nil {
//		return err
//	}
//	defer e.Close()
//	results, err := e.Embed(ctx, []engine.Input{{Image: jpeg, Text: "make it blue"}})
//
// One Engine serves any number of goroutines, and is meant to: the inputs of all calls under way share
// the device's batches. Embed takes any number of inputs and returns a result or an error for each. Do is
// Embed for those who serve others: it lets interactive requests go ahead of bulk ones, refuses
// at once what a full queue has no room for, and bounds how long an input waits. A call ends early with
// its context, and what was not yet being computed then is never computed. Stats and Options.OnPass say
// what the engine is doing.
//
// Memory is bounded by Options, not by what callers ask for: at any time as much is decoded as MaxDecodeBytes
// allows, and some two batches a device wait prepared in each lane. What a call has beyond that stays
// the caller's until it is its turn.
//
// The model itself is in package model, the operations it is made of in package op, and the
// devices that compute them in packages gpu, cpu and ref. Package queue says in which order.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"vbge/engine/cpu"
	"vbge/engine/model"
	"vbge/engine/patchcache"
	"vbge/engine/queue"
	"vbge/engine/selftest"
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
	// NoCache lets the picture neither come from the cache of patch tokens nor go into it: the vision
	// tower computes.
	NoCache bool
}

// Result is what became of one Input.
type Result struct {
	Embedding []float32 // Dimension values, of unit length; nil if there is an error
	Tokens    int       // that went through the text tower: words, patches, [CLS] and [SEP]; 0 with an error
	Err       error     // why this input has no embedding
	Cached    bool      // the picture's tokens came from the cache
	Times     Times     // zero with an error
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
	config    weights.Config
	id        string
	tokenizer *tokenizer.Tokenizer
	options   Options // Precision is what is computed in
	reason    string  // for that precision

	queue    *queue.Queue[*work, prepared]
	decoding *semaphore.Weighted // of Options.MaxDecodeBytes
	cache    *patchcache.Cache   // nil where there is none
	lastPass atomic.Pointer[time.Time]
	workers  sync.WaitGroup // that prepare and compute
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
	var kept *selftest.Kept
	if o.Precision == automatic {
		if kept, err = selftest.Read(dir, folder.ID()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open model %s: %w", dir, err)
		}
	}
	e, err := choose(folder, vocabulary, o, kept)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", dir, err)
	}
	return e, nil
}

// New loads w onto the devices that o names. It does not keep w.
//
// With precision auto on a CPU it takes the fastest that the processor multiplies in by itself and whose embeddings of
// the known inputs of package selftest are near enough to float32's. For that the model is loaded in float32 first;
// Open need not, as `vbge convert` has kept the answers.
func New(w Weights, t *tokenizer.Tokenizer, o Options) (*Engine, error) {
	return choose(w, t, o, nil)
}

// choose opens the engine in the precision that o means. kept is float32's answer to the known input, or nil.
func choose(w Weights, t *tokenizer.Tokenizer, o Options, kept *selftest.Kept) (*Engine, error) {
	targets, err := o.targets()
	if err != nil {
		return nil, err
	}
	kind := targets[0].kind
	if o.Precision == automatic && kind == "cpu" && cpu.Built {
		return openFastest(w, t, o, kept)
	}
	e, err := open(w, t, o)
	if err != nil {
		return nil, err
	}
	switch o.Precision {
	case "":
		e.reason = "the default of device " + kind
	case automatic:
		e.reason = "what device " + kind + " is for"
	default:
		e.reason = "as asked for"
	}
	return e, nil
}

func open(w Weights, t *tokenizer.Tokenizer, o Options) (*Engine, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
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
	if o.Precision, err = o.on(targets[0].kind); err != nil {
		return nil, err
	}
	r, err := openReplicas(w, o, targets)
	if err != nil {
		return nil, err
	}
	e := &Engine{replicas: r, config: c, id: w.ID(), tokenizer: t, options: o}
	e.start()
	return e, nil
}

// start begins to take calls. The goroutines end in Close.
func (e *Engine) start() {
	o := e.options
	e.queue = queue.New[*work, prepared](queue.Options{
		Budget:     o.MaxBatchTokens,
		Prepared:   2 * o.MaxBatchTokens * len(e.replicas.all),
		Preparers:  o.Threads,
		MaxWaiting: o.MaxQueue,
		Devices:    len(e.replicas.all),
		Passes:     e.replicas.passes,
		Linger:     o.Linger,
		Shared:     e.replicas.onProcessors(),
	})
	e.decoding = semaphore.NewWeighted(o.MaxDecodeBytes)
	if o.PictureCacheBytes > 0 && e.config.TakesPictures() {
		e.cache = patchcache.New(o.PictureCacheBytes)
	}
	for range o.Threads + 1 { // bulk has all but one
		e.workers.Go(e.prepareAll)
	}
	for range len(e.replicas.all) * e.replicas.passes {
		e.workers.Go(e.computeAll)
	}
}

// Close ends calls under way with ErrClosed, once the passes under way are computed, and frees the devices'
// memory. Later calls are refused.
func (e *Engine) Close() error {
	e.queue.Stop(ErrClosed)
	e.workers.Wait()
	return e.replicas.close()
}

// Ready returns why the engine cannot embed any more, or nil. It does not recover: a process whose
// device has failed is best started again.
func (e *Engine) Ready() error { return e.replicas.ready() }

// Dimension returns the values of one embedding.
func (e *Engine) Dimension() int { return e.config.Text.Hidden }

// ModelID returns what tells the model's vectors from others': the SHA-256 of the checkpoint that it was converted
// from, with mean pooling one made of that.
func (e *Engine) ModelID() string { return e.id }

// Config returns the model's configuration.
func (e *Engine) Config() weights.Config { return e.config }

// Device returns the names of the devices in use, as --device takes them.
func (e *Engine) Device() string { return e.replicas.name() }

// Precision returns what --precision calls the type that products are multiplied in: how exact embeddings are.
func (e *Engine) Precision() string { return e.options.Precision }

// PrecisionReason says why it is that one, and with auto why no faster one.
func (e *Engine) PrecisionReason() string { return e.reason }

// FastJPEG tells whether large JPEGs are decoded at a fraction of their size.
func (e *Engine) FastJPEG() bool { return e.options.FastJPEG }

// Embed is Do in the lane Bulk, for any number of inputs: they are taken up as there is room for them.
func (e *Engine) Embed(ctx context.Context, inputs []Input) ([]Result, error) {
	return e.Do(ctx, Request{Inputs: inputs})
}
