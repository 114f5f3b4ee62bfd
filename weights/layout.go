package weights

import (
	"fmt"
	"math"
)

// visual is what stands before the vision tower's names.
const visual = "model_visual.visual."

// Names of the rotary embedding's buffers, which all blocks share: a model folder holds them once.
const (
	RopeCos = visual + "rope.freqs_cos"
	RopeSin = visual + "rope.freqs_sin"
)

// role is what becomes of a tensor.
type role int

const (
	needed   role = iota
	unused        // in the released file, but not part of inference
	sameRope      // a block's own name for the shared rotary buffers
)

// layoutTensor is one tensor of a checkpoint: its shape, its role, and the distribution that
// random weights draw it from (not used for rotary buffers, which are computed).
type layoutTensor struct {
	name      string
	shape     []int
	role      role
	mean, std float64
	rope      bool
}

// layout lists every tensor of a checkpoint of the given configuration, in the file's order:
// MODEL.md section 3, and spec() of make_checkpoint.py for the distributions. Without a vision tower
// it is the BERT alone.
func layout(c Config) []layoutTensor {
	var l layoutList
	l.text(c.Text)
	if !c.TakesPictures() {
		return l
	}
	l.add("model_visual.logit_scale", unused, math.Log(1/0.07), 0)
	l.vision(c)
	l.dense("visual_proj", needed, c.Text.Hidden, c.Vision.Width, 0.05, 0.005)
	return l
}

type layoutList []layoutTensor

func (l *layoutList) add(name string, r role, mean, std float64, shape ...int) {
	*l = append(*l, layoutTensor{name: name, shape: shape, role: r, mean: mean, std: std})
}

func (l *layoutList) norm(name string, r role, width int) {
	l.add(name+".weight", r, 1, 0.1, width)
	l.add(name+".bias", r, 0, 0.05, width)
}

func (l *layoutList) dense(name string, r role, out, in int, gain, bias float64) {
	l.add(name+".weight", r, 0, gain/math.Sqrt(float64(in)), out, in)
	if bias != 0 {
		l.add(name+".bias", r, 0, bias, out)
	}
}

func (l *layoutList) rope(prefix string, r role, c Config) {
	for _, part := range []string{"cos", "sin"} {
		*l = append(*l, layoutTensor{name: prefix + "rope.freqs_" + part, role: r, rope: true,
			shape: []int{c.Patches(), c.Vision.HeadWidth}})
	}
}

func (l *layoutList) text(t TextConfig) {
	h, inner := t.Hidden, t.Intermediate
	mix := 1.0
	if t.Layers <= 4 {
		mix = 2.5 // a shallow tower must move [CLS] faster away from its constant start
	}
	for i := range t.Layers {
		k := fmt.Sprintf("bge_encoder.layer.%d.", i)
		l.dense(k+"attention.self.query", needed, h, h, 1.3, 0.02)
		l.dense(k+"attention.self.key", needed, h, h, 1.3, 0.02)
		l.dense(k+"attention.self.value", needed, h, h, mix, 0.02)
		l.dense(k+"attention.output.dense", needed, h, h, mix, 0.02)
		l.norm(k+"attention.output.LayerNorm", needed, h)
		l.dense(k+"intermediate.dense", needed, inner, h, 0.8, 0.02)
		l.dense(k+"output.dense", needed, h, inner, 0.6, 0.02)
		l.norm(k+"output.LayerNorm", needed, h)
	}
	l.add("bge_embeddings.word_embeddings.weight", needed, 0, 0.05, t.VocabSize, h)
	l.add("bge_embeddings.position_embeddings.weight", needed, 0, 0.015, t.MaxPositions, h)
	l.add("bge_embeddings.token_type_embeddings.weight", needed, 0, 0.01, t.TypeVocab, h)
	l.norm("bge_embeddings.LayerNorm", needed, h)
	l.dense("bge_pooler.dense", unused, h, h, 1, 0.02)
}

func (l *layoutList) vision(c Config) {
	d, p, inner := c.Vision.Width, c.PatchSize, c.SwiGLUWidth()
	l.add(visual+"cls_token", needed, 0, 0.3, 1, 1, d)
	l.add(visual+"pos_embed", needed, 0, 0.15, 1, c.Patches()+1, d)
	l.add(visual+"patch_embed.proj.weight", needed, 0, 1/math.Sqrt(3)/float64(p), d, 3, p, p)
	l.add(visual+"patch_embed.proj.bias", needed, 0, 0.05, d)
	l.rope(visual, needed, c)
	for i := range c.Vision.Layers {
		k := fmt.Sprintf("%sblocks.%d.", visual, i)
		l.norm(k+"norm1", needed, d)
		l.add(k+"attn.q_bias", needed, 0, 0.1, d)
		l.add(k+"attn.v_bias", needed, 0, 0.1, d)
		l.dense(k+"attn.q_proj", needed, d, d, 1.2, 0)
		l.dense(k+"attn.k_proj", needed, d, d, 1.2, 0)
		l.dense(k+"attn.v_proj", needed, d, d, 1, 0)
		l.norm(k+"attn.inner_attn_ln", needed, d)
		l.dense(k+"attn.proj", needed, d, d, 0.5, 0.02)
		l.rope(k+"attn.", sameRope, c)
		l.norm(k+"norm2", needed, d)
		l.dense(k+"mlp.w1", needed, inner, d, 1, 0.02)
		l.dense(k+"mlp.w2", needed, inner, d, 1, 0.02)
		l.norm(k+"mlp.ffn_ln", needed, inner)
		l.dense(k+"mlp.w3", needed, d, inner, 0.5, 0.02)
	}
	l.norm(visual+"norm", unused, d)
	l.dense(visual+"head", unused, c.Vision.HeadOut, d, 1, 0.02)
}
