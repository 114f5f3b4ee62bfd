package engine

import (
	"testing"

	"vbge/cuda"
	"vbge/engine/gpu"
	"vbge/engine/model"
	"vbge/weights"
)

// TestLargest: the largest batches need as much memory as all of them.
func TestLargest(t *testing.T) {
	c := weights.Base()
	c.Vision.Layers, c.Text.Layers, c.Text.VocabSize = 1, 2, 100
	for _, budget := range []int{512, 2048, 16384} {
		plan := func(choose func([]model.Batch) []model.Batch) gpu.Memory {
			meter := gpu.NewMeter(cuda.BFloat16)
			m, err := model.Load(meter, weights.Shapes(c), model.Options{PooledRowOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			passes, err := recordAll(m, choose(sizes(m, c, budget)))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range passes {
				if err := meter.Run(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("budget %d: %d passes", budget, len(passes))
			return gpu.MemoryOf(meter, gpu.Options{}, budget, 1<<40)
		}
		all := plan(func(b []model.Batch) []model.Batch { return b })
		if some := plan(largest); some != all {
			t.Errorf("budget %d: the largest need %v, all %v", budget, some, all)
		}
	}
}
