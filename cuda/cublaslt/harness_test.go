//go:build cuda

package cublaslt

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"vbge/cuda"
)

// bench is a device with a stream and a handle, on the test's own thread.
type bench struct {
	t      *testing.T
	device *cuda.Device
	stream *cuda.Stream
	handle *Handle
}

// openBench skips a test where there is no device or no cuBLASLt, real or emulated. One that was asked for has to be there.
func openBench(t *testing.T) *bench {
	t.Helper()
	if _, err := cuda.FindDriver(); err != nil && os.Getenv("VBGE_CUDA_DRIVER") == "" {
		t.Skipf("%v: `. .ci/emulated` for the emulated device", err)
	} else if err != nil {
		t.Fatal(err)
	}
	library := openLibrary(t)
	runtime.LockOSThread()
	before := livePlans()
	d, err := cuda.Open(0)
	must(t, err)
	b := &bench{t: t, device: d}
	b.stream, err = d.NewStream()
	must(t, err)
	b.handle, err = library.NewHandle()
	must(t, err)
	t.Cleanup(func() {
		defer runtime.UnlockOSThread()
		if err := b.handle.Close(); err != nil {
			t.Error(err)
		}
		b.stream.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if n := livePlans(); n != before {
			t.Errorf("%d plans live on, %d did before", n, before)
		}
	})
	return b
}

func openLibrary(t *testing.T) *Library {
	t.Helper()
	l, err := Open()
	if errors.Is(err, ErrMissing) && os.Getenv("VBGE_CUBLASLT") == "" {
		t.Skip(err)
	}
	must(t, err)
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) allocate(bytes int64) cuda.Memory {
	b.t.Helper()
	m, err := b.device.Allocate(bytes)
	must(b.t, err)
	b.t.Cleanup(func() { must(b.t, b.device.Release(m)) })
	return m
}

// matrix is a matrix on the device and the values that it has there, with NaN between its rows, before and after it.
type matrix struct {
	at                 cuda.Pointer
	memory             cuda.Memory
	t                  cuda.Type
	rows, cols, stride int
	offset             int // values before the first
	values             []float32
}

// nan fills what must not be read.
var nan = float32(math.NaN())

// guard is how many values stand before and after a matrix: 256 bytes or more, to keep its address aligned.
const guard = 128

// upload puts a matrix on the device that begins `skew` values after an aligned address; its values come from value.
func (b *bench) upload(t cuda.Type, rows, cols, stride, skew int, value func() float32) *matrix {
	b.t.Helper()
	m := &matrix{t: t, rows: rows, cols: cols, stride: stride, offset: guard + skew}
	all := make([]float32, m.offset+(rows-1)*stride+cols+guard)
	for i := range all {
		all[i] = nan
	}
	for r := range rows {
		for c := range cols {
			all[m.offset+r*stride+c] = value()
		}
	}
	stored := make([]byte, len(all)*t.Bytes())
	cuda.Convert(t, stored, all)
	m.values = all
	cuda.Widen(t, m.values, stored)
	m.memory = b.allocate(int64(len(stored)))
	m.at = m.memory.Pointer + cuda.Pointer(m.offset*t.Bytes())
	must(b.t, b.stream.CopyIn(m.memory.Pointer, stored))
	return m
}

func (m *matrix) value(r, c int) float64 { return float64(m.values[m.offset+r*m.stride+c]) }

// download returns what the matrix's memory holds now, and reports writes to what is not the matrix.
func (b *bench) download(m *matrix) func(r, c int) float64 {
	b.t.Helper()
	stored := make([]byte, len(m.values)*m.t.Bytes())
	must(b.t, b.stream.CopyOut(stored, m.memory.Pointer))
	now := make([]float32, len(m.values))
	cuda.Widen(m.t, now, stored)
	for i, v := range now {
		if at := i - m.offset; (at < 0 || at/m.stride >= m.rows || at%m.stride >= m.cols) && v == v {
			b.t.Fatalf("%v was written at %d, outside the matrix", v, at)
		}
	}
	return func(r, c int) float64 { return float64(now[m.offset+r*m.stride+c]) }
}

func random(seed uint64) func() float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	return func() float32 { return float32(r.NormFloat64()) }
}

func none() float32 { return nan }
