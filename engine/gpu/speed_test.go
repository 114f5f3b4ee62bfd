package gpu

import (
	"testing"

	"vbge/cuda"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/weights"
)

// BenchmarkPlan is what the caller's goroutine does for a batch of 80 pictures of the full-size model before the
// device sees it, without the copy of the pixels.
func BenchmarkPlan(b *testing.B) {
	c := weights.Base()
	m, err := model.Load(NewMeter(cuda.BFloat16), weights.Shapes(c), model.Options{PooledRowOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	var p op.Pass
	if _, err := m.Record(&p, batch(c, repeat(80, -2)...), nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPlan(&p, cuda.BFloat16); err != nil {
			b.Fatal(err)
		}
	}
}
