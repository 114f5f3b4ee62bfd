//go:build cuda

package kernels

import (
	"fmt"
	"strings"
	"testing"

	"vbge/cuda"
)

// timed is a kernel as the model launches it: prepare uploads its parameters and returns the launch.
type timed struct {
	name          string
	in, out       int  // columns
	float32Result bool // or the input's type
	prepare       func(b *bench, t cuda.Type) func(x, y Matrix) error
}

// timings are the launches of a forward pass of the base model that move memory and nothing else.
func timings() []timed {
	const width, patch, side = 768, 16, 224
	return []timed{
		{"patches", 3 * patch * patch, 3 * patch * patch, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			levels := b.floats(b.normal(3 * 256))
			return func(x, y Matrix) error { // x's first bytes are the pixels
				return b.set.Patches(b.stream, t, Patches{Pixels: x.At, Levels: levels, Side: side, Patch: patch}, y)
			}
		}},
		{"gelu", 3072, 3072, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			return func(x, y Matrix) error { return b.set.GELU(b.stream, t, x, y) }
		}},
		{"layer_norm", width, width, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			n := b.norm(width)
			return func(x, y Matrix) error { return b.set.LayerNorm(b.stream, t, x, n, y) }
		}},
		{"swiglu", 4096, 2048, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			return func(x, y Matrix) error { return b.set.SwiGLU(b.stream, t, x, y) }
		}},
		{"swiglu_norm", 4096, 2048, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			n := b.norm(2048)
			return func(x, y Matrix) error { return b.set.SwiGLUNorm(b.stream, t, x, n, y) }
		}},
		{"assemble", width, width, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			table := b.floats(b.normal(197 * width))
			return func(x, y Matrix) error {
				return b.set.Assemble(b.stream, t, Assemble{Sources: []Matrix{x}, Add: [2]Lookup{{Table: table}}}, y)
			}
		}},
		{"assemble_norm", width, width, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			table, n := b.floats(b.normal(197*width)), b.norm(width)
			return func(x, y Matrix) error {
				a := Assemble{Sources: []Matrix{x}, Add: [2]Lookup{{Table: table}, {Table: table}}, Norm: &n}
				return b.set.Assemble(b.stream, t, a, y)
			}
		}},
		{"layer_norm_normalise", width, width, true, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			n := b.norm(width)
			return func(x, y Matrix) error { return b.set.LayerNormNormalise(b.stream, t, x, n, y) }
		}},
		{"normalise", width, width, false, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			return func(x, y Matrix) error { return b.set.Normalise(b.stream, t, x, y, false) }
		}},
		{"export", width, width, true, func(b *bench, t cuda.Type) func(x, y Matrix) error {
			return func(x, y Matrix) error { return b.set.Export(b.stream, t, x, y.At) }
		}},
	}
}

func (b *bench) norm(cols int) Norm {
	return Norm{Gain: b.floats(b.normal(cols)), Bias: b.floats(b.normal(cols)), Eps: 1e-6}
}

// BenchmarkKernels reports the bytes of input and output that each kernel moves in a second, over so many matrices that
// the device's L2 keeps none. On the emulated device it shows only that this runs.
func BenchmarkKernels(b *testing.B) {
	for _, c := range timings() {
		for _, storage := range types {
			b.Run(fmt.Sprintf("%s/%v", c.name, storage), func(b *testing.B) { benchmark(b, c, storage) })
		}
	}
}

func benchmark(tb *testing.B, c timed, storage cuda.Type) {
	b := open(tb, sources())
	result := storage
	if c.float32Result {
		result = cuda.Float32
	}
	rows, copies := 14*14*84, 4 // 16464 tokens: 84 pictures
	in, out := rows*c.in*storage.Bytes(), rows*c.out*result.Bytes()
	if strings.Contains(strings.ToLower(b.device.Properties().Name), "emulated") {
		rows, copies, in, out = 14*14, 1, in/84, out/84
	} else {
		copies = max(copies, 4*b.device.Properties().L2Bytes/(in+out))
	}
	x := Matrix{At: b.filled(storage, copies*in), Rows: rows, Cols: c.in, Stride: c.in}
	y := Matrix{At: b.filled(result, copies*out), Rows: rows, Cols: c.out, Stride: c.out}
	launch := c.prepare(b, storage)
	part := func(i int) error {
		x, y := x, y
		x.At += cuda.Pointer(i % copies * in)
		y.At += cuda.Pointer(i % copies * out)
		return launch(x, y)
	}
	moved := in + out
	if c.name == "patches" {
		moved = rows*c.in + out // of pixels
	}

	must(b, part(0))
	must(b, b.stream.Synchronize())
	start, end := b.event(), b.event()
	must(b, b.stream.Record(start))
	n := 0
	for tb.Loop() {
		must(b, part(n))
		n++
	}
	must(b, b.stream.Record(end))
	must(b, b.stream.Synchronize())
	took, err := end.Since(start)
	must(b, err)
	tb.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/op")
	tb.ReportMetric(float64(moved)*float64(n)/took.Seconds()/1e9, "GB/s")
}

// filled is memory that repeats a block of random values of t.
func (b *bench) filled(t cuda.Type, size int) cuda.Pointer {
	values := b.normal(min(size/t.Bytes(), 1<<20))
	block := make([]byte, len(values)*t.Bytes())
	cuda.Convert(t, block, values)
	m, err := b.device.Allocate(int64(size))
	must(b, err)
	b.Cleanup(func() { must(b, b.device.Release(m)) })
	for at := 0; at < size; at += len(block) {
		must(b, b.stream.CopyIn(m.Pointer+cuda.Pointer(at), block[:min(len(block), size-at)]))
	}
	return m.Pointer
}

func (b *bench) event() *cuda.Event {
	e, err := b.device.NewEvent(true)
	must(b, err)
	b.Cleanup(e.Close)
	return e
}
