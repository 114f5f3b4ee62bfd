package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/selftest"
	"vbge/tokenizer"
)

// openFastest loads w in the fastest precision of this processor that is exact enough for the model: one whose
// embeddings of the known inputs are as near to float32's as golden.BoundOn asks. kept is float32's, or nil: then the
// model is loaded in float32 first, for its answers. A precision that is refused costs its loading and four passes.
func openFastest(w Weights, t *tokenizer.Tokenizer, o Options, kept *selftest.Kept) (*Engine, error) {
	var refused []string
	for _, p := range fasterOnCPU {
		if err := cpu.Supports(p); err != nil {
			refused = append(refused, fmt.Sprintf("not %s: %v", p, err))
			continue
		}
		if kept == nil || kept.Others == nil {
			var err error
			if kept, err = makeKept(w, t, o); err != nil {
				return nil, err
			}
		}
		o.Precision = string(p)
		e, err := open(w, t, o)
		if err != nil {
			return nil, err
		}
		cosine, err := kept.Cosine(context.Background(), e)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		least := golden.BoundOn("cpu", o.Precision).Cosine
		judged := fmt.Sprintf("cosine %.5f to float32 on known inputs, at least %g is asked", cosine, least)
		if cosine >= least {
			e.reason = strings.Join(append([]string{judged}, refused...), "; ")
			return e, nil
		}
		if err := e.Close(); err != nil {
			return nil, err
		}
		refused = append(refused, fmt.Sprintf("not %s: %s", p, judged))
	}
	o.Precision = string(cpu.Float32)
	e, err := open(w, t, o)
	if err == nil {
		e.reason = strings.Join(refused, "; ")
	}
	return e, err
}

// makeKept embeds the known inputs in float32.
func makeKept(w Weights, t *tokenizer.Tokenizer, o Options) (*selftest.Kept, error) {
	o.Precision = string(cpu.Float32)
	e, err := open(w, t, o)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	kept, err := selftest.Make(ctx, e)
	if err == nil {
		err = kept.KeepOthers(ctx, e)
	}
	return kept, errors.Join(err, e.Close())
}

// EmbedAnew embeds a picture file, nil for none, with words: ahead of bulk, and with nothing from the cache. It is
// what package selftest asks of a device.
func (e *Engine) EmbedAnew(ctx context.Context, image []byte, words string) ([]float32, error) {
	results, err := e.Do(ctx, Request{Inputs: []Input{{Image: image, Text: words, NoCache: true}}, Lane: Interactive})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return nil, err
	}
	return results[0].Embedding, nil
}
