package weights

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func shapesOf(c Config) map[string][]int {
	shapes := map[string][]int{}
	for _, l := range layout(c) {
		shapes[l.name] = l.shape
	}
	return shapes
}

// TestInferConfigs infers from shapes alone what the configuration files say.
func TestInferConfigs(t *testing.T) {
	f := func(file string, unknown func(*Config)) {
		t.Helper()
		want := readConfigFile(t, file)
		got, assumed, err := infer(shapesOf(want), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.SwiGLUWidth() != want.SwiGLUWidth() {
			t.Errorf("%s: ratio %v gives width %d, want %d", file, got.Vision.MLPRatio, got.SwiGLUWidth(), want.SwiGLUWidth())
		}
		got.Vision.MLPRatio = want.Vision.MLPRatio // any ratio that gives the width is as good
		unknown(&want)
		if got != want {
			t.Errorf("%s: inferred\n%+v, want\n%+v", file, got, want)
		}
		for _, field := range []string{"image_size", "text.heads", "vision.mlp_ratio", "mean", "std", "vision.ln_eps", "text.ln_eps", "rope.theta", "rope.pt_hw_seq_len"} {
			found := false
			for _, a := range assumed {
				found = found || a.Field == field
			}
			if !found {
				t.Errorf("%s: %s was assumed silently", file, field)
			}
		}
	}
	f(reference+"base.json", func(*Config) {})
	f(reference+"tiny.json", func(*Config) {})
	f(demo+"demo.json", func(*Config) {})
	f(reference+"micro.json", func(c *Config) { c.Text.Heads = 1 }) // width 32 has no heads of 64
}

// TestInferGiven holds a given configuration against the tensors, field by field.
func TestInferGiven(t *testing.T) {
	micro := readConfigFile(t, reference+"micro.json")
	f := func(field string, edit func(*Config)) {
		t.Helper()
		given := micro
		edit(&given)
		got, _, err := infer(shapesOf(micro), &given)
		if field == "" {
			if err != nil || got != given {
				t.Errorf("%+v (%v), want %+v", got, err, given)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), "given configuration has "+field+" ") {
			t.Errorf("error %v, want one about %s", err, field)
		}
	}
	f("", func(c *Config) {})
	f("", func(c *Config) { c.Text.Heads, c.Text.LNEps, c.Rope.Theta, c.Mean[0] = 8, 1e-6, 100, 0 })
	f("", func(c *Config) { c.Vision.MLPRatio = 2.66 })
	f("grid", func(c *Config) { c.ImageSize = 40 })
	f("patch_size", func(c *Config) { c.PatchSize = 16 })
	f("vision.width", func(c *Config) { c.Vision.Width = 64 })
	f("vision.layers", func(c *Config) { c.Vision.Layers = 2 })
	f("vision.head_width", func(c *Config) { c.Vision.HeadWidth = 32 })
	f("vision.head_out", func(c *Config) { c.Vision.HeadOut = 9 })
	f("inner width of the SwiGLU", func(c *Config) { c.Vision.MLPRatio = 2 })
	f("text.vocab_size", func(c *Config) { c.Text.VocabSize = 479 })
	f("text.hidden", func(c *Config) { c.Text.Hidden = 64 })
	f("text.layers", func(c *Config) { c.Text.Layers = 2 })
	f("text.intermediate", func(c *Config) { c.Text.Intermediate = 65 })
	f("text.max_positions", func(c *Config) { c.Text.MaxPositions = 41 })
	f("text.type_vocab", func(c *Config) { c.Text.TypeVocab = 1 })
}

func TestInferRefuses(t *testing.T) {
	f := func(why string, edit func(map[string][]int)) {
		t.Helper()
		shapes := shapesOf(readConfigFile(t, reference+"micro.json"))
		edit(shapes)
		if _, _, err := infer(shapes, nil); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	f("text.vocab_size is unknown", func(s map[string][]int) { clear(s) })
	f("tensors are missing: model_visual.visual.cls_token", func(s map[string][]int) { delete(s, visual+"cls_token") })
	f("shape [32 32]", func(s map[string][]int) { s[visual+"cls_token"] = []int{32, 32} })
	f("not a square", func(s map[string][]int) { s[visual+"pos_embed"] = []int{1, 18, 32} })
	f("not a square", func(s map[string][]int) { s[visual+"pos_embed"] = []int{1, 1, 32} })
	f("vision.head_out", func(s map[string][]int) { s[visual+"head.weight"] = []int{8} })
	f("no multiple of vision.head_width", func(s map[string][]int) { s[RopeCos] = []int{16, 12} })
	f("image_size: pictures of more than 4096 pixels", func(s map[string][]int) { s[visual+"patch_embed.proj.weight"] = []int{32, 3, 1025, 1025} })
	f("no room for a picture", func(s map[string][]int) { s["bge_embeddings.position_embeddings.weight"] = []int{17, 32} })
	f("more than 1024 layers", func(s map[string][]int) {
		for i := range 1025 {
			s[fmt.Sprintf("bge_encoder.layer.%d.x", i)] = nil
		}
	})
}

// TestInferText infers models for texts alone, which any tensor of a vision tower rules out.
func TestInferText(t *testing.T) {
	micro := readConfigFile(t, reference+"micro.json")
	want := Config{Text: micro.Text}
	want.Text.Heads = 1 // width 32 has no heads of 64
	got, assumed, err := infer(shapesOf(want), nil)
	if err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	if fmt.Sprint(assumed) != "[{text.heads 1 text.hidden / 64} {text.ln_eps 1e-12 base model's default}]" {
		t.Errorf("assumed %v", assumed)
	}
	given := Config{Text: micro.Text, Pooling: PoolMean}
	if got, _, err := infer(shapesOf(want), &given); err != nil || got != given {
		t.Errorf("%+v (%v), want %+v", got, err, given)
	}
	small := Config{Text: TextConfig{VocabSize: 10, Hidden: 384, Layers: 1, Heads: 12, Intermediate: 8, MaxPositions: 8, TypeVocab: 2, LNEps: 1e-12}}
	if got, _, err := infer(shapesOf(small), nil); err != nil || got != small {
		t.Errorf("%+v (%v), want %+v", got, err, small)
	}

	refused := func(why string, shapes map[string][]int, given *Config) {
		t.Helper()
		if _, _, err := infer(shapes, given); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	odd := Config{Text: small.Text}
	odd.Text.Hidden = 200
	refused("--config says what they cannot tell): text.hidden is no multiple of text.heads", shapesOf(odd), nil)
	refused("given configuration has vision.width 32, but the checkpoint has no vision tower", shapesOf(want), &micro)
	refused("given configuration has vision.width 0, but the checkpoint has a vision tower", shapesOf(micro), &given)
	given.Text.Layers++
	refused("given configuration has text.layers 2, but the tensors bge_encoder.layer.* says 1", shapesOf(want), &given)
	relative := shapesOf(want)
	relative["bge_encoder.layer.0.attention.self.distance_embedding.weight"] = []int{1023, 64}
	refused(`distance_embedding.weight" is of relative position embeddings`, relative, nil)
	for _, name := range []string{"model_visual.logit_scale", "visual_proj.bias"} {
		shapes := shapesOf(want)
		shapes[name] = []int{32}
		refused("patch_size is unknown", shapes, nil)
	}
}

// TestInferWithoutHead lacks the one measured tensor that inference can do without.
func TestInferWithoutHead(t *testing.T) {
	shapes := shapesOf(readConfigFile(t, reference+"tiny.json"))
	delete(shapes, visual+"head.weight")
	c, assumed, err := infer(shapes, nil)
	if err != nil || c.Vision.HeadOut != Base().Vision.HeadOut || assumed[0].Field != "vision.head_out" {
		t.Errorf("%+v, assumed %v, %v", c, assumed, err)
	}
}

func TestRatioFor(t *testing.T) {
	for width := 1; width < 1200; width += 7 {
		for inner := 1; inner < 4000; inner += 13 {
			c := Config{Vision: VisionConfig{Width: width, MLPRatio: ratioFor(inner, width)}}
			if c.SwiGLUWidth() != inner {
				t.Fatalf("width %d, inner width %d: ratio %v gives %d", width, inner, c.Vision.MLPRatio, c.SwiGLUWidth())
			}
		}
	}
}

func TestTensorError(t *testing.T) {
	var e *TensorError
	if err := error(&TensorError{Name: "a", Want: []int{1, 2}, Found: []int{2, 1}}); !errors.As(err, &e) || err.Error() != "tensor a has shape [2 1], wanted [1 2]" {
		t.Error(err)
	}
	if err := (&TensorError{Name: "a", Want: []int{1}}).Error(); err != "no tensor a (wanted with shape [1])" {
		t.Error(err)
	}
}
