package weights

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadConfig(t *testing.T) {
	if c := readConfigFile(t, reference+"base.json"); c != Base() {
		t.Errorf("base.json is %+v, Base %+v", c, Base())
	}
	if _, err := ReadConfig("nowhere.json"); err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Errorf("a file that is not there: %v", err)
	}
	base, err := os.ReadFile(reference + "base.json")
	if err != nil {
		t.Fatal(err)
	}
	f := func(why, old, new string) {
		t.Helper()
		if !strings.Contains(string(base), old) {
			t.Fatalf("no %q in base.json", old)
		}
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(strings.Replace(string(base), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConfig(path); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names the file and %q", err, why)
		}
	}
	f("unknown field", `"heads"`, `"head"`)
	f("text.heads is 0", `"heads": 12,`, "")
	f("mean has 0 values", `"mean": [0.48145466, 0.4578275, 0.40821073],`, "")
	f("std has 2 values", "[0.26862954, 0.26130258, 0.27577711]", "[0.26862954, 0.26130258]")
	f("std is not positive", "0.26862954", "0")
	f("EOF", "}\n}", "}")
	f("more than 1048576 bytes", "}\n}", "}"+strings.Repeat(" ", 1<<20)+"}")
	f("more than one", "}\n}", "}\n}{}")
	f("image_size is -1", "224", "-1")
	f("vision.width is 99999999", `"width": 768`, `"width": 99999999`)
	f("more than 1024 layers", `"layers": 12`, `"layers": 1025`)
	f("larger than image_size", `"patch_size": 16`, `"patch_size": 225`)
	f("image_size is no multiple of patch_size", "224", "230")
	f("no multiple of vision.head_width", `"head_width": 64`, `"head_width": 80`)
	f("no multiple of 4", `"head_width": 64`, `"head_width": 6`)
	f("no multiple of text.heads", `"heads": 12`, `"heads": 11`)
	f("no room", `"max_positions": 512`, `"max_positions": 197`)
	f("mlp_ratio", "2.6667", "-1")
	f("vision.ln_eps", "1e-6", "0")
	f("text.ln_eps", "1e-12", "1")
	f("rope.theta", "10000.0", "0")
}

// miniLM is the config.json that all-MiniLM-L6-v2 is published with.
const miniLM = `{
  "_name_or_path": "nreimers/MiniLM-L6-H384-uncased",
  "architectures": ["BertModel"],
  "attention_probs_dropout_prob": 0.1,
  "gradient_checkpointing": false,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 384,
  "initializer_range": 0.02,
  "intermediate_size": 1536,
  "layer_norm_eps": 1e-12,
  "max_position_embeddings": 512,
  "model_type": "bert",
  "num_attention_heads": 12,
  "num_hidden_layers": 6,
  "pad_token_id": 0,
  "position_embedding_type": "absolute",
  "transformers_version": "4.8.2",
  "type_vocab_size": 2,
  "use_cache": true,
  "vocab_size": 30522
}`

// TestReadBERTConfig reads transformers' form, and refuses what makes another forward pass of it.
func TestReadBERTConfig(t *testing.T) {
	want := Config{Text: TextConfig{VocabSize: 30522, Hidden: 384, Layers: 6, Heads: 12, Intermediate: 1536,
		MaxPositions: 512, TypeVocab: 2, LNEps: 1e-12}}
	f := func(why, old, new string) {
		t.Helper()
		if !strings.Contains(miniLM, old) {
			t.Fatalf("no %q in the configuration", old)
		}
		path := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(path, []byte(strings.Replace(miniLM, old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := ReadConfig(path)
		if why == "" && (err != nil || c != want) {
			t.Errorf("%+v (%v), want %+v", c, err, want)
		}
		if why != "" && (err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path)) {
			t.Errorf("error %v, want one that names the file and %q", err, why)
		}
	}
	f("", "", "")
	f("", `"position_embedding_type": "absolute",`, "")
	f("", `"position_embedding_type": "absolute",`, `"position_embedding_type": null,`)
	f("", `"layer_norm_eps": 1e-12,`, "")
	f("", `"model_type": "bert",`, "")
	f(`hidden_act is "gelu_new"`, `"gelu"`, `"gelu_new"`)
	f(`position_embedding_type is "relative_key_query"`, `"absolute"`, `"relative_key_query"`)
	f(`model_type is "roberta"`, `"bert"`, `"roberta"`)
	f(`is_decoder is "true"`, `"use_cache": true`, `"is_decoder": true`)
	f("num_attention_heads is 0", `"num_attention_heads": 12,`, "")
	f("no multiple of text.heads", `"num_attention_heads": 12`, `"num_attention_heads": 7`)
	f("text.ln_eps", `1e-12`, `0`)
	f("hidden_size", `"hidden_size": 384`, `"hidden_size": "384"`)
}

// TestTextConfig: a model for texts alone has no word of pictures, or it has all of them.
func TestTextConfig(t *testing.T) {
	want := Config{Text: Base().Text, Pooling: PoolMean}
	text, err := encodeConfig(want, &Source{File: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"image", "patch", "mean\": [", "std", "vision", "rope"} {
		if strings.Contains(string(text), word) {
			t.Errorf("%q in %s", word, text)
		}
	}
	if c, _, err := decodeConfig(text); err != nil || c != want || c.TakesPictures() || c.Patches() != 0 || c.MaxTextTokens(false) != 512 {
		t.Errorf("read back as %+v (%v)", c, err)
	}
	for added, why := range map[string]string{
		`"std": [1, 1, 1]`:                           "mean has 0 values",
		`"image_size": 224`:                          "mean has 0 values",
		`"vision": {"width": 8}`:                     "mean has 0 values",
		`"mean": [0, 0, 0], "std": [1, 1, 1]`:        "image_size is 0",
		`"rope": {"theta": 1}`:                       "mean has 0 values",
		`"pooling": "max"`:                           `pooling "max": want cls or mean`,
		`"pooling": ""`:                              `pooling "": want cls or mean`,
		`"pooling": 1`:                               "pooling",
		`"hidden_dropout_prob": 0.1`:                 "unknown field",
		`"pooling_mode": "mean"`:                     "unknown field",
		`"image_size": 0, "mean": [], "std": null`:   "",
		`"vision": null, "rope": null, "source": {}`: "",
	} {
		changed := strings.Replace(string(text), "{", "{"+added+",", 1)
		if _, _, err := decodeConfig([]byte(changed)); (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s: error %v, want one about %q", added, err, why)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"base.json", "tiny.json", "micro.json"} {
		text, err := os.ReadFile(reference + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(miniLM))
	text, err := encodeConfig(Config{Text: Base().Text, Pooling: PoolMean}, &Source{File: "a", SHA256: "00", Bytes: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := decodeConfig(text)
		if err != nil {
			return
		}
		source := Source{File: "a.pth", SHA256: "00", Bytes: 1}
		again, err := encodeConfig(c, &source)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", c, err)
		}
		back, s, err := decodeConfig(again)
		if err != nil || back != c || *s != source {
			t.Fatalf("%+v is read back as %+v (%v)", c, back, err)
		}
		if c.TakesPictures() && (c.Grid() < 1 || c.SwiGLUWidth() < 1) || c.MaxTextTokens(c.TakesPictures()) < 2 {
			t.Fatalf("%+v passed as valid", c)
		}
	})
}
