package weights

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

func TestFolder(t *testing.T) {
	f, _ := converted(t, checkpoints+"tiny.pth", reference+"tiny_vocab.txt", nil)
	words, err := f.Float32("bge_embeddings.word_embeddings.weight", 480, 128)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Float32("bge_embeddings.word_embeddings.weight", 480, 128)
	if err != nil {
		t.Fatal(err)
	}
	if &words[0] != &again[0] {
		t.Error("a float32 tensor was copied")
	}
	if p := uintptr(unsafe.Pointer(&words[0])); p%64 != 0 {
		t.Errorf("the view begins at %#x, not at a multiple of 64", p)
	}
	var wrong *TensorError
	_, err = f.Float32("bge_embeddings.word_embeddings.weight", 128, 480)
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "bge_embeddings.word_embeddings.weight has shape [480 128], wanted [128 480]") {
		t.Errorf("wrong shape: %v", err)
	}
	if _, err := f.Float32("bge_pooler.dense.weight", 128, 128); !errors.As(err, &wrong) || wrong.Found != nil {
		t.Errorf("tensor that is left out: %v", err)
	}
}

func TestClose(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if err := convertMicro("micro.pth", out); err != nil {
		t.Fatal(err)
	}
	f, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 100 {
				if _, err := f.Float32("visual_proj.bias", 32); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
	if _, err := f.Float32("visual_proj.bias", 32); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestOpenRefuses damages one file of a model folder at a time.
func TestOpenRefuses(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good")
	if err := convertMicro("micro.pth", good); err != nil {
		t.Fatal(err)
	}
	same := func(b []byte) []byte { return b }
	f := func(why, file string, edit func([]byte) []byte) {
		t.Helper()
		dir := t.TempDir()
		for _, name := range []string{modelFile, configFile, vocabFile} {
			switch {
			case name != file:
				copyFile(t, filepath.Join(dir, name), filepath.Join(good, name), same)
			case edit != nil:
				copyFile(t, filepath.Join(dir, name), filepath.Join(good, name), edit)
			}
		}
		m, err := Open(dir)
		if why == "" && err == nil {
			m.Close()
			return
		}
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want one that names the folder and %q", err, why)
		}
	}
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("no %q to replace", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	f("", "", nil)
	f("vbge convert", configFile, nil)
	f("model.safetensors", modelFile, nil)
	f("vocab.txt", vocabFile, nil)
	f("cannot be mapped", modelFile, func([]byte) []byte { return nil })
	f("truncated", modelFile, func(b []byte) []byte { return b[:len(b)-4] })
	f("truncated", modelFile, func(b []byte) []byte { return b[:100] })
	f("no tensor visual_proj.bias", modelFile, replace(`"visual_proj.bias"`, `"visual_proj.bios"`))
	f("do not belong together", configFile, replace(`"sha256": "`, `"sha256": "0`))
	f("names no source", configFile, func(b []byte) []byte {
		return append(b[:bytes.Index(b, []byte(",\n  \"source\""))], "}"...)
	})
	f("tensor bge_embeddings.position_embeddings.weight has shape [40 32], wanted [39 32]", configFile, replace(`"max_positions": 40`, `"max_positions": 39`))
}

// TestOpenForeignModel opens the right names with a type that is no weights.
func TestOpenForeignModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := convertMicro("micro.pth", dir); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(dir, modelFile), filepath.Join(dir, modelFile), func(b []byte) []byte {
		return bytes.Replace(b, []byte(`{"dtype":"F32"`), []byte(`{"dtype":"I32"`), 1)
	})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is of type I32") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	f := func(name, checkpoint, vocab string) {
		out := filepath.Join(b.TempDir(), "out")
		if _, err := Convert(context.Background(), checkpoint, ConvertOptions{Vocab: vocab, Out: out}); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := Open(out)
				if err != nil {
					b.Fatal(err)
				}
				readAll(b, m)
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("tiny", checkpoints+"tiny.pth", reference+"tiny_vocab.txt")
	f("demo_fp16", demo+"demo.pth", demo+"vocab.txt")
}

// readAll asks for every tensor, as an engine does, and touches each page.
func readAll(b testing.TB, m *Folder) {
	sum := float32(0)
	for _, l := range layout(m.Config()) {
		if l.role != needed {
			continue
		}
		values, err := m.Float32(l.name, l.shape...)
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(values); i += 1024 {
			sum += values[i]
		}
	}
	if math.IsNaN(float64(sum)) {
		b.Fatal("not a number among the weights")
	}
}

func BenchmarkConvert(b *testing.B) {
	f := func(name, checkpoint, vocab string) {
		b.Run(name, func(b *testing.B) {
			out := filepath.Join(b.TempDir(), "out")
			b.ReportAllocs()
			for b.Loop() {
				r, err := Convert(context.Background(), checkpoint, ConvertOptions{Vocab: vocab, Out: out})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(r.Source.Bytes)
			}
		})
	}
	f("tiny", checkpoints+"tiny.pth", reference+"tiny_vocab.txt")
	f("demo_fp16", demo+"demo.pth", demo+"vocab.txt")
}

// BenchmarkConvertBase converts and opens a float32 checkpoint of full size, 786 MB.
func BenchmarkConvertBase(b *testing.B) {
	checkpoint := writeCheckpoint(b, randomTensors(Random(Base(), 0)))
	vocab, out := writeVocab(b, Base().Text.VocabSize), filepath.Join(b.TempDir(), "out")
	b.Run("convert", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := Convert(context.Background(), checkpoint, ConvertOptions{Vocab: vocab, Out: out})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(r.Source.Bytes)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := Open(out)
			if err != nil {
				b.Fatal(err)
			}
			readAll(b, m)
			if err := m.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
