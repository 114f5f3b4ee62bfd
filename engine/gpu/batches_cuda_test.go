//go:build cuda && cgo

package gpu

import (
	"slices"
	"sync"
	"testing"

	"vbge/cuda"
	"vbge/engine/golden"
	"vbge/engine/op"
	"vbge/engine/optest"
)

// TestBatchesOfOne: an embedding does not depend on what else is in its batch. On the emulated device, whose products
// add up in one order whatever the rows, it is the same bit for bit.
func TestBatchesOfOne(t *testing.T) {
	needEmulated(t)
	set := tinyExamples(t)
	examples := slices.Concat(set.Images[:3], set.Texts[:4], set.Pairs[:3])
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b := open(t, Options{Type: kind})
			m := loadCheckpoint(t, b, "tiny")
			together := embedOn(t, b, m, examples...)
			for i, x := range examples {
				if alone := embedOn(t, b, m, x); !slices.Equal(alone[0], together[i]) {
					d, _ := golden.Distance(alone[0], together[i])
					t.Errorf("%s: off by %.2g from its batch of %d", x.Name, d, len(examples))
				}
			}
		})
	}
}

// TestGraphs: what is captured is what is launched step by step, and in use from the second time on.
func TestGraphs(t *testing.T) {
	set := tinyExamples(t)
	with, without := open(t, Options{Type: cuda.BFloat16}), open(t, Options{Type: cuda.BFloat16, NoGraphs: true})
	m, n := loadCheckpoint(t, with, "tiny"), loadCheckpoint(t, without, "tiny")
	for _, x := range [][]golden.Example{set.Pairs[:2], set.Texts[:3], set.Images[:1], set.Pairs[1:3], set.Pairs[:2]} {
		want := embedOn(t, without, n, x...)
		for round := range 3 {
			for i, row := range embedOn(t, with, m, x...) {
				if !slices.Equal(row, want[i]) {
					t.Errorf("round %d, %s: another embedding with graphs than without", round, x[i].Name)
				}
			}
		}
	}
	if with.machine.counts.captures == 0 || without.machine.counts.captures != 0 {
		t.Errorf("%d captures with graphs, %d without", with.machine.counts.captures, without.machine.counts.captures)
	}
}

// TestGraphsAreBounded: more shapes than a slot keeps graphs for are captured again and again, and nothing else changes.
func TestGraphsAreBounded(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	for range slotCount {
		s := <-b.slots
		s.graphs.most = 2
		b.slots <- s
	}
	first := map[int][]float32{}
	for range 2 * slotCount {
		for _, rows := range []int{3, 40, 70} {
			p := record(t, b, 1, func(r *optest.Recording) op.Tensor { return r.Norm(r.Input(rows, 32)) })
			if err := b.Run(t.Context(), p.pass); err != nil {
				t.Fatal(err)
			}
			if want, ok := first[rows]; !ok {
				first[rows] = p.values
			} else if !slices.Equal(want, p.values) {
				t.Errorf("%d rows: another result", rows)
			}
		}
	}
	for range slotCount {
		s := <-b.slots
		if n := len(s.graphs.held); n != 2 {
			t.Errorf("a slot holds %d graphs, want 2", n)
		}
		b.slots <- s
	}
}

// TestWarmUpKeepsItsGraphs: however many graphs a warm-up captures, none goes for another.
func TestWarmUpKeepsItsGraphs(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	var passes []*op.Pass
	for i := range 2 * spareGraphs {
		p := record(t, b, 1, func(r *optest.Recording) op.Tensor { return r.Norm(r.Input(1, 8*(i+1))) })
		passes = append(passes, p.pass)
	}
	if err := b.WarmUp(t.Context(), passes); err != nil {
		t.Fatal(err)
	}
	before := b.machine.counts
	for _, p := range passes {
		if err := b.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if after := b.machine.counts; after != before {
		t.Errorf("counts before %+v, after %+v", before, after)
	}
}

// TestManyCallers: passes from many goroutines, of shapes that replace one another's memory, do not disturb one another.
func TestManyCallers(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	f := optest.Random(func(*optest.Recording) int { return 32 })
	const callers, rounds = 6, 3
	var group sync.WaitGroup
	for caller := range uint64(callers) {
		group.Go(func() {
			p := record(t, b, caller, f)
			var first []float32
			for range rounds {
				if err := b.Run(t.Context(), p.pass); err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
				if first == nil {
					first = slices.Clone(p.values)
				} else if !slices.Equal(first, p.values) {
					t.Errorf("caller %d: another result the second time", caller)
				}
			}
		})
	}
	group.Wait()
}

// TestTwoDevices: each has its own thread, context and memory.
func TestTwoDevices(t *testing.T) {
	needEmulated(t)
	t.Setenv("VBGE_EMULATED_DEVICES", "2")
	backends := []*Backend{open(t, Options{Type: cuda.Float16}), open(t, Options{Type: cuda.Float16, Device: 1})}
	if backends[0].Name() != "cuda:0" || backends[1].Name() != "cuda:1" {
		t.Errorf("names %s and %s", backends[0].Name(), backends[1].Name())
	}
	results := make([][]float32, 2)
	var group sync.WaitGroup
	for i, b := range backends {
		group.Go(func() { results[i] = run(t, b, 1, layer) })
	}
	group.Wait()
	if !slices.Equal(results[0], results[1]) {
		t.Error("two devices compute different results")
	}
}

// TestSteadyState: a batch that fits what was warmed up allocates nothing, captures nothing and waits for nothing but its
// own result.
func TestSteadyState(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	m := loadCheckpoint(t, b, "tiny")
	set := tinyExamples(t)
	var passes []*op.Pass
	for _, x := range [][]golden.Example{set.Images[:2], set.Texts[:2]} {
		var p op.Pass
		y, err := m.Record(&p, golden.Batch(x...), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Output(y, make([]float32, y.Rows*y.Cols))
		passes = append(passes, &p)
	}
	if err := b.WarmUp(t.Context(), passes); err != nil {
		t.Fatal(err)
	}
	t.Log(b.Memory())
	before := b.machine.counts
	for range 3 {
		for _, p := range passes {
			if err := b.Run(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if after := b.machine.counts; after != before {
		t.Errorf("counts before %+v, after %+v", before, after)
	}
	if before.captures == 0 {
		t.Error("WarmUp has captured nothing")
	}
}
