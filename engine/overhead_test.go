package engine

import (
	"testing"
)

// BenchmarkOverhead measures what an input costs beside its arithmetic, which a fake device leaves out: queues, goroutines,
// tokenising, recording the pass. One caller alone waits for each step of its own input; many share passes.
func BenchmarkOverhead(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		e := fakeEngine(b, Options{}, &fakeDevice{})
		defer e.Close()
		in := []Input{{Text: "a red car"}}
		b.ReportAllocs()
		for b.Loop() {
			if results, err := e.Embed(b.Context(), in); err != nil || results[0].Err != nil {
				b.Fatal(err, results[0].Err)
			}
		}
	})
	b.Run("callers", func(b *testing.B) {
		e := fakeEngine(b, Options{MaxBatchTokens: DefaultMaxBatchTokens}, &fakeDevice{})
		defer e.Close()
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			in := []Input{{Text: "a red car"}}
			for pb.Next() {
				if results, err := e.Do(b.Context(), Request{Inputs: in, Lane: Interactive}); err != nil || results[0].Err != nil {
					b.Error(err, results[0].Err)
					return
				}
			}
		})
	})
	b.Run("one call of 1000", func(b *testing.B) {
		e := fakeEngine(b, Options{MaxBatchTokens: DefaultGPUBatchTokens}, &fakeDevice{})
		defer e.Close()
		in := make([]Input, 1000)
		for i := range in {
			in[i].Text = "a red car"
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Embed(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(in)), "ns/input")
	})
}
