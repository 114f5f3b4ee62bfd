//go:build native

package model_test

import (
	"runtime"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/model"
	"vbge/weights"
)

// TestBaseSeed0 builds the full-size model in memory. On ref it would take minutes, so it is for builds with
// native code alone.
func TestBaseSeed0(t *testing.T) {
	g, arrays := readGolden(t, "base_seed0")
	_, tiny := readGolden(t, "tiny") // crop224 of all files
	b, err := cpu.New(runtime.GOMAXPROCS(0))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m := load(t, b, weights.Random(weights.Base(), 0), model.Options{PooledRowOnly: true})
	noWords := []int32{101, 102}
	var images, texts, pairs []input
	for _, f := range g.Images {
		images = append(images, input{tiny["crop224/"+string(f)].Uint8, noWords})
	}
	for _, x := range g.Texts {
		texts = append(texts, input{nil, x.IDs})
	}
	for _, x := range g.Pairs {
		pairs = append(pairs, input{tiny["crop224/"+x.File].Uint8, x.IDs})
	}
	compare(t, "base image", embed(t, b, m, images...), arrays["image_embeddings"], embeddingBound)
	compare(t, "base text", embed(t, b, m, texts...), arrays["text_embeddings"], embeddingBound)
	compare(t, "base pair", embed(t, b, m, pairs...), arrays["pair_embeddings"], embeddingBound)
	compareStages(t, b, m, "trace_image/", arrays, images[0], 28)
}
