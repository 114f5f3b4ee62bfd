package selftest

import (
	"context"
	"fmt"

	"vbge/engine/golden"
)

// others are what precisions are judged by besides the known input: rounding costs a short text most, and one without
// any words the most of all.
func (k *Kept) others() []input {
	some := []input{{words: words}, {}}
	if k.Picture {
		return append(some, input{picture: true})
	}
	return some[1:] // the known input is the words alone
}

type input struct {
	picture bool
	words   string
}

// KeepOthers embeds the inputs that precisions are judged by, on the device that k is of, which computes in float32.
func (k *Kept) KeepOthers(ctx context.Context, e Embedder) error {
	k.Others = nil
	for _, in := range k.others() {
		embedding, err := in.embed(ctx, e)
		if err != nil {
			return err
		}
		k.Others = append(k.Others, embedding)
	}
	return k.check()
}

// Cosine returns the smallest cosine of e's embeddings of the known input and the others to those that were kept.
func (k *Kept) Cosine(ctx context.Context, e Embedder) (float64, error) {
	inputs := append(k.others(), input{k.Picture, words})
	smallest := 1.0
	for i, want := range append(k.Others[:len(k.Others):len(k.Others)], k.Embedding) {
		got, err := inputs[i].embed(ctx, e)
		if err != nil {
			return 0, err
		}
		if len(got) != len(want) {
			return 0, fmt.Errorf("an embedding that was kept has %d values, the model's have %d", len(want), len(got))
		}
		_, cosine := golden.Distance(got, want)
		if !(cosine >= smallest) { // NaN is the smallest
			smallest = cosine
		}
	}
	return smallest, nil
}

func (in input) embed(ctx context.Context, e Embedder) ([]float32, error) {
	var image []byte
	if in.picture {
		var err error
		if image, err = pictureFile(); err != nil {
			return nil, err
		}
	}
	embedding, err := e.EmbedAnew(ctx, image, in.words)
	if err != nil {
		return nil, fmt.Errorf("embed a known input: %w", err)
	}
	return embedding, nil
}
