//go:build cuda && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vbge/cuda"
	"vbge/engine/op"
	"vbge/engine/optest"
)

// rightResult is what layer gives on a device without faults.
func rightResult(t *testing.T) []float32 {
	t.Helper()
	b := open(t, Options{Type: cuda.BFloat16})
	defer closeAll(t, b) // backends on one device share its context, faults and all
	return run(t, b, 1, layer)
}

// TestOutOfMemory lets every allocation fail, from the first of New to the last of WarmUp.
func TestOutOfMemory(t *testing.T) {
	needEmulated(t)
	want := rightResult(t)
	for n := 1; ; n++ {
		setFault(t, fmt.Sprintf("oom@%d", n))
		err := useMemory(t, want)
		if err == nil {
			if n < 10 {
				t.Errorf("only %d allocations", n-1)
			}
			t.Logf("%d allocations failed in turn", n-1)
			return
		}
		if !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "--max-batch-tokens") && !strings.Contains(err.Error(), "--precision") &&
			!strings.Contains(err.Error(), "more memory") {
			t.Errorf("allocation %d: %v", n, err)
		}
	}
}

// useMemory starts a backend, loads and warms up and runs a pass on it, and closes it. It returns the first error.
func useMemory(t *testing.T, want []float32) error {
	b, err := start(Options{Type: cuda.BFloat16})
	if err != nil {
		return err
	}
	defer closeAll(t, b)
	r := optest.New(b, 1)
	y := layer(r)
	if err := r.Err(); err != nil {
		return err
	}
	p := recorded{&r.Pass, make([]float32, y.Rows*y.Cols)}
	r.Pass.Output(y, p.values)
	warm := b.WarmUp(t.Context(), []*op.Pass{p.pass})
	if err := b.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	// A backend without the memory that it wanted is still there for what it can do.
	if err := b.Run(t.Context(), p.pass); err != nil {
		t.Errorf("after %v: %v", warm, err)
	} else if !slices.Equal(p.values, want) {
		t.Errorf("after %v another result", warm)
	}
	return warm
}

// TestDeviceErrors: a launch that fails, a kernel that never ends and a device that is lost, each early, in the first
// pass, and late, in a graph: whoever runs then or waits gets the error, and nobody a wrong vector.
func TestDeviceErrors(t *testing.T) {
	needEmulated(t)
	want := rightResult(t)
	for _, fault := range []struct {
		what  string
		cause error
	}{
		{"launch@1", cuda.ErrLost}, {"launch@7", cuda.ErrLost}, {"launch@30", cuda.ErrLost},
		{"hang@1", ErrHung}, {"hang@30", ErrHung},
	} {
		t.Run(fault.what, func(t *testing.T) {
			setFault(t, fault.what)
			b := open(t, Options{Type: cuda.BFloat16, Timeout: 3 * time.Second})
			p := record(t, b, 1, layer)
			failed := runMany(t, b, want)
			if failed == 0 {
				t.Fatal("nothing failed")
			}
			requireFailed(t, b, p, fault.cause)
			t.Log(b.Ready())
		})
	}
}

// runMany runs the layer's pass from several goroutines, several times each, and returns how many runs failed: each
// has to give the right result or to fail for the device's reason.
func runMany(t *testing.T, b *Backend, want []float32) int {
	t.Helper()
	const callers, rounds = 4, 3
	passes := make([]recorded, callers)
	for i := range passes {
		passes[i] = record(t, b, 1, layer)
	}
	failed := make([]int, callers)
	var group sync.WaitGroup
	for i, p := range passes {
		group.Go(func() {
			for range rounds {
				clear(p.values)
				if err := b.Run(t.Context(), p.pass); err != nil {
					failed[i]++
					if !errors.Is(err, ErrFailed) {
						t.Errorf("a run failed with %v, want %v", err, ErrFailed)
					}
					requireUntouched(t, p)
				} else if !slices.Equal(p.values, want) {
					t.Error("a wrong vector")
				}
			}
		})
	}
	group.Wait()
	total := 0
	for _, n := range failed {
		total += n
	}
	return total
}

// TestLostDevice loses the device at one call after another, from the first to far into the passes.
func TestLostDevice(t *testing.T) {
	needEmulated(t)
	want := rightResult(t)
	step := 9
	if testing.Short() {
		step = 61
	}
	survived := 0
	for n := 1; survived == 0; n += step {
		setFault(t, fmt.Sprintf("lost@%d", n))
		if err := runOn(t, want); err == nil {
			survived = n
		} else if !errors.Is(err, ErrFailed) && !errors.Is(err, cuda.ErrLost) {
			t.Errorf("lost at call %d: %v", n, err)
		}
	}
	t.Logf("the device was lost at every %dth of %d calls", step, survived)
}

