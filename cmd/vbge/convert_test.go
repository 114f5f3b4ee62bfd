package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine/selftest"
)

func TestConvert(t *testing.T) {
	const checkpoint = reference + "golden/checkpoints/tiny.pth"
	sum := sha256.Sum256(readFile(t, checkpoint))
	untold := []string{"text.heads", "text.ln_eps", "image_size", "vision.mlp_ratio", "mean", "std", "vision.ln_eps", "rope.theta", "rope.pt_hw_seq_len"}
	tests := []struct {
		name  string
		flags []string
		from  string
	}{
		{"with --config", []string{"--config", reference + "tiny.json"}, "given configuration"},
		{"without", nil, "base model's default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "models", "tiny")
			args := append([]string{"convert", checkpoint, "--vocab", reference + "tiny_vocab.txt", "--out", out}, test.flags...)
			o := vbge(t, args...).want(t, 0, hex.EncodeToString(sum[:]), test.from, "2 heads", out, "self-test picture and words, on ")
			var assumed []string
			for _, line := range o.lines() {
				if name, ok := strings.CutPrefix(line, "assumed   "); ok {
					name, value, _ := strings.Cut(name, " = ")
					assumed = append(assumed, name)
					if value == "" {
						t.Errorf("no value: %q", line)
					}
				}
			}
			if !slices.Equal(assumed, untold) {
				t.Errorf("assumed %q, want %q", assumed, untold)
			}
			for _, file := range []string{"model.safetensors", "config.json", "vocab.txt", "selftest.json"} {
				if info, err := os.Stat(filepath.Join(out, file)); err != nil || info.Size() == 0 {
					t.Errorf("%s: %v", file, err)
				}
			}
			kept, err := selftest.Read(out, hex.EncodeToString(sum[:]))
			if err != nil {
				t.Fatal(err)
			}
			if want := 128; len(kept.Embedding) != want || !kept.Picture {
				t.Errorf("%d values of %v are kept, want %d", len(kept.Embedding), kept, want)
			}
			vbge(t, args...).want(t, 0) // over the model that is there
			vbge(t, "doctor", "--model", out).want(t, 0, hex.EncodeToString(sum[:])[:12])
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	dir := t.TempDir()
	whole := readFile(t, reference+"golden/checkpoints/tiny.pth")
	garbage, cut := filepath.Join(dir, "garbage.pth"), filepath.Join(dir, "cut.pth")
	writeFile(t, garbage, []byte("no checkpoint"))
	writeFile(t, cut, whole[:len(whole)/2])
	lying, part := filepath.Join(dir, "lying.safetensors"), filepath.Join(dir, "model-00001-of-00002.safetensors")
	writeFile(t, lying, []byte("\x37\x00\x00\x00\x00\x00\x00\x00"+`{"embeddings":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}`))
	writeFile(t, part, whole)
	const tiny, vocab = reference + "golden/checkpoints/tiny.pth", reference + "tiny_vocab.txt"
	tests := []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"garbage", []string{garbage, "--vocab", vocab}, 3, "garbage.pth"},
		{"cut off", []string{cut, "--vocab", vocab}, 3, "cut.pth"},
		{"lying", []string{lying, "--vocab", vocab}, 3, "lying.safetensors: safetensors: header, byte "},
		{"one of two", []string{part, "--vocab", vocab}, 3, "one part of a checkpoint"},
		{"no such pooling", []string{tiny, "--vocab", vocab, "--pooling", "max"}, 2, "cls or mean"},
		{"no checkpoint", []string{filepath.Join(dir, "none.pth"), "--vocab", vocab}, 3, "none.pth"},
		{"no vocabulary", []string{tiny, "--vocab", filepath.Join(dir, "none.txt")}, 3, "none.txt"},
		{"another vocabulary", []string{tiny, "--vocab", demoData + "vocab.txt"}, 3, "463 lines, the checkpoint has 480"},
		{"another configuration", []string{tiny, "--vocab", vocab, "--config", reference + "micro.json"}, 3, "patch_size"},
		{"no configuration", []string{tiny, "--vocab", vocab, "--config", filepath.Join(dir, "none.json")}, 2, "none.json"},
		{"no argument", nil, 2, "accepts 1 arg"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parent := t.TempDir()
			vbge(t, append([]string{"convert", "--out", filepath.Join(parent, "model")}, test.args...)...).want(t, test.status, test.says)
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("it left %v behind (%v)", left, err)
			}
		})
	}
	t.Run("something else in its place", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "photos")
		writeFile(t, filepath.Join(out, "holiday.jpg"), []byte("precious"))
		vbge(t, "convert", tiny, "--vocab", vocab, "--out", out).want(t, 3, out)
		if string(readFile(t, filepath.Join(out, "holiday.jpg"))) != "precious" {
			t.Error("the folder was changed")
		}
	})
}
