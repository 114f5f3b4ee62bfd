//go:build cuda && native && cgo

package engine_test

import (
	"errors"
	"slices"
	"testing"

	"vbge/engine/golden"
	"vbge/engine/gpu"
)

// TestTwoDevices: two GPUs share the batches of one call, and give what one gives.
func TestTwoDevices(t *testing.T) {
	t.Setenv("VBGE_EMULATED_DEVICES", "2")
	if found := gpu.Find(); len(found.Usable()) < 2 {
		t.Skip("there are not two GPUs: ", found.Devices, found.Reasons)
	}
	dir := convertTiny(t)
	in := inputs(readGolden(t).examples(t))
	want := embed(t, open(t, dir, on("cuda:0")), in...)
	two := on("cuda:0")
	two.Device = "cuda:0,cuda:1"
	e := open(t, dir, two)
	if e.Device() != two.Device {
		t.Errorf("devices %s", e.Device())
	}
	for i, v := range embed(t, e, in...) {
		if d, _ := golden.Distance(v, want[i]); !(d <= boundsOf("cuda:0").batch) {
			t.Errorf("input %d is %.2g off", i, d)
		}
	}
	if err := e.Ready(); err != nil {
		t.Error(err)
	}
}

// TestFailedDevice: a device that fails while inputs wait answers each of them with an error, and
// the engine says that it is not ready.
func TestFailedDevice(t *testing.T) {
	if found := gpu.Find(); len(found.Usable()) == 0 || found.Usable()[0].Name != "Emulated H100" {
		t.Skip("faults need the emulated device: ", found.Devices, found.Reasons)
	}
	dir := convertTiny(t)
	in := inputs(readGolden(t).examples(t))
	in = slices.Concat(in, in)
	t.Setenv("VBGE_EMULATED_FAULT", "launch@100") // within the first batches: one has some thirty launches
	o := on("cuda:0")
	o.WarmUp = false
	e := open(t, dir, o)
	results, err := e.Embed(t.Context(), in)
	if !errors.Is(err, gpu.ErrFailed) {
		t.Fatalf("error %v", err)
	}
	t.Log(err)
	failed := 0
	for i, r := range results {
		if (r.Embedding == nil) == (r.Err == nil) {
			t.Errorf("input %d: an embedding %v and error %v", i, r.Embedding != nil, r.Err)
		}
		if r.Err != nil {
			failed++
		}
	}
	if failed < len(in)/3 {
		t.Errorf("%d of %d inputs were told", failed, len(in))
	}
	if err := e.Ready(); !errors.Is(err, gpu.ErrFailed) {
		t.Errorf("ready: %v", err)
	}
	if _, err := e.Embed(t.Context(), in[:1]); !errors.Is(err, gpu.ErrFailed) {
		t.Errorf("the next call: %v", err)
	}
}
