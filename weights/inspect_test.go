package weights

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func inspectOf(t *testing.T, path string, o ConvertOptions) *Inspection {
	t.Helper()
	i, err := Inspect(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInspect(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	const query = "bge_encoder.layer.0.attention.self.query.weight"
	for _, test := range []struct {
		name, path, format, lines string
		config                    *Config
	}{
		{"zip", checkpoints + "micro.pth", formatZip, `
			kept | ` + query + ` | F32 | [32 32] | 0
			shared | model_visual.visual.blocks.0.attn.rope.freqs_cos | F32 | [16 16] | 28 (2 tensors)
			unused | model_visual.logit_scale | F32 | [] | 23
			convert would keep 50 tensors; shared 2, unused 7, surplus 0
			vision    32 px in patches of 8 (16 tokens), width 32, 1 layers, heads of 16, SwiGLU width 85`, &c},
		{"views", checkpoints + "micro_views.pth", formatZip, `
			kept | ` + query + ` | F32 | [32 32] | 0 from 7 strides [1 32] (59 tensors)
			assumed   text.heads = 1 (text.hidden / 64)`, nil},
		{"legacy", checkpoints + "micro_legacy.pth", formatLegacy, `
			convert would keep 50 tensors; shared 2, unused 7, surplus 0`, &c},
		{"wrapped", checkpoints + "micro_wrapped.pth", formatZip, `
			unused | module.bge_embeddings.position_ids | I64 | [1 40] | 57
			convert would keep 50 tensors; shared 2, unused 8, surplus 0`, &c},
		{"a BERT", asSafetensors(t, checkpoints+"micro.pth", bertName), formatSafetensors, `
			kept | encoder.layer.0.attention.self.query.weight | F32 | [32 32]
			names     bge_ put before a BERT's names
			vision    none: a model for texts alone
			convert would keep 21 tensors; shared 0, unused 2, surplus 0`, nil},
		{"another model", asSafetensors(t, checkpoints+"micro.pth", func(name string) string { return "other." + name }), formatSafetensors, `
			| other.` + query + ` | F32 | [32 32]
			convert would refuse it: the tensors are neither`, nil},
		{"one tensor wrong", microCheckpoint(t, with(query, func(x *tensor.Source) { x.Shape = []int{64, 16} })), formatZip, `
			refused | ` + query + ` | F32 | [64 16]
			convert would refuse it: tensor ` + query + ` has shape [64 16], wanted [32 32]`, &c},
		{"a terminal's orders", microCheckpoint(t, func(all []tensor.Source) []tensor.Source {
			return append(all, zero("\x1b[2J", tensor.F64, 1))
		}), formatZip, `
			surplus | "\x1b[2J" | F64 | [1] | 59
			surplus 1`, &c},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := inspectOf(t, test.path, ConvertOptions{Config: test.config})
			info, err := os.Stat(test.path)
			if err != nil || i.File != filepath.Base(test.path) || i.Bytes != info.Size() || i.Format != test.format {
				t.Errorf("file %s, %d bytes, %s (%v)", i.File, i.Bytes, i.Format, err)
			}
			text := i.String()
			// Columns are as wide as they have to be.
			fields := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
			for line := range strings.Lines(test.lines) {
				line = strings.Join(strings.Fields(strings.ReplaceAll(line, " | ", " ")), " ")
				if !strings.Contains(fields, strings.TrimPrefix(line, "| ")) {
					t.Errorf("no line %q in\n%s", line, text)
				}
			}
		})
	}
}

// TestInspectAgrees holds the fates against what Convert does.
func TestInspectAgrees(t *testing.T) {
	c := readConfigFile(t, reference+"micro.json")
	for _, name := range []string{"micro.pth", "micro_wrapped.pth", "micro_legacy.pth"} {
		i := inspectOf(t, checkpoints+name, ConvertOptions{Config: &c})
		model, report := converted(t, checkpoints+name, reference+"tiny_vocab.txt", &c)
		kept := 0
		for _, x := range i.Tensors {
			if x.Fate == Kept {
				kept++
			}
			if _, stored := model.header.Tensors[cmp.Or(x.As, x.Name)]; stored != (x.Fate == Kept) {
				t.Errorf("%s, %s: %s, but in the folder: %t", name, x.Name, x.Fate, stored)
			}
		}
		if kept != report.Stored || len(i.Tensors) != report.Tensors || !slices.Equal(i.Missing, report.Missing) || i.Refused != "" {
			t.Errorf("%s: %d of %d kept, missing %v, refused %q; Convert says %d of %d, %v", name, kept, len(i.Tensors), i.Missing, i.Refused, report.Stored, report.Tensors, report.Missing)
		}
	}
}

func TestInspectJSON(t *testing.T) {
	text, err := json.Marshal(inspectOf(t, checkpoints+"micro_views.pth", ConvertOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	var i struct {
		Format  string
		Tensors []struct {
			Name, DType, Storage, Fate string
			Shape, Stride              []int
			Offset, Sharing            int
		}
		Configuration struct{ Text TextConfig }
		Assumed       []string
	}
	if err := json.Unmarshal(text, &i); err != nil {
		t.Fatal(err)
	}
	x := i.Tensors[0]
	if x.DType != "F32" || x.Storage != "0" || x.Fate != "kept" || !slices.Equal(x.Shape, []int{32, 32}) || !slices.Equal(x.Stride, []int{1, 32}) ||
		x.Offset != 7 || x.Sharing != 59 || i.Configuration.Text.Hidden != 32 || !slices.Contains(i.Assumed, "text.heads") || i.Format != formatZip {
		t.Errorf("%+v", i)
	}
}

func TestInspectRefuses(t *testing.T) {
	cut := filepath.Join(t.TempDir(), "cut.safetensors")
	copyFile(t, cut, asSafetensors(t, checkpoints+"micro.pth", itself), func(b []byte) []byte { return b[:len(b)/2] })
	for path, why := range map[string]string{cut: "the file is truncated", reference + "MODEL.md": "not a zip", reference: "not a regular file"} {
		if _, err := Inspect(path, ConvertOptions{}); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want one that names %s and %q", err, path, why)
		}
	}
	if _, err := Inspect("none", ConvertOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
