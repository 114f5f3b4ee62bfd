// Package selftest embeds a known input and holds the result against the vector that `vbge convert`
// kept in the model folder: whether a device still computes what it should, and how near a precision
// comes to float32. The input is a picture made by arithmetic with words beside it, or the words alone.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"vbge/engine/golden"
	"vbge/weights"
)

// Version is of the known input. Another picture or other words are another version.
const Version = 1

// words are plain ASCII, which every vocabulary has tokens for.
const words = "a known picture: stripes of red, green and blue"

// Kept is what became of the known input on a device that is trusted.
type Kept struct {
	Version   int       `json:"input"`            // Version
	Picture   bool      `json:"picture"`          // whether it had its picture, or is the words alone
	Reason    string    `json:"reason,omitempty"` // why the words alone
	Model     string    `json:"model"`            // its id
	Device    string    `json:"device"`           // as --device calls it
	Embedding []float32 `json:"embedding"`        // of unit length
	// Others are embeddings that precisions are judged by, see KeepOthers. Older folders have none.
	Others [][]float32 `json:"others,omitempty"`
}

// String says what was embedded, and where.
func (k *Kept) String() string {
	if k.Picture {
		return "picture and words, on " + k.Device
	}
	return fmt.Sprintf("words alone, on %s: %s", k.Device, k.Reason)
}

// Embedder embeds a picture file, nil for none, with words: ahead of bulk, and both towers compute each time.
type Embedder interface {
	EmbedAnew(ctx context.Context, image []byte, words string) ([]float32, error)
}

// Embed returns the known input's embedding, with or without its picture.
func Embed(ctx context.Context, e Embedder, picture bool) ([]float32, error) {
	return input{picture, words}.embed(ctx, e)
}

// Engine is the part of engine.Engine that Make asks.
type Engine interface {
	Embedder
	Device() string
	ModelID() string
	Config() weights.Config
}

// Make embeds the known input to keep the result. It leaves out the picture where the model takes
// none, or where e is the plain Go engine, which would take too long for it.
func Make(ctx context.Context, e Engine) (*Kept, error) {
	k := &Kept{Version: Version, Picture: true, Model: e.ModelID(), Device: e.Device()}
	switch c := e.Config(); {
	case !c.TakesPictures():
		k.Picture, k.Reason = false, "the model has no vision tower"
	case k.Device == "ref" && pictureWork(c) > mostOnRef:
		k.Picture, k.Reason = false, "a picture takes plain Go too long with a model of this size"
	}
	var err error
	if k.Embedding, err = Embed(ctx, e, k.Picture); err != nil {
		return nil, err
	}
	return k, k.check()
}

// mostOnRef is about two seconds of plain Go on two cores, in multiplications.
const mostOnRef = 1e10

// pictureWork returns the multiplications of both towers' products for one picture.
func pictureWork(c weights.Config) float64 {
	v, t := c.Vision, c.Text
	vision := v.Layers * v.Width * (4*v.Width + 3*c.SwiGLUWidth())
	text := t.Layers * t.Hidden * (4*t.Hidden + 2*t.Intermediate)
	return float64(c.Patches()) * float64(vision+text)
}

// Check returns how got, the known input's embedding of another time or device, is farther from what
// was kept than bound allows, or nil.
func (k *Kept) Check(got []float32, bound golden.Bound) error {
	if len(got) != len(k.Embedding) {
		return fmt.Errorf("the known input's embedding has %d values, the one that was kept %d", len(got), len(k.Embedding))
	}
	difference, cosine := golden.Distance(got, k.Embedding)
	if !(difference <= bound.Difference) || !(cosine >= bound.Cosine) { // NaN is neither
		return fmt.Errorf("the known input's embedding is off by %.3g from the one that was kept (at most %.3g), cosine %.9f (at least %.9f)",
			difference, bound.Difference, cosine, bound.Cosine)
	}
	return nil
}

// check refuses what no model could have made.
func (k *Kept) check() error {
	if k.Version != Version {
		return fmt.Errorf("the known input is version %d, this build's is %d: make the model folder anew with vbge convert", k.Version, Version)
	}
	if len(k.Embedding) == 0 {
		return errors.New("the known input has no embedding")
	}
	if n := len(k.others()); len(k.Others) != 0 && len(k.Others) != n {
		return fmt.Errorf("%d embeddings of other inputs, not %d", len(k.Others), n)
	}
	for _, embedding := range append(k.Others[:len(k.Others):len(k.Others)], k.Embedding) {
		if err := checkUnit(embedding, len(k.Embedding)); err != nil {
			return err
		}
	}
	return nil
}

func checkUnit(embedding []float32, values int) error {
	if len(embedding) != values {
		return fmt.Errorf("embeddings of %d and of %d values", values, len(embedding))
	}
	var squares float64
	for _, v := range embedding {
		squares += float64(v) * float64(v)
	}
	if length := math.Sqrt(squares); !(math.Abs(length-1) <= 1e-3) {
		return fmt.Errorf("the known input's embedding has length %.6g, not 1", length)
	}
	return nil
}
