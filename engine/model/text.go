package model

import (
	"fmt"

	"vbge/engine/op"
	"vbge/weights"
)

// textTower is the BERT of bge-base-en-v1.5, which reads words and patch tokens (section 7).
type textTower struct {
	word, tokenType, position op.Table
	norm                      norm
	heads                     int
	layers                    []textLayer
	last                      *pooledLayer // in place of the last of layers, or nil
	mean                      *meanPooling // in place of [CLS] alone, or nil
}

// textLayer is one post-norm encoder layer.
type textLayer struct {
	qkv        op.Linear // [3 H, H]
	projection op.Linear // attention.output.dense
	norm1      norm
	up, down   op.Linear // intermediate.dense, output.dense
	norm2      norm
}

// pooledLayer is a textLayer that computes [CLS] of every sequence alone.
type pooledLayer struct {
	textLayer
	query    op.Linear // [H, H]
	keyValue op.Linear // [2 H, H]
}

func (l *loader) textTower(c weights.Config, o Options) *textTower {
	const embeddings = "bge_embeddings."
	h := c.Text.Hidden
	t := &textTower{
		word:      l.newTable(c.Text.VocabSize, h, l.values(embeddings+"word_embeddings.weight", c.Text.VocabSize, h)),
		tokenType: l.newTable(c.Text.TypeVocab, h, l.values(embeddings+"token_type_embeddings.weight", c.Text.TypeVocab, h)),
		position:  l.newTable(c.Text.MaxPositions, h, l.values(embeddings+"position_embeddings.weight", c.Text.MaxPositions, h)),
		norm:      l.norm(embeddings+"LayerNorm", h, c.Text.LNEps),
		heads:     c.Text.Heads,
	}
	if c.Pooling == weights.PoolMean {
		t.mean = l.meanPooling(h)
	}
	for i := range c.Text.Layers {
		key := fmt.Sprintf("bge_encoder.layer.%d.", i)
		query, keyName, value := key+"attention.self.query", key+"attention.self.key", key+"attention.self.value"
		layer := l.textLayer(key, c)
		if o.PooledRowOnly && t.mean == nil && i == c.Text.Layers-1 {
			t.last = &pooledLayer{layer, l.linear(query, h, h), l.stacked([]string{keyName, value}, h, h)}
			break
		}
		layer.qkv = l.stacked([]string{query, keyName, value}, h, h)
		t.layers = append(t.layers, layer)
	}
	return t
}

// textLayer loads all but the projections to queries, keys and values.
func (l *loader) textLayer(key string, c weights.Config) textLayer {
	h, m, eps := c.Text.Hidden, c.Text.Intermediate, c.Text.LNEps
	return textLayer{
		projection: l.linear(key+"attention.output.dense", h, h),
		norm1:      l.norm(key+"attention.output.LayerNorm", h, eps),
		up:         l.linear(key+"intermediate.dense", m, h),
		down:       l.linear(key+"output.dense", h, m),
		norm2:      l.norm(key+"output.LayerNorm", h, eps),
	}
}

// recordPatches returns what the tower reads of pictures: x, the vision tower's n rows of each, with
// positions 1..n, normed.
func (t *textTower) recordPatches(p *op.Pass, x op.Tensor, n int) op.Tensor {
	positions := make([]int32, x.Rows)
	for i := range positions {
		positions[i] = int32(1 + i%n)
	}
	return t.norm.record(p, p.AddRows(x, t.position, positions))
}

// record returns the embeddings [inputs, H]. patches are recordPatches's and those of earlier passes,
// n rows a picture.
func (t *textTower) record(p *op.Pass, n int, b Batch, patches []op.Tensor, observe func(string, op.Tensor)) op.Tensor {
	in := arrange(b, n)
	x := t.norm.record(p, p.Embedding(op.Embedding{
		Word: t.word, TokenType: t.tokenType, Position: t.position, IDs: b.IDs, Positions: in.positions}))
	if len(patches) > 0 {
		x = p.Gather(in.order, append([]op.Tensor{x}, patches...)...)
	}
	observe("bert_input", x)
	for i, layer := range t.layers {
		x = layer.record(p, x, t.heads, in.sequences)
		observe(fmt.Sprintf("bert_layer_%d", i), x)
	}
	switch {
	case t.mean != nil:
		x = t.mean.record(p, x, t.heads, in.sequences)
	case t.last != nil:
		x = t.last.record(p, x, t.heads, in.sequences)
		observe(fmt.Sprintf("bert_layer_%d", len(t.layers)), x)
	default:
		x = p.Gather(in.sequences[:in.sequences.Len()], x)
	}
	return p.Normalise(x)
}

// arrangement says where the tokens of a batch go in the text tower's input.
type arrangement struct {
	positions []int32      // of the words
	order     []int32      // rows of words above patch tokens, in the order of the sequences
	sequences op.Sequences // of words and patch tokens together
}

// arrange puts [CLS] first, at position 0, then the picture's n patches, at 1..n, then the other
// words and [SEP], from position n+1 (section 7). A text alone has positions 0, 1, 2, ...
func arrange(b Batch, n int) arrangement {
	words := int32(len(b.IDs))
	in := arrangement{sequences: op.Sequences{0}}
	for i, picture := range b.Pictures {
		first, after := b.Tokens[i], b.Tokens[i+1]
		shift := int32(0)
		in.order = append(in.order, first)
		if picture >= 0 {
			shift = int32(n)
			for r := range n {
				in.order = append(in.order, words+int32(picture*n+r))
			}
		}
		in.positions = append(in.positions, 0)
		for r := first + 1; r < after; r++ {
			in.positions = append(in.positions, r-first+shift)
			in.order = append(in.order, r)
		}
		in.sequences = append(in.sequences, int32(len(in.order)))
	}
	return in
}

func (l *textLayer) record(p *op.Pass, x op.Tensor, heads int, tokens op.Sequences) op.Tensor {
	h := x.Cols
	qkv := p.Linear(x, l.qkv)
	y := p.Attention(op.Attention{
		Q: qkv.Columns(0, h), K: qkv.Columns(h, 2*h), V: qkv.Columns(2*h, 3*h),
		Heads: heads, Queries: tokens, Keys: tokens,
	})
	return l.afterAttention(p, x, y)
}

func (l *pooledLayer) record(p *op.Pass, x op.Tensor, heads int, tokens op.Sequences) op.Tensor {
	h, n := x.Cols, tokens.Len()
	class := p.Gather(tokens[:n], x)
	kv := p.Linear(x, l.keyValue)
	y := p.Attention(op.Attention{
		Q: p.Linear(class, l.query), K: kv.Columns(0, h), V: kv.Columns(h, 2*h),
		Heads: heads, Queries: op.Equal(n, 1), Keys: tokens,
	})
	return l.afterAttention(p, class, y)
}

// afterAttention computes the rest of the layer from its input x and its attention's result y.
func (l *textLayer) afterAttention(p *op.Pass, x, y op.Tensor) op.Tensor {
	x = l.norm1.record(p, p.LinearResidual(y, l.projection, x))
	return l.norm2.record(p, p.LinearResidual(p.GELU(p.Linear(x, l.up)), l.down, x))
}
