package model_test

import (
	"math"
	"testing"

	"vbge/engine/golden"
	"vbge/weights"
	"vbge/weights/npy"
)

// averaged is a model folder read as one of mean pooling.
type averaged struct{ *weights.Folder }

func (w averaged) Config() weights.Config {
	c := w.Folder.Config()
	c.Pooling = weights.PoolMean
	return c
}

// TestMeanOfAllTokens pools a picture with words, and a text: the mean is over the golden rows of the last layer, patches
// among them, as the original's encode_mm and encode_text with sentence_pooling_method="mean".
func TestMeanOfAllTokens(t *testing.T) {
	x, arrays := readTrace(t, "tiny")
	set, w := read(t, golden.Tiny), averaged{convert(t, "tiny")}
	examples := []golden.Example{set.Pairs[0], set.Texts[x.TraceText.TextIndex]}
	examples[0].Want, examples[1].Want = unitMean(arrays["trace_pair/bert_layer_1"]), unitMean(arrays["trace_text/bert_layer_1"])
	eachBackend(t, func(t *testing.T, d device) {
		m := load(t, d, w)
		compare(t, "mean", d, m, examples)
		_, kept := keep(t, d, m, examples...)
		compare(t, "mean, of patch tokens kept", d, m, kept)
	})
}

// unitMean is the mean of a's rows, made unit length.
func unitMean(a npy.Array) []float32 {
	sum := make([]float64, a.Shape[1])
	for i, v := range a.Float32 {
		sum[i%len(sum)] += float64(v)
	}
	squares := 0.0
	for _, v := range sum {
		squares += v * v
	}
	mean := make([]float32, len(sum))
	for i, v := range sum {
		mean[i] = float32(v / math.Sqrt(squares))
	}
	return mean
}
