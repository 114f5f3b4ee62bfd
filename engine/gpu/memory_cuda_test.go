//go:build cuda && cgo

package gpu

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/engine/op"
)

// smallWorkspace leaves the memory of small devices to what is tested.
const smallWorkspace = 1 << 20

// textPass is a pass of n texts of 16 words each.
func textPass(t *testing.T, m *model.Model, n int) *op.Pass {
	t.Helper()
	examples := make([]golden.Example, n)
	for i := range examples {
		examples[i].IDs = []int32{2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 3}
	}
	var p op.Pass
	y, err := m.Record(&p, golden.Batch(examples...), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Output(y, make([]float32, y.Rows*y.Cols))
	return &p
}

// TestMemoryIsRefused: a plan that does not fit is refused before anything is allocated for it, and what the refusal
// advises fits.
func TestMemoryIsRefused(t *testing.T) {
	needEmulated(t)
	t.Setenv("VBGE_EMULATED_MEMORY", strconv.Itoa(6<<20))
	b := open(t, Options{Type: cuda.BFloat16, Workspace: smallWorkspace})
	m := loadCheckpoint(t, b, "tiny")
	before := b.machine.counts.allocations
	err := b.WarmUp(t.Context(), []*op.Pass{textPass(t, m, 2), textPass(t, m, 200)})
	if !errors.Is(err, ErrMemory) || b.machine.counts.allocations != before {
		t.Fatalf("%d allocations, then %v", b.machine.counts.allocations-before, err)
	}
	t.Log(err)
	advice := regexp.MustCompile(`lower --max-batch-tokens to (\d+)$`).FindStringSubmatch(err.Error())
	if advice == nil {
		t.Fatal("no advice")
	}
	tokens, err := strconv.Atoi(advice[1])
	if err != nil || tokens < 100 || tokens >= 200*16 {
		t.Fatalf("advised %d tokens, %v", tokens, err)
	}
	if err := b.WarmUp(t.Context(), []*op.Pass{textPass(t, m, tokens/16)}); err != nil {
		t.Errorf("what was advised: %v", err)
	}
	t.Log(b.Memory())
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
	if err := b.Run(t.Context(), textPass(t, m, 200)); !errors.Is(err, ErrMemory) {
		t.Errorf("a pass beyond the plan: %v", err)
	}
	if err := b.Run(t.Context(), textPass(t, m, 1)); err != nil {
		t.Errorf("a pass within the plan: %v", err)
	}
}

// TestWeightsAreRefused: weights that do not fit end loading with the flag that halves them.
func TestWeightsAreRefused(t *testing.T) {
	needEmulated(t)
	t.Setenv("VBGE_EMULATED_MEMORY", strconv.Itoa(2<<20))
	b := open(t, Options{Type: cuda.Float32, Workspace: smallWorkspace})
	weight := make([]float32, 256*256)
	for n := 0; ; n++ {
		_, err := b.NewLinear(256, 256, weight, nil)
		if err == nil && n < 100 {
			continue
		}
		if !errors.Is(err, ErrMemory) || !strings.Contains(fmt.Sprint(err), "--precision bfloat16") {
			t.Errorf("after %d weights: %v", n, err)
		}
		t.Log(err)
		return
	}
}

// TestMemoryAsMeasured: what a Meter predicts without a device is what a backend has.
func TestMemoryAsMeasured(t *testing.T) {
	b, meter := open(t, Options{Type: cuda.BFloat16}), NewMeter(cuda.BFloat16)
	w, err := golden.Convert(t.Context(), reference, "tiny", t.TempDir()+"/tiny")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	passes := map[op.Backend]*op.Pass{}
	for _, backend := range []op.Backend{b, meter} {
		m, err := model.Load(backend, w, model.Options{PooledRowOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		passes[backend] = textPass(t, m, 5)
	}
	if err := b.WarmUp(t.Context(), []*op.Pass{passes[b]}); err != nil {
		t.Fatal(err)
	}
	if err := meter.Run(t.Context(), passes[meter]); err != nil {
		t.Fatal(err)
	}
	has := b.Memory()
	predicted := MemoryOf(meter, Options{}, 5*16, has.Free)
	// A bias begins at a multiple of 256 bytes behind its weight; the meter counts values alone.
	if slack := has.Weights - predicted.Weights; slack < 0 || slack > has.Weights/50 {
		t.Errorf("weights take %d bytes, predicted %d", has.Weights, predicted.Weights)
	}
	predicted.Weights = has.Weights
	if has != predicted {
		t.Errorf("has %+v, predicted %+v", has, predicted)
	}
}
