package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestExport goes round: checkpoint, model folder, checkpoint, model folder; embeddings stay the same to the bit.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "first")
	vbge(t, "convert", reference+"golden/checkpoints/micro.pth", "--config", reference+"micro.json", "--vocab", reference+"tiny_vocab.txt", "--out", first).want(t, 0)
	embeddings := func(model string) string {
		var kept struct{ Embedding json.RawMessage }
		if err := json.Unmarshal(readFile(t, filepath.Join(model, "selftest.json")), &kept); err != nil {
			t.Fatal(err)
		}
		return string(kept.Embedding)
	}
	for _, name := range []string{"again.pth", "again.safetensors"} {
		out, second := filepath.Join(dir, name), filepath.Join(dir, "of "+name)
		vbge(t, "export", "--model", first, out).want(t, 0, "filled    bge_pooler.dense.weight", "written   "+out+": 59 tensors")
		vbge(t, "inspect", out).want(t, 0, "convert would keep 50 tensors; shared 2, unused 7, surplus 0")
		vbge(t, "convert", out, "--config", filepath.Join(first, "config.json"), "--vocab", filepath.Join(first, "vocab.txt"), "--out", second).want(t, 0)
		if got, want := embeddings(second), embeddings(first); got != want || len(got) < 100 {
			t.Errorf("%s: embedding %.100s, want %.100s", name, got, want)
		}
	}
	half := filepath.Join(dir, "half.safetensors")
	vbge(t, "export", "--model", first, "--dtype", "float16", half).want(t, 0)
	if small, err := os.Stat(half); err != nil || small.Size() > 110_000 {
		t.Errorf("%v (%v)", small.Size(), err)
	}
	vbge(t, "export", "--model", first, half).want(t, 3, "already exists")
	vbge(t, "export", "--model", first, filepath.Join(dir, "out.gguf")).want(t, 2, ".pth or .safetensors")
	vbge(t, "export", "--model", first, "--dtype", "int8", filepath.Join(dir, "out.pth")).want(t, 2, "--dtype int8")
	vbge(t, "export", "--model", dir, filepath.Join(dir, "out.pth")).want(t, 3, "a model folder is made by vbge convert")
}
