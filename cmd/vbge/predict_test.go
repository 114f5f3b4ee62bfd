package main

import (
	"strings"
	"testing"

	"vbge/engine/gpu/roofline"
)

// TestPredict: what is printed says that it is a prediction and of what, for every device.
func TestPredict(t *testing.T) {
	for _, g := range roofline.GPUs() {
		o := vbge(t, "bench", "predict", "--gpu", g.Key, "--kind", "pair", "--batch", "3").want(t, 0,
			"Prediction, not a measurement: "+g.Name, g.Source, "Batch of 3, kind pair, 636 tokens", "gelu 3072", "attention, 12 heads of 64, rotated",
			"between launches", "together", "a second")
		if strings.Contains(o.out, "NaN") || strings.Contains(o.out, "Inf") {
			t.Errorf("%s", o.out)
		}
	}
}

func TestPredictWrongUse(t *testing.T) {
	for _, c := range []struct{ flag, value, says string }{
		{"--gpu", "b200", "choose of h100"}, {"--kind", "sound", "choose of image"}, {"--batch", "0", "from 1 to"}, {"--batch", "5000", "from 1 to"},
	} {
		vbge(t, "bench", "predict", c.flag, c.value).want(t, 2, c.says)
	}
}