// runOn starts a backend and runs the layer on it, twice. It returns the first error.
func runOn(t *testing.T, want []float32) error {
	b, err := start(Options{Type: cuda.BFloat16})
	if err != nil {
		return err
	}
	defer func() {
		if err := b.Close(); err != nil && !errors.Is(err, cuda.ErrLost) { // it may be lost in Close
			t.Errorf("close: %v", err)
		}
		requireNothingLive(t, b)
	}()
	for range 2 {
		got, err := optest.Run(t.Context(), b, 1, layer)
		if err != nil {
			if b.Ready() == nil {
				t.Errorf("ready after %v", err)
			}
			return err
		}
		if !slices.Equal(got, want) {
			t.Error("a wrong vector")
		}
	}
	return nil
}

// TestNaN puts a NaN where one launch after another has written. It is caught, or has hit what no result depends on.
func TestNaN(t *testing.T) {
	needEmulated(t)
	want := rightResult(t)
	caught := 0
	for n := 1; n <= 24; n++ {
		setFault(t, fmt.Sprintf("nan@%d", n))
		b := open(t, Options{Type: cuda.BFloat16})
		p := record(t, b, 1, layer)
		for range 4 {
			clear(p.values)
			err := b.Run(t.Context(), p.pass)
			switch {
			case errors.Is(err, ErrNotFinite):
				caught++
				requireUntouched(t, p)
			case err != nil:
				t.Errorf("launch %d: %v", n, err)
			case !slices.Equal(p.values, want):
				t.Errorf("launch %d: a wrong vector", n)
			}
		}
		if err := b.Ready(); err != nil {
			t.Errorf("launch %d: not ready: %v", n, err)
		}
		closeAll(t, b)
	}
	if caught == 0 {
		t.Error("no NaN has reached a result")
	}
	t.Logf("%d results with a NaN", caught)
}

// TestCancelledWhileWaiting: who waits for a slot stops waiting when told to.
func TestCancelledWhileWaiting(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	p := record(t, b, 1, layer)
	_, release, err := b.holdAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Run(ctx, p.pass); !errors.Is(err, ctx.Err()) || err == nil {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNotFinite: whichever value of whichever output is not finite, none of the outputs is filled.
func TestNotFinite(t *testing.T) {
	const rows, cols, count = 2, 3, 2
	results := cuda.HostMemory{Bytes: make([]byte, count*rows*cols*4)}
	s := &slot{plan: &Plan{}, out: results}
	outputs := make([]op.Output, count)
	for i := range outputs {
		outputs[i].Into = make([]float32, rows*cols)
		at := Place{Space: Results, Offset: int64(i * rows * cols * 4)}
		s.plan.Outputs = append(s.plan.Outputs, Output{Index: i, Place: at, Rows: rows, Cols: cols})
	}
	values := make([]float32, count*rows*cols)
	for i := range values {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for k := range values {
				values[k] = math.MaxFloat32
			}
			values[i] = float32(bad)
			cuda.Convert(cuda.Float32, results.Bytes, values)
			if err := s.fetch(outputs, cuda.BFloat16); !errors.Is(err, ErrNotFinite) {
				t.Errorf("%v as value %d: %v", bad, i, err)
			}
			if slices.Contains(outputs[0].Into, math.MaxFloat32) || slices.Contains(outputs[1].Into, math.MaxFloat32) {
				t.Errorf("%v as value %d: an output is filled", bad, i)
			}
		}
		values[i] = math.MaxFloat32
	}
	cuda.Convert(cuda.Float32, results.Bytes, values)
	if err := s.fetch(outputs, cuda.BFloat16); err != nil || outputs[1].Into[5] != math.MaxFloat32 {
		t.Errorf("finite values: %v, the last is %v", err, outputs[1].Into[5])
	}
}

// unknown is a step that no launcher knows.
type unknown struct{ GELU }

// TestRefusedLaunch: a batch that cannot be enqueued is answered with the reason, although nothing is wrong with the
// device, and not with what the slot's last batch has left behind.
func TestRefusedLaunch(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	p := record(t, b, 1, layer)
	for range 2 * slotCount {
		if err := b.Run(t.Context(), p.pass); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := b.plan(p.pass)
	if err != nil {
		t.Fatal(err)
	}
	segment := &plan.Segments[0]
	segment.Steps, segment.Key = append(segment.Steps, unknown{}), segment.Key+" and one more"
	s := <-b.slots
	s.fill(plan)
	err = b.worker.run(t.Context(), s)
	b.slots <- s
	if !errors.Is(err, ErrFailed) {
		t.Errorf("an unknown step: %v, want %v", err, ErrFailed)
	}
	requireFailed(t, b, p, ErrFailed)
}
