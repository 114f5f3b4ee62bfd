package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

// header changes the header of a safetensors file, and its length with it.
func header(edit func(text string) string) func([]byte) []byte {
	return func(file []byte) []byte {
		n := binary.LittleEndian.Uint64(file)
		text := edit(string(file[8 : 8+n]))
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), []byte(text), file[8+n:])
	}
}

// refused converts a file that has to be refused, and makes sure that the error names it, that
// nothing is written, not even for a moment, and that all memory it asked for, garbage too, is bounded by the file.
func refused(t *testing.T, path string, why ...string) {
	t.Helper()
	parent := t.TempDir()
	before, err := os.Stat(parent)
	if err != nil {
		t.Fatal(err)
	}
	var memory, after runtime.MemStats
	runtime.ReadMemStats(&memory)
	_, err = Convert(t.Context(), path, ConvertOptions{Vocab: reference + "tiny_vocab.txt", Out: filepath.Join(parent, "out")})
	runtime.ReadMemStats(&after)
	for _, word := range append(why, path) {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %.300v, want one that names %q", err, word)
		}
	}
	left, readErr := os.ReadDir(parent)
	now, statErr := os.Stat(parent)
	if err := errors.Join(readErr, statErr); err != nil || len(left) > 0 || !now.ModTime().Equal(before.ModTime()) {
		t.Errorf("left %v behind, or touched the folder at %v (%v)", left, now.ModTime(), err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if took, most := after.TotalAlloc-memory.TotalAlloc, 32*uint64(info.Size())+4<<20; took > most {
		t.Errorf("took %d bytes of memory for a file of %d", took, info.Size())
	}
}

// TestHostileSafetensors breaks a file that converts in one place each.
func TestHostileSafetensors(t *testing.T) {
	good, err := os.ReadFile(asSafetensors(t, checkpoints+"micro.pth", itself))
	if err != nil {
		t.Fatal(err)
	}
	const name = `"bge_embeddings.word_embeddings.weight"`
	replace := func(old, new string) func([]byte) []byte {
		return header(func(text string) string {
			if !strings.Contains(text, old) {
				t.Fatalf("no %s in the header", old)
			}
			return strings.Replace(text, old, new, 1)
		})
	}
	length := func(n uint64) func([]byte) []byte {
		return func(file []byte) []byte { return append(binary.LittleEndian.AppendUint64(nil, n), file[8:]...) }
	}
	for _, test := range []struct {
		what string
		edit func([]byte) []byte
		why  []string
	}{
		{"half of it", func(b []byte) []byte { return b[:len(b)/2] }, []string{"tensor", "the file is truncated"}},
		{"a byte less", func(b []byte) []byte { return b[:len(b)-1] }, []string{"tensor", "ends at byte"}},
		{"a byte more", func(b []byte) []byte { return append(b, 0) }, []string{"bytes of data, of which the tensors hold"}},
		{"half a header", func(b []byte) []byte { return b[:1000] }, []string{"in a file of 1000: truncated"}},
		{"a length of 2^63", length(1 << 63), []string{"header of 9223372036854775808 bytes"}},
		{"a length one less", func(b []byte) []byte { return length(binary.LittleEndian.Uint64(b) - 1)(b) }, []string{"byte"}},
		{"a length up to the end", func(b []byte) []byte { return length(uint64(len(b) - 8))(b) }, []string{"byte"}},
		{"another offset", replace(`"data_offsets":[0,`, `"data_offsets":[4,`), []string{"tensor", "do not hold"}},
		{"a huge shape", replace(`"shape":[480,32]`, `"shape":[4611686018427387904,32]`), []string{name, "too many elements"}},
		{"a negative side", replace(`"shape":[480,32]`, `"shape":[-480,-32]`), []string{name, "negative"}},
		{"another shape", replace(`"shape":[480,32]`, `"shape":[32,480]`), []string{"text"}},
		{"another type", replace(`{"dtype":"F32","shape":[480,32]`, `{"dtype":"I32","shape":[480,32]`), []string{"word_embeddings.weight is of type I32"}},
		{"a name twice", replace(`"bge_embeddings.position_embeddings.weight"`, name), []string{name + " stands twice", "byte"}},
		{"deep JSON", replace(`"shape":[480,32]`, `"shape":`+strings.Repeat("[", 1<<20)), []string{name, "shape", "byte"}},
		{"a bomb of members", header(func(text string) string {
			return strings.Replace(text, "{", `{"__metadata__":{`+strings.Repeat(`"a":"",`, 1<<20)+`},`, 1)
		}), []string{"stands twice", "byte"}},
		{"a bomb of tensors", header(func(text string) string {
			var b strings.Builder
			for i := range 1<<14 + 1 {
				fmt.Fprintf(&b, `"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, i)
			}
			return "{" + b.String() + text[1:]
		}), []string{"more than 16384 names", "byte"}},
		{"no tensors", func([]byte) []byte { return []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}") }, []string{"tensors are missing"}},
		{"an index", func([]byte) []byte {
			return []byte(`{"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}`)
		}, []string{"index of a checkpoint in several files"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hostile.safetensors")
			if err := os.WriteFile(path, test.edit(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, path, test.why...)
		})
	}
}

func TestPartsAreRefused(t *testing.T) {
	for _, name := range []string{"model-00001-of-00002.safetensors", "pytorch_model-00003-of-00003.bin"} {
		path := filepath.Join(t.TempDir(), name)
		copyFile(t, path, checkpoints+"micro.pth", func(b []byte) []byte { return b })
		refused(t, path, "one part of a checkpoint in 0000", "safetensors.torch.save_file")
	}
}

// leastConfig is as small as a Visualized-BGE can be.
func leastConfig() Config {
	c := Base()
	c.ImageSize, c.PatchSize = 4, 4
	c.Vision = VisionConfig{Width: 4, Layers: 1, HeadWidth: 4, MLPRatio: 1, LNEps: 1e-6, HeadOut: 1}
	c.Text = TextConfig{VocabSize: 5, Hidden: 4, Layers: 1, Heads: 1, Intermediate: 4, MaxPositions: 4, TypeVocab: 1, LNEps: 1e-12}
	return c
}

// FuzzInspect reads files of any content. What it lists can be read, and fills the shapes it says.
func FuzzInspect(f *testing.F) {
	zip := writeCheckpoint(f, randomTensors(Random(leastConfig(), 0)))
	for _, path := range []string{zip, asSafetensors(f, zip, itself), asSafetensors(f, zip, bertName)} {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	path := filepath.Join(f.TempDir(), "checkpoint")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Inspect(path, ConvertOptions{})
		if err != nil {
			return
		}
		if _, err := json.Marshal(i); err != nil || i.String() == "" {
			t.Fatalf("it cannot be shown: %v", err)
		}
		file, err := openCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, v := range file.Tensors() {
			var data bytes.Buffer
			if err := file.CopyTo(t.Context(), &data, v); err != nil {
				t.Fatalf("%+v: %v", v, err)
			}
			if n, err := tensor.Count(v.Shape); err != nil || data.Len() != n*v.DType.Size() {
				t.Fatalf("%+v: %d bytes (%v)", v, data.Len(), err)
			}
		}
	})
}
