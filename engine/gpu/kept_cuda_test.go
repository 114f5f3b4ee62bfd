//go:build cuda && cgo

package gpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine/golden"
	"vbge/engine/op"
)

// TestKept gives later batches the patch tokens that an earlier one has kept, among pictures by pixels and texts. On the
// emulated device, whose products add up in one order whatever the rows, embeddings are the same bit for bit.
func TestKept(t *testing.T) {
	exactly := strings.Contains(strings.ToLower(needDevice(t).Name), "emulated")
	set := tinyExamples(t)
	examples := slices.Concat(set.Images[:3], set.Texts[:3], set.Pairs[:3])
	for _, kind := range storageTypes {
		t.Run(kind.String(), func(t *testing.T) {
			b, bound := open(t, Options{Type: kind}), golden.BoundOf(kind)
			m := loadCheckpoint(t, b, "tiny")
			want, kept, err := golden.Keep(t.Context(), b, m, examples...)
			if err != nil {
				t.Fatal(err)
			}
			compareEmbeddings(t, "as they are kept", want, examples, bound)
			for seed := range uint64(3) {
				r, worst := rand.New(rand.NewPCG(seed, 3)), 0.0
				order := r.Perm(len(kept))
				mixed := make([]golden.Example, len(kept))
				for i, at := range order {
					mixed[i] = kept[at]
					if seed > 0 && r.IntN(2) == 0 {
						mixed[i].Patches = nil
					}
				}
				got := embedOn(t, b, m, mixed...)
				compareEmbeddings(t, "kept", got, mixed, bound)
				for i, at := range order {
					d, _ := golden.Distance(got[i], want[at])
					worst = math.Max(worst, d)
				}
				if exactly && worst != 0 {
					t.Errorf("off by %.2g from the embeddings by pixels", worst)
				}
				t.Logf("off by %.2g from the embeddings by pixels", worst)
			}
		})
	}
}

// TestKeptInSteadyState: batches that keep pictures and batches that are given them allocate and capture nothing once
// the largest of them were warmed up, and what is stated of their memory is what they have.
func TestKeptInSteadyState(t *testing.T) {
	b, meter := open(t, Options{Type: cuda.BFloat16}), NewMeter(cuda.BFloat16)
	m := loadCheckpoint(t, b, "tiny")
	_, kept, err := golden.Keep(t.Context(), b, m, tinyExamples(t).Pairs[:3]...)
	if err != nil {
		t.Fatal(err)
	}
	var passes []*op.Pass
	for _, given := range []int{3, 1, 0} {
		p := new(op.Pass)
		examples := slices.Clone(kept)
		for i := range examples[given:] {
			examples[given+i].Patches = nil
		}
		var keep []int
		for i := range len(kept) - given {
			keep = append(keep, i)
		}
		y, rows, err := m.RecordKeeping(p, golden.Batch(examples...), keep)
		if err != nil {
			t.Fatal(err)
		}
		p.Output(y, make([]float32, y.Rows*y.Cols))
		if len(keep) > 0 {
			p.Output(rows, make([]float32, rows.Rows*rows.Cols))
		}
		passes = append(passes, p)
	}
	if err := b.WarmUp(t.Context(), passes); err != nil {
		t.Fatal(err)
	}
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
	for _, p := range passes {
		if err := meter.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	has, predicted := b.Memory(), MemoryOf(meter, Options{}, 0, 0)
	if has.Staging != predicted.Staging || has.Activations != predicted.Activations {
		t.Errorf("has %+v, predicted %+v", has, predicted)
	}
}
