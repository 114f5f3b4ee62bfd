package model

import (
	"fmt"
	"slices"

	"vbge/engine/op"
	"vbge/weights"
)

const visionPrefix = "model_visual.visual."

// visionTower is EVA02-CLIP's, without its final norm and head (section 6).
type visionTower struct {
	patchEmbedding op.Linear // [D, 3 p p]
	class          op.Table  // [1, D]
	positions      op.Table  // [1 + N, D]
	rotation       op.Rotary // [1 + N, head width]; row 0, [CLS], turns nothing
	heads          int
	blocks         []visionBlock
	projection     op.Linear // visual_proj, [H, D]
}

type visionBlock struct {
	norm1      norm
	qkv        op.Linear // [3 D, D]; k has no bias
	innerNorm  norm      // inner_attn_ln
	projection op.Linear
	norm2      norm
	gateUp     op.Linear // w1 and w2, [2 M, D]
	ffnNorm    norm      // ffn_ln, over all M
	down       op.Linear // w3
}

func (l *loader) visionTower(c weights.Config) *visionTower {
	d, n, p := c.Vision.Width, c.Patches(), c.PatchSize
	t := &visionTower{
		patchEmbedding: l.newLinear(d, 3*p*p,
			l.values(visionPrefix+"patch_embed.proj.weight", d, 3, p, p), l.values(visionPrefix+"patch_embed.proj.bias", d)),
		class:      l.newTable(1, d, l.values(visionPrefix+"cls_token", 1, 1, d)),
		positions:  l.newTable(1+n, d, l.values(visionPrefix+"pos_embed", 1, 1+n, d)),
		rotation:   l.rotation(n, c.Vision.HeadWidth),
		heads:      d / c.Vision.HeadWidth,
		projection: l.linear("visual_proj", c.Text.Hidden, d),
	}
	for i := range c.Vision.Layers {
		t.blocks = append(t.blocks, l.visionBlock(fmt.Sprintf("%sblocks.%d.", visionPrefix, i), c))
	}
	return t
}

// rotation loads the checkpoint's own buffers, which win over computed tables (section 3), below
// a row for [CLS] that leaves it as it is.
func (l *loader) rotation(n, width int) op.Rotary {
	one := slices.Repeat([]float32{1}, width)
	zero := make([]float32, width)
	return op.Rotary{
		Cos: l.newTable(1+n, width, append(one, l.values(visionPrefix+"rope.freqs_cos", n, width)...)),
		Sin: l.newTable(1+n, width, append(zero, l.values(visionPrefix+"rope.freqs_sin", n, width)...)),
	}
}

func (l *loader) visionBlock(key string, c weights.Config) visionBlock {
	d, m, eps := c.Vision.Width, c.SwiGLUWidth(), c.Vision.LNEps
	return visionBlock{
		norm1:      l.norm(key+"norm1", d, eps),
		qkv:        l.visionQKV(key+"attn.", d),
		innerNorm:  l.norm(key+"attn.inner_attn_ln", d, eps),
		projection: l.linear(key+"attn.proj", d, d),
		norm2:      l.norm(key+"norm2", d, eps),
		gateUp:     l.stacked([]string{key + "mlp.w1", key + "mlp.w2"}, m, d),
		ffnNorm:    l.norm(key+"mlp.ffn_ln", m, eps),
		down:       l.linear(key+"mlp.w3", d, m),
	}
}

func (l *loader) visionQKV(key string, d int) op.Linear {
	bias := slices.Concat(l.values(key+"q_bias", d), make([]float32, d), l.values(key+"v_bias", d))
	return l.newLinear(3*d, d, l.stack([]string{key + "q_proj", key + "k_proj", key + "v_proj"}, d, d), bias)
}

// record returns the projected patch tokens [pictures x N, H]; the tower's own [CLS] is dropped.
func (t *visionTower) record(p *op.Pass, m *Model, pixels []uint8, observe func(string, op.Tensor)) op.Tensor {
	c := m.config
	n := c.Patches()
	pictures := len(pixels) / (3 * c.ImageSize * c.ImageSize)

	x := p.Linear(p.Patches(op.Patches{Pixels: pixels, Side: c.ImageSize, Patch: c.PatchSize, Levels: &m.levels}), t.patchEmbedding)
	observe("patch_embed", x)
	places := make([]int32, pictures*(1+n))
	for i := range places {
		places[i] = int32(i % (1 + n))
	}
	x = p.AddRows(p.Prepend(x, t.class, op.Equal(pictures, n)), t.positions, places)
	observe("vision_input", x)
	tokens := op.Equal(pictures, 1+n)
	for i, b := range t.blocks {
		x = b.record(p, x, t, tokens)
		observe(fmt.Sprintf("vision_block_%d", i), x)
	}
	x = p.Linear(p.Gather(allButFirst(tokens), x), t.projection)
	observe("visual_proj", x)
	return x
}

func (b *visionBlock) record(p *op.Pass, x op.Tensor, t *visionTower, tokens op.Sequences) op.Tensor {
	d := x.Cols
	qkv := p.Linear(b.norm1.record(p, x), b.qkv)
	y := p.Attention(op.Attention{
		Q: qkv.Columns(0, d), K: qkv.Columns(d, 2*d), V: qkv.Columns(2*d, 3*d),
		Heads: t.heads, Queries: tokens, Keys: tokens, Rotation: &t.rotation,
	})
	x = p.LinearResidual(b.innerNorm.record(p, y), b.projection, x)
	y = p.SwiGLU(p.Linear(b.norm2.record(p, x), b.gateUp))
	return p.LinearResidual(b.ffnNorm.record(p, y), b.down, x)
}

func allButFirst(s op.Sequences) []int32 {
	rows := make([]int32, 0, s.Rows()-s.Len())
	for i := range s.Len() {
		for r := s[i] + 1; r < s[i+1]; r++ {
			rows = append(rows, r)
		}
	}
	return rows
}
