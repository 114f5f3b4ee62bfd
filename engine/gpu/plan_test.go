package gpu

import (
	"errors"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
)

// compare runs f as planned and on ref and returns how far apart they are.
func compare(t *testing.T, kind cuda.Type, seed uint64, f func(*optest.Recording) op.Tensor) float64 {
	t.Helper()
	got, err := optest.Run(t.Context(), newInterpreter(t, kind), seed, f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := optest.Run(t.Context(), ref.New(), seed, f)
	if err != nil {
		t.Fatal(err)
	}
	return optest.Distance(got, want)
}

// bounds of values of about 1. In float32 sums differ in their order alone; in bfloat16 the steps'
// results are rounded to 8 bits.
var bounds = map[cuda.Type]float64{cuda.Float32: 1e-5, cuda.BFloat16: 0.1}

func TestFormsAsPlanned(t *testing.T) {
	for _, form := range append(optest.Forms(), optest.Empty()...) {
		if w := form.HeadWidth; w != 0 && w != 32 && w != 64 {
			continue
		}
		for kind, bound := range bounds {
			if off := compare(t, kind, 1, form.Record); !(off <= bound) {
				t.Errorf("%s, %v: off by %.2g, bound %.2g", form.Name, kind, off, bound)
			}
		}
	}
}

func TestRandomPassesAsPlanned(t *testing.T) {
	f := optest.Random(func(r *optest.Recording) int { return 32 * (1 + r.Random.IntN(2)) })
	worst, seeds := 0.0, uint64(60)
	if raceDetector { // thirty times slower
		seeds = 6
	}
	for seed := range seeds {
		off := compare(t, cuda.Float32, seed, f)
		if !(off <= 5e-5) {
			t.Errorf("seed %d: off by %.2g", seed, off)
		}
		worst = max(worst, off)
	}
	t.Logf("off by %.2g at most", worst)
}

func TestRefusesHeadWidths(t *testing.T) {
	for _, form := range optest.Forms() {
		if w := form.HeadWidth; w == 0 || w == 32 || w == 64 {
			continue
		}
		_, err := optest.Run(t.Context(), newInterpreter(t, cuda.Float32), 1, form.Record)
		if !errors.Is(err, ErrHeadWidth) {
			t.Errorf("%s: %v, want %v", form.Name, err, ErrHeadWidth)
		}
	}
}
