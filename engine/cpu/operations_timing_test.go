//go:build native && cgo

package cpu

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"vbge/engine/op"
	"vbge/engine/optest"
)

// benchmark runs a recording over and over and reports its rate: amount is of the unit's
// billions in one run.
func benchmark(b *testing.B, amount float64, unit string, f func(*optest.Recording)) {
	backend := start(b, runtime.GOMAXPROCS(0), Float32)
	r := optest.New(backend, 1)
	f(r)
	run := func() {
		if err := backend.Run(context.Background(), &r.Pass); err != nil {
			b.Fatal(err)
		}
	}
	run() // compiles the product and takes the memory
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	b.ReportMetric(amount*float64(b.N)/b.Elapsed().Seconds()/1e9, unit)
}

// BenchmarkLinear is the products of the full-size model at one text's and eight pictures' rows.
func BenchmarkLinear(b *testing.B) {
	for _, rows := range []int{1, 16, 198, 1584} {
		for _, shape := range [][2]int{{2304, 768}, {3072, 768}, {768, 3072}} {
			out, in := shape[0], shape[1]
			b.Run(fmt.Sprintf("rows=%d/out=%d/in=%d", rows, out, in), func(b *testing.B) {
				benchmark(b, 2*float64(rows*out*in), "GFLOP/s", func(r *optest.Recording) {
					r.Pass.Linear(r.Input(rows, in), r.Linear(out, in, true))
				})
			})
		}
	}
}

// BenchmarkAttention is one layer of eight pictures, and of one long text.
func BenchmarkAttention(b *testing.B) {
	for name, s := range map[string]op.Sequences{"pictures=8": op.Equal(8, 198), "tokens=512": op.Equal(1, 512)} {
		b.Run(name, func(b *testing.B) {
			n := float64(s[1])
			benchmark(b, 4*float64(s.Len())*n*n*768, "GFLOP/s", func(r *optest.Recording) { r.Self(s, 12, 64, nil) })
		})
	}
}

// BenchmarkRows is what is neither a product nor attention, at eight pictures' rows.
func BenchmarkRows(b *testing.B) {
	const rows = 1584
	f := func(name string, bytes float64, record func(*optest.Recording)) {
		b.Run(name, func(b *testing.B) { benchmark(b, bytes, "GB/s", record) })
	}
	f("layer norm and its input", rows*768*(12+8), func(r *optest.Recording) { r.Norm(r.Input(rows, 768)) })
	f("swiglu and its input", rows*2048*(24+12), func(r *optest.Recording) { r.Pass.SwiGLU(r.Input(rows, 4096)) })
}
