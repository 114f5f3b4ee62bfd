package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"vbge/weights/safetensors"
	"vbge/weights/tensor"
)

// TestHostileNames makes sure that no message hands a name to the terminal as it is.
func TestHostileNames(t *testing.T) {
	var zipped, safe bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, name := range []string{"a/\x1b[2J", "a/data.pkl"} {
		if _, err := z.Create(name); err != nil { // compressed, which is refused
			t.Fatal(err)
		}
	}
	relative := tensor.Source{Name: "\x1b[2J.attention.self.distance_embedding.weight", DType: tensor.F32, Shape: []int{0},
		Data: func(io.Writer) error { return nil }}
	if err := errors.Join(z.Close(), safetensors.Write(&safe, nil, []tensor.Source{relative})); err != nil {
		t.Fatal(err)
	}
	for command, status := range map[string]int{"inspect zipped": 3, "inspect safe": 0, "convert safe": 3} {
		name, file, _ := strings.Cut(command, " ")
		path := filepath.Join(t.TempDir(), file)
		writeFile(t, path, map[string]*bytes.Buffer{"zipped": &zipped, "safe": &safe}[file].Bytes())
		if o := vbge(t, name, path).want(t, status); strings.Contains(o.log+o.out, "\x1b") || !strings.Contains(o.log+o.out, `\x1b[2J`) {
			t.Errorf("%s: a terminal would obey %q", command, o.log+o.out)
		}
	}
}

func TestInspect(t *testing.T) {
	const views = reference + "golden/checkpoints/micro_views.pth"
	vbge(t, "inspect", views, "--config", reference+"micro.json", "--pooling", "mean").want(t, 0, "zip of torch.save, 59 tensors",
		"pooling   mean", "assumed   text.heads = 4 (given configuration)", "0 from 7 strides [1 32] (59 tensors)", "convert would keep 50 tensors")
	o := vbge(t, "inspect", "--json", views).want(t, 0)
	var i struct{ Tensors []struct{ Name, Fate string } }
	if err := json.Unmarshal([]byte(o.out), &i); err != nil || len(i.Tensors) != 59 || i.Tensors[0].Fate != "kept" || strings.Count(o.out, "\n") != 1 {
		t.Errorf("%v in %.200s", err, o.out)
	}
	cut := filepath.Join(t.TempDir(), "cut.pth")
	writeFile(t, cut, readFile(t, views)[:100_000])
	vbge(t, "inspect", cut).want(t, 3, "cut.pth")
	vbge(t, "inspect", views, "--config", filepath.Join(t.TempDir(), "none.json")).want(t, 2, "none.json")
	vbge(t, "inspect", views, "--pooling", "max").want(t, 2, "--pooling")
}
