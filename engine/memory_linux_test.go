//go:build !race

package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"vbge/engine/model"
	"vbge/engine/ref"
	"vbge/weights"
	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// recorder keeps what a model is loaded of.
type recorder struct {
	*weights.RandomModel
	tensors []tensor.Source
	bytes   int
}

func (r *recorder) Float32(name string, shape ...int) ([]float32, error) {
	values, err := r.RandomModel.Float32(name, shape...)
	r.tensors = append(r.tensors, tensor.Source{Name: name, DType: tensor.F32, Shape: shape,
		Data: func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, values) }})
	r.bytes += 4 * len(values)
	return values, err
}

// convertWide makes a model folder of the full-size model's width with one layer a tower, and returns the size of its weights.
func convertWide(t *testing.T) (dir string, size int) {
	t.Helper()
	c := weights.Base()
	c.Vision.Layers, c.Text.Layers, c.Text.VocabSize = 1, 1, 1000
	r := &recorder{RandomModel: weights.Random(c, 0)}
	if _, err := model.Load(ref.New(), r, model.Options{}); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	var checkpoint bytes.Buffer
	if err := safetensors.Write(&checkpoint, nil, r.tensors); err != nil {
		t.Fatal(err)
	}
	vocabulary := "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
	for i := strings.Count(vocabulary, "\n"); i < c.Text.VocabSize; i++ {
		vocabulary += fmt.Sprintf("word%d\n", i)
	}
	for name, content := range map[string][]byte{"wide.safetensors": checkpoint.Bytes(), "vocab.txt": []byte(vocabulary)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := weights.Convert(t.Context(), filepath.Join(dir, "wide.safetensors"),
		weights.ConvertOptions{Vocab: filepath.Join(dir, "vocab.txt"), Config: &c, Out: filepath.Join(dir, "model")})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "model"), r.bytes
}

// TestPeakMemory: while a model is opened its file is in memory only as far as tensors are under way. The race detector
// takes memory of its own.
func TestPeakMemory(t *testing.T) {
	dir, size := convertWide(t)
	share := map[string]int{"cpu bfloat16": 2, "cpu int8": 4} // of float32's size
	for _, device := range devices() {
		if strings.HasPrefix(device, "cuda") {
			continue
		}
		debug.FreeOSMemory()
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the peak begins anew
			t.Skip("the peak of resident memory cannot be measured here: ", err)
		}
		before := peak(t)
		e := open(t, dir, on(device))
		took, kept := peak(t)-before, size/max(1, share[device])
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%s: weights of %d MB, %d MB at most while opening", device, kept>>20, took>>20)
		if most := kept + 40<<20; took > most {
			t.Errorf("%s: opening takes %d MB at most, weights of %d MB and 40 MB allow %d", device, took>>20, kept>>20, most>>20)
		}
	}
}

// peak returns the most memory that this process has had since it was last forgotten.
func peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	kilobytes := 0
	if _, err := fmt.Sscanf(line, "%d kB", &kilobytes); err != nil {
		t.Fatalf("/proc/self/status: %v", err)
	}
	return 1024 * kilobytes
}
