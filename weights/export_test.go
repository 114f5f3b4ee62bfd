package weights

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

// sameModel compares two folders in everything but where they came from, byte for byte.
func sameModel(t testing.TB, got, want *Folder) {
	t.Helper()
	if got.Config() != want.Config() {
		t.Errorf("configuration %+v, want %+v", got.Config(), want.Config())
	}
	same := maps.EqualFunc(got.header.Tensors, want.header.Tensors, func(a, b entry) bool {
		return a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && a.Begin == b.Begin && a.End == b.End
	})
	if !same || !bytes.Equal(got.content[got.header.DataOffset:], want.content[want.header.DataOffset:]) {
		t.Error("model.safetensors differs in more than its source")
	}
}

// TestExport makes a folder, a file of it, and a folder of that.
func TestExport(t *testing.T) {
	for _, test := range []struct{ name, checkpoint, config string }{
		{"float32", checkpoints + "micro.pth", reference + "micro.json"},
		{"float16, two blocks", checkpoints + "tiny_fp16.pth", reference + "tiny.json"},
		{"texts alone", textCheckpoint(t), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var config *Config
			if test.config != "" {
				c := readConfigFile(t, test.config)
				config = &c
			}
			model, _ := converted(t, test.checkpoint, reference+"tiny_vocab.txt", config)
			original, err := openCheckpoint(test.checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			defer original.Close()
			for _, extension := range []string{".pth", ".safetensors"} {
				path := filepath.Join(t.TempDir(), "out"+extension)
				report, err := Export(t.Context(), model.dir, path, "")
				if err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(path); err != nil || info.Size() != report.Bytes || report.Tensors != len(original.Tensors()) {
					t.Errorf("reported %d bytes, %d tensors; %v, %d (%v)", report.Bytes, report.Tensors, info.Size(), len(original.Tensors()), err)
				}
				c := model.Config()
				again, _ := converted(t, path, model.VocabPath(), &c)
				sameModel(t, again, model)
				compareCheckpoints(t, path, original)
			}
		})
	}
}

// compareCheckpoints holds an exported file against the one that its folder was made from.
func compareCheckpoints(t *testing.T, path string, original *checkpoint) {
	t.Helper()
	file, err := openCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, err := newPlan(original.Tensors(), ConvertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*tensor.View{}
	for i, v := range file.Tensors() {
		found[v.Name] = v
		if want := original.Tensors()[i]; file.format == original.format && file.format == formatZip && v.Name != want.Name {
			t.Errorf("%s stands where %s does in the original", v.Name, want.Name)
		}
	}
	for _, want := range original.Tensors() {
		got := found[want.Name]
		if got == nil || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("%s: %+v, want %+v", want.Name, got, want)
			continue
		}
		if p.fates[want.Name] == Unused {
			continue
		}
		var a, b bytes.Buffer
		if err := errors.Join(file.CopyTo(t.Context(), &a, got), original.CopyTo(t.Context(), &b, want)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: other values", want.Name)
		}
	}
	if cos := found[RopeCos]; cos != nil && file.format == formatZip && !cos.SameData(found[visual+"blocks.0.attn.rope.freqs_cos"]) {
		t.Error("the blocks' rotary buffers do not share their storage")
	}
}

// TestExportTypes rounds on the way out what could have been rounded on the way in.
func TestExportTypes(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	single, _ := converted(t, checkpoints+"micro.pth", reference+"tiny_vocab.txt", &c)
	for _, test := range []struct {
		as   tensor.DType
		like string
	}{{tensor.F16, "micro_fp16.pth"}, {tensor.BF16, "micro_bf16.pth"}} {
		want, _ := converted(t, checkpoints+test.like, reference+"tiny_vocab.txt", &c)
		for _, name := range []string{"out.pth", "out.safetensors"} {
			path := filepath.Join(t.TempDir(), name)
			if _, err := Export(t.Context(), single.dir, path, test.as); err != nil {
				t.Fatal(err)
			}
			got, _ := converted(t, path, single.VocabPath(), &c)
			sameModel(t, got, want)
		}
	}
}

func TestExportFills(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	model, _ := converted(t, checkpoints+"micro.pth", reference+"tiny_vocab.txt", &c)
	path := filepath.Join(t.TempDir(), "out.safetensors")
	report, err := Export(t.Context(), model.dir, path, "")
	if err != nil {
		t.Fatal(err)
	}
	const want = "bge_pooler.dense.weight bge_pooler.dense.bias model_visual.logit_scale " + visual + "norm.weight " +
		visual + "norm.bias " + visual + "head.weight " + visual + "head.bias"
	if got := strings.Join(report.Filled, " "); got != want {
		t.Errorf("filled %s", got)
	}
	file, err := openCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, v := range file.Tensors() {
		value, ok := map[string]float32{"bge_pooler.dense.weight": 0, "model_visual.logit_scale": 2.6592600, visual + "norm.weight": 1}[v.Name]
		if !ok {
			continue
		}
		var data bytes.Buffer
		if err := file.CopyTo(t.Context(), &data, v); err != nil {
			t.Fatal(err)
		}
		values := make([]float32, data.Len()/4)
		if err := v.DType.Float32s(values, data.Bytes()); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(values, func(x float32) bool { return x != value }) {
			t.Errorf("%s: %v, want all %v", v.Name, values[:1], value)
		}
	}
}

// TestWriteWhole leaves alone what comes to the path while the file is written.
func TestWriteWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.pth")
	_, err := writeWhole(path, func(w io.Writer) error { return os.WriteFile(path, []byte("precious"), 0o600) })
	content, readErr := os.ReadFile(path)
	if !errors.Is(err, fs.ErrExist) || string(content) != "precious" {
		t.Errorf("error %v, and %q is there (%v)", err, content, readErr)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("it left %v (%v)", left, err)
	}
}

// TestExportRefuses also makes sure that a refusal writes nothing.
func TestExportRefuses(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	model, _ := converted(t, checkpoints+"micro.pth", reference+"tiny_vocab.txt", &c)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name      string
		ctx       context.Context
		dir, path string
		sentinel  error
	}{
		{"another name", t.Context(), model.dir, "out.bin", ErrExportName},
		{"a file that is there", t.Context(), model.dir, "there.pth", fs.ErrExist},
		{"no model folder", t.Context(), filepath.Join(model.dir, "none"), "out.pth", fs.ErrNotExist},
		{"no folder to write to", t.Context(), model.dir, "none/out.pth", fs.ErrNotExist},
		{"cancelled", ended, model.dir, "out.pth", context.Canceled},
		{"cancelled", ended, model.dir, "out.safetensors", context.Canceled},
	} {
		out := t.TempDir()
		if err := os.WriteFile(filepath.Join(out, "there.pth"), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Export(test.ctx, test.dir, filepath.Join(out, test.path), "")
		if !errors.Is(err, test.sentinel) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.sentinel)
		}
		left, err := os.ReadDir(out)
		content, readErr := os.ReadFile(filepath.Join(out, "there.pth"))
		if err != nil || len(left) != 1 || string(content) != "precious" {
			t.Errorf("%s: it left %v, %q (%v)", test.name, left, content, errors.Join(err, readErr))
		}
	}
}
