package weights

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

type entry = safetensors.Entry

// asSafetensors writes a checkpoint's tensors as safetensors, under the names that rename gives them;
// those it names "" are left out.
func asSafetensors(t testing.TB, checkpoint string, rename func(string) string) string {
	t.Helper()
	file, err := openCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var sources []tensor.Source
	for _, v := range file.Tensors() {
		if name := rename(v.Name); name != "" {
			sources = append(sources, tensor.Source{Name: name, DType: v.DType, Shape: v.Shape,
				Data: func(w io.Writer) error { return file.CopyTo(t.Context(), w, v) }})
		}
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, sources); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoint.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func itself(name string) string { return name }

// bertName is the name that a BERT alone has for a tensor, "" for those of the vision tower.
func bertName(name string) string {
	bare, ok := strings.CutPrefix(name, "bge_")
	if !ok {
		return ""
	}
	return bare
}

// textCheckpoint is micro's text tower alone.
func textCheckpoint(t testing.TB) string {
	return asSafetensors(t, checkpoints+"micro.pth", func(name string) string {
		if !strings.HasPrefix(name, "bge_") {
			return ""
		}
		return name
	})
}

// TestVariants converts all containers of one model, and safetensors made of them: those of one
// precision give one folder, and rounding the float32 one's tensors gives the others.
func TestVariants(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	models := map[string]*Folder{}
	for _, variant := range []string{"micro", "micro_views", "micro_fp16", "micro_wrapped", "micro_legacy", "micro_bf16"} {
		checkpoint := checkpoints + variant + ".pth"
		models[variant], _ = converted(t, checkpoint, reference+"tiny_vocab.txt", &c)
		models[variant+" in safetensors"], _ = converted(t, asSafetensors(t, checkpoint, itself), reference+"tiny_vocab.txt", &c)
	}
	for name, model := range models {
		like, as := models["micro"], tensor.F32
		switch variant, _, _ := strings.Cut(name, " "); variant {
		case "micro_fp16", "micro_wrapped", "micro_legacy": // make_checkpoint.py casts these
			like, as = models["micro_fp16"], tensor.F16
		case "micro_bf16":
			like, as = models["micro_bf16"], tensor.BF16
		}
		t.Run(name, func(t *testing.T) {
			sameModel(t, model, like)
			for _, l := range layout(c) {
				if l.role != needed {
					continue
				}
				got, err := model.Float32(l.name, l.shape...)
				if err != nil {
					t.Fatal(err)
				}
				single, err := models["micro"].Float32(l.name, l.shape...)
				if err != nil {
					t.Fatal(err)
				}
				encoded, err := as.Append(nil, single)
				if err != nil {
					t.Fatal(err)
				}
				want := make([]float32, len(single))
				if err := as.Float32s(want, encoded); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: not float32's values rounded (%v)", l.name, err)
				}
			}
		})
	}
}

// TestNames converts a BERT under the names that files have for it, alone and beside a vision tower.
func TestNames(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	pictures, _ := converted(t, checkpoints+"micro.pth", reference+"tiny_vocab.txt", &c)
	text := Config{Text: c.Text}
	texts, _ := converted(t, textCheckpoint(t), reference+"tiny_vocab.txt", &text)
	orWhole := func(name string) string {
		if bare := bertName(name); bare != "" {
			return bare
		}
		return name
	}
	below := func(prefix string, names func(string) string) func(string) string {
		return func(name string) string {
			if name = names(name); name != "" {
				name = prefix + name
			}
			return name
		}
	}
	for _, test := range []struct {
		name   string
		rename func(string) string
		note   string
		want   *Folder
	}{
		{"module.", below("module.", itself), "", pictures},
		{"BERT and vision", orWhole, "bge_ put before a BERT's names", pictures},
		{"BERT", bertName, "bge_ put before a BERT's names", texts},
		{"below bert.", below("bert.", bertName), "bge_ in place of bert. before a BERT's names", texts},
		{"below module.bert.", below("module.bert.", bertName), "bge_ in place of bert. before a BERT's names", texts},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := test.want.Config()
			got, report := converted(t, asSafetensors(t, checkpoints+"micro.pth", test.rename), reference+"tiny_vocab.txt", &config)
			sameModel(t, got, test.want)
			if report.Names != test.note || test.note != "" && !strings.Contains(report.String(), "names     "+test.note) || len(report.Surplus) > 0 {
				t.Errorf("names %q, want %q; surplus %v", report.Names, test.note, report.Surplus)
			}
		})
	}
}

func TestRename(t *testing.T) {
	f := func(want string, names ...string) {
		t.Helper()
		var views []*tensor.View
		for _, name := range names {
			views = append(views, &tensor.View{Name: name})
		}
		got := "error"
		if n, err := rename(views); err == nil {
			got = ""
			for _, v := range n.tensors {
				got += v.Name + " "
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
	const words = "embeddings.word_embeddings.weight"
	f("bge_"+words+" bge_encoder.layer.0.x bge_pooler.dense.bias cls.bias", words, "encoder.layer.0.x", "pooler.dense.bias", "cls.bias")
	f("bge_"+words+" encoder.layer.0.x cls.bias", "bert."+words, "encoder.layer.0.x", "cls.bias")
	f("bge_x "+words, "bge_x", words)
	f("encoder.layer.0.x", "encoder.layer.0.x")
	f("error", words, "module."+words)
	f("error", "a", "module.a")
}

// TestContentTells gives files names that do not fit them.
func TestContentTells(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	dir := t.TempDir()
	for from, to := range map[string]string{checkpoints + "micro.pth": "zip.safetensors", checkpoints + "micro_legacy.pth": "legacy.safetensors",
		asSafetensors(t, checkpoints+"micro.pth", itself): "safetensors.pth", checkpoints + "micro_bf16.pth": "model-00001-of-00001.bin"} {
		path := filepath.Join(dir, to)
		copyFile(t, path, from, func(content []byte) []byte { return content })
		converted(t, path, reference+"tiny_vocab.txt", &c)
	}
}

func TestPooling(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	mean, cls := PoolMean, PoolCLS
	averaged := c
	averaged.Pooling = PoolMean
	checkpoint := checkpoints + "micro.pth"
	ids := map[string]Pooling{}
	for _, test := range []struct {
		config  *Config
		pooling *Pooling
		want    Pooling
	}{
		{&c, nil, PoolCLS}, {&c, &mean, PoolMean}, {&averaged, nil, PoolMean}, {&averaged, &cls, PoolCLS},
	} {
		out := filepath.Join(t.TempDir(), "out")
		report, err := Convert(t.Context(), checkpoint, ConvertOptions{Vocab: reference + "tiny_vocab.txt", Config: test.config, Pooling: test.pooling, Out: out})
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := f.Config().Pooling; got != test.want || !strings.Contains(report.String(), "pooling   "+test.want.String()) {
			t.Errorf("pooling %v, want %v; report:\n%s", got, test.want, report)
		}
		// Vectors of another pooling are another model's.
		if known, ok := ids[f.ID()]; ok && known != test.want || (f.ID() == report.Source.SHA256) != (test.want == PoolCLS) {
			t.Errorf("pooling %v has the ID %s", test.want, f.ID())
		}
		ids[f.ID()] = test.want
	}
}
