package bench

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

// Kinds are what is measured where nothing is said. A text has TextTokens tokens, and so have a pair's words.
// text128 is a kind too: texts of so many tokens.
var Kinds = []string{"image", "pair", "text"}

// TextTokens is the length of a short description, [CLS] and [SEP] counted.
const TextTokens = 16

// ErrKind says that an input cannot be of that kind.
var ErrKind = errors.New("no kind of input")

// KindsOf returns those that a model can embed.
func KindsOf(c weights.Config) []string {
	if c.TakesPictures() {
		return Kinds
	}
	return []string{"text"}
}

// Input says what a kind of input is made of: the tokens of its words, and whether a picture comes with them.
func Input(kind string) (words int, picture bool, err error) {
	switch kind {
	case "image":
		return 2, true, nil // [CLS] [SEP]
	case "pair":
		return TextTokens, true, nil
	case "text":
		return TextTokens, false, nil
	}
	words, err = strconv.Atoi(strings.TrimPrefix(kind, "text"))
	if err != nil || words < 1 || kind != "text"+strconv.Itoa(words) {
		return 0, false, fmt.Errorf("%w: %s: choose of %s, or text and a number of tokens, as in text128", ErrKind, kind, strings.Join(Kinds, ", "))
	}
	return words, false, nil
}

// random is SplitMix64: short enough that who compares another program with this one can draw the same inputs.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Record makes a pass of a batch of random inputs of a kind, and counts its tokens. Input i is the same in every
// batch: samples, then token ids, drawn one after the other from SplitMix64 with the state i * 2^32.
func Record(m *model.Model, c weights.Config, kind string, batch int) (p *op.Pass, tokens int, err error) {
	words, picture, err := Input(kind)
	if err != nil {
		return nil, 0, err
	}
	if picture && !c.TakesPictures() {
		return nil, 0, fmt.Errorf("kind %s: %w", kind, model.ErrNoVision)
	}
	b := model.Batch{Tokens: op.Sequences{0}}
	for i := range batch {
		draw, at := random(i)<<32, -1
		if picture {
			at = i
			for range 3 * c.ImageSize * c.ImageSize {
				b.Pixels = append(b.Pixels, uint8(draw.next()>>56))
			}
		}
		b.Pictures = append(b.Pictures, at)
		for range words {
			b.IDs = append(b.IDs, int32(draw.next()%uint64(c.Text.VocabSize)))
		}
		b.Tokens = append(b.Tokens, int32(len(b.IDs)))
	}
	tokens = batch * words
	if picture {
		tokens += batch * c.Patches()
	}
	p = &op.Pass{}
	y, err := m.Record(p, b, nil)
	if err != nil {
		return nil, 0, err
	}
	p.Output(y, make([]float32, y.Rows*y.Cols))
	return p, tokens, nil
}
