//go:build cuda && cgo

package gpu

import (
	"errors"
	"os"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/optest"
)

// storageTypes are what every test of numbers runs in.
var storageTypes = []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16}

// needDevice skips a test where there is no device, real or emulated.
func needDevice(t testing.TB) Device {
	t.Helper()
	found := Find()
	usable := found.Usable()
	if len(usable) == 0 {
		t.Skip("no GPU, and no emulated one: " + strings.Join(found.Reasons, "; "))
	}
	return usable[0]
}

// needEmulated skips a test of what only the emulated device does on demand.
func needEmulated(t testing.TB) {
	t.Helper()
	if d := needDevice(t); !strings.Contains(strings.ToLower(d.Name), "emulated") {
		t.Skip(d.Name + " has no faults on demand")
	}
}

// open starts a backend and closes it after the test, which fails if anything is left on the device.
func open(t testing.TB, o Options) *Backend {
	t.Helper()
	needDevice(t)
	b, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(t, b) })
	return b
}

func closeAll(t testing.TB, b *Backend) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	requireNothingLive(t, b)
}

// requireNothingLive checks that a closed backend has given back all memory.
func requireNothingLive(t testing.TB, b *Backend) {
	t.Helper()
	if b.machine.device == nil {
		return
	}
	if device, host := b.machine.device.LiveBytes(); device != 0 || host != 0 {
		t.Errorf("after Close %d bytes are live on the device and %d pinned", device, host)
	}
}

// run records f for a backend, runs it, and returns the result's values.
func run(t testing.TB, b op.Backend, seed uint64, f func(*optest.Recording) op.Tensor) []float32 {
	t.Helper()
	values, err := optest.Run(t.Context(), b, seed, f)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// recorded is a pass with its only output, which can be run again and again.
type recorded struct {
	pass   *op.Pass
	values []float32
}

func record(t testing.TB, b op.Backend, seed uint64, f func(*optest.Recording) op.Tensor) recorded {
	t.Helper()
	r := optest.New(b, seed)
	y := f(r)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	values := make([]float32, y.Rows*y.Cols)
	r.Pass.Output(y, values)
	return recorded{&r.Pass, values}
}

// layer is a small pass with every kind of step that the full-size model has.
func layer(r *optest.Recording) op.Tensor {
	const rows, heads, width = 21, 2, 32
	x := r.Norm(r.Input(rows, heads*width))
	qkv := r.Pass.Linear(x, r.Linear(3*heads*width, heads*width, true))
	y := r.Pass.Attention(op.Attention{Q: qkv.Columns(0, 64), K: qkv.Columns(64, 128), V: qkv.Columns(128, 192),
		Heads: heads, Queries: op.Sequences{0, 5, rows}, Keys: op.Sequences{0, 5, rows}})
	x = r.Norm(r.Pass.LinearResidual(y, r.Linear(64, 64, true), x))
	x = r.Pass.LinearResidual(r.Pass.GELU(r.Pass.Linear(x, r.Linear(96, 64, true))), r.Linear(64, 96, true), x)
	return r.Pass.Normalise(r.Norm(r.Pass.Gather([]int32{0, 5}, x)))
}

// setFault makes contexts that are opened from now on fail so.
func setFault(t testing.TB, fault string) {
	t.Helper()
	if err := os.Setenv("VBGE_EMULATED_FAULT", fault); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Unsetenv("VBGE_EMULATED_FAULT") })
}

// requireFailed checks that a device error has left the backend as it should.
func requireFailed(t testing.TB, b *Backend, p recorded, cause error) {
	t.Helper()
	if err := b.Ready(); !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
		t.Errorf("Ready() = %v, want %v and %v", err, ErrFailed, cause)
	}
	clear(p.values)
	if err := b.Run(t.Context(), p.pass); !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
		t.Errorf("a later Run: %v, want %v and %v", err, ErrFailed, cause)
	}
	requireUntouched(t, p)
}

// requireUntouched checks that an output, cleared before, was not written.
func requireUntouched(t testing.TB, p recorded) {
	t.Helper()
	for i, v := range p.values {
		if v != 0 {
			t.Fatalf("value %d of the output is %g after an error", i, v)
		}
	}
}
