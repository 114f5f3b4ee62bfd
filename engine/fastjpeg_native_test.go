//go:build native

package engine_test

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/draw"

	"vbge/engine"
	"vbge/engine/golden"
	"vbge/weights"
)

// TestFastJPEG holds embeddings of JPEGs decoded at a fraction of their size against those of all samples: the demo's leopard,
// and pictures of its catalogue, enlarged so that 1.7 times the model's side is left, as of 1500 x 1500 for a side of 224.
func TestFastJPEG(t *testing.T) {
	const folder, least = "../docs/demo/", 0.9995
	config, err := weights.ReadConfig(folder + "demo.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	_, err = weights.Convert(t.Context(), folder+"demo.pth", weights.ConvertOptions{Vocab: folder + "vocab.txt", Config: &config, Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	leopard, err := os.ReadFile(folder + "leopard.jpg")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []engine.Input{{Image: leopard}}
	for i := 0; i < 900; i += 100 {
		inputs = append(inputs, engine.Input{Image: enlarged(t, fmt.Sprintf("%simages/%04d.jpg", folder, i), 643)})
	}
	exact := embed(t, open(t, dir, on("cpu")), inputs...)
	fast := embed(t, open(t, dir, engine.Options{Device: "cpu", FastJPEG: true}), inputs...)
	smallest := 1.0
	for i := range inputs {
		_, cosine := golden.Distance(fast[i], exact[i])
		smallest = min(smallest, cosine)
		if cosine < least {
			t.Errorf("picture %d: cosine %.6f, %v allowed", i, cosine, least)
		}
	}
	if smallest == 1 {
		t.Error("no embedding differs: nothing was decoded at a fraction of its size")
	}
	t.Logf("smallest cosine of %d pictures %.6f", len(inputs), smallest)
}

// enlarged is a JPEG file's picture as a square JPEG of the side.
func enlarged(t *testing.T, path string, side int) []byte {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	small, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	large := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.CatmullRom.Scale(large, large.Bounds(), small, small.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, large, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
