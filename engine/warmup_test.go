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
	mean := c
	mean.Pooling = weights.PoolMean
	for _, test := range []struct {
		c weights.Config
		o Options
	}{
		{c, Options{MaxBatchTokens: 512}}, {c, Options{MaxBatchTokens: 2048}}, {c, Options{MaxBatchTokens: 16384}},
		{c, Options{MaxBatchTokens: 2048, PictureCacheBytes: 1}}, {mean, Options{MaxBatchTokens: 512, PictureCacheBytes: 1}},
		{weights.Config{Text: c.Text, Pooling: weights.PoolMean}, Options{MaxBatchTokens: 512}},
	} {
		c, o := test.c, test.o
		plan := func(choose func([][]rehearsal) [][]rehearsal) gpu.Memory {
			meter := gpu.NewMeter(cuda.BFloat16)
			m, err := model.Load(meter, weights.Shapes(c), model.Options{PooledRowOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			passes, err := recordAll(m, choose(rehearsals(c, o)))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range passes {
				if err := meter.Run(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("budget %d, cache %d: %d passes", o.MaxBatchTokens, o.PictureCacheBytes, len(passes))
			return gpu.MemoryOf(meter, gpu.Options{}, o.MaxBatchTokens, 1<<40)
		}
		all := plan(func(r [][]rehearsal) [][]rehearsal { return r })
		if some := plan(largest); some != all {
			t.Errorf("budget %d, cache %d: the largest need %v, all %v", o.MaxBatchTokens, o.PictureCacheBytes, some, all)
		}
	}
}
