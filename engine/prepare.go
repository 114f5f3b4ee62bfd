package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"vbge/engine/patchcache"
	"vbge/engine/pixels"
	"vbge/engine/queue"
)

// item is an input on its way through the queue.
type item = queue.Item[*work, prepared]

// prepared is an input as the model takes it. A picture has pixels, or patches from the cache.
type prepared struct {
	pixels  []uint8
	patches []float32
	keep    bool // the patch tokens that a pass makes of pixels, in the cache, by key
	key     patchcache.Key
	ids     []int32
	took    time.Duration
}

func (p *prepared) picture() bool { return p.pixels != nil || p.patches != nil }

// prepareAll prepares inputs until the queue is stopped.
func (e *Engine) prepareAll() {
	for {
		i, ok := e.queue.Next()
		if !ok {
			return
		}
		p, err := e.prepare(i.Context(), i.Request.inputs[i.Place], i.Lane())
		if err != nil {
			e.queue.Failed(i, err)
			continue
		}
		i.Prepared, i.Tokens = p, len(p.ids)
		if p.picture() {
			i.Tokens += e.config.Patches()
		}
		e.queue.Ready(i)
	}
}

func (e *Engine) prepare(ctx context.Context, in Input, lane queue.Lane) (p prepared, err error) {
	defer recovered(&err)
	began := time.Now()
	if in.Image != nil && !e.config.TakesPictures() {
		return p, ErrNoVision
	}
	if p.ids, err = e.words(in); err != nil {
		return p, err
	}
	waited := time.Duration(0)
	if in.Image != nil {
		if waited, err = e.look(ctx, &p, in, lane); err != nil {
			return p, err
		}
	}
	p.took = time.Since(began) - waited
	return p, nil
}

// recovered turns a panic into an error.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// look brings a picture from the cache, or decodes it, and returns how long it waited for its share of memory.
// Interactive pictures are kept: it is their words that change. Others are only looked for, and where there is
// nothing to find their hash is saved.
func (e *Engine) look(ctx context.Context, p *prepared, in Input, lane queue.Lane) (waited time.Duration, err error) {
	cached := e.cache != nil && !in.NoCache
	p.keep = cached && lane == queue.Interactive
	if p.keep || cached && e.cache.Stats().Entries > 0 {
		p.key = patchcache.KeyOf(in.Image)
		if p.patches = e.cache.Get(p.key); p.patches != nil {
			return 0, nil
		}
	}
	reading := e.options.Pixels()
	bytes, err := reading.DecodedBytes(in.Image, e.config.ImageSize)
	if err != nil {
		return 0, err
	}
	bytes = min(bytes, e.options.MaxDecodeBytes) // a larger one alone
	began := time.Now()
	if err := e.decoding.Acquire(ctx, bytes); err != nil {
		return 0, err
	}
	defer e.decoding.Release(bytes)
	waited = time.Since(began)
	p.pixels, err = reading.Crop(in.Image, e.config.ImageSize)
	return waited, err
}

// Pixels returns how pictures are read.
func (o Options) Pixels() pixels.Options {
	return pixels.Options{Limits: o.Limits, EXIF: o.EXIF, FastJPEG: o.FastJPEG}
}

// mostCounted is how far tokens are counted that are too many, so that a huge text costs no more to refuse.
const mostCounted = 1 << 16

// words returns an input's token ids, [CLS] and [SEP] included, as many as the position table has room for.
func (e *Engine) words(in Input) ([]int32, error) {
	fits := e.config.MaxTextTokens(in.Image != nil)
	if len(in.IDs) > 0 {
		return e.given(in, fits)
	}
	most := fits
	if in.RefuseLong {
		most = max(fits+1, mostCounted)
	}
	ids := e.tokenizer.Encode(make([]int32, 0, min(most, len(in.Text)+2)), in.Text, most)
	if len(ids) <= fits {
		return ids, nil
	}
	if len(ids) == most {
		return nil, fmt.Errorf("%w: more than %d tokens with [CLS] and [SEP], %d fit", ErrTooLong, most-1, fits)
	}
	return nil, tooLong(len(ids), fits)
}

func tooLong(tokens, fits int) error {
	return fmt.Errorf("%w: %d tokens with [CLS] and [SEP], %d fit", ErrTooLong, tokens, fits)
}

// given checks token ids and encloses them in [CLS] and [SEP].
func (e *Engine) given(in Input, fits int) ([]int32, error) {
	if in.Text != "" {
		return nil, fmt.Errorf("%w: a text and token ids; give one of them", ErrInput)
	}
	for i, id := range in.IDs {
		if size := e.config.Text.VocabSize; id < 0 || int(id) >= size {
			return nil, fmt.Errorf("%w: token id %d, number %d of the input, is not one of the vocabulary's 0 to %d", ErrInput, id, i, size-1)
		}
	}
	enclosed := e.tokenizer.Encode(make([]int32, 0, len(in.IDs)+2), "", fits)
	class, separator := enclosed[0], enclosed[1]
	inner, n := in.IDs, len(in.IDs)
	if n >= 2 && inner[0] == class && inner[n-1] == separator {
		inner = inner[1 : n-1]
	}
	if len(inner)+2 > fits {
		if in.RefuseLong {
			return nil, tooLong(len(inner)+2, fits)
		}
		inner = inner[:fits-2]
	}
	return slices.Insert(enclosed, 1, inner...), nil
}
