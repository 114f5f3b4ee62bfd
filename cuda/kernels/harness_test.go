//go:build cuda

package kernels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"vbge/cuda"
)

// bench is a device with kernels loaded, current on the test's thread.
type bench struct {
	testing.TB
	device *cuda.Device
	set    *Set
	stream *cuda.Stream
	random *rand.Rand
}

// eachSeed calls f with a device of its own for some orders of warps, or once where the device is no emulated one.
func eachSeed(t *testing.T, files []source, f func(*bench)) {
	t.Helper()
	const seeds = 3
	first, _ := strconv.Atoi(os.Getenv("VBGE_EMULATED_SEED")) // .ci/test-cuda-long counts it up
	for i := range seeds {
		seed := strconv.Itoa(first*seeds + i)
		t.Run("seed "+seed, func(t *testing.T) {
			t.Setenv("VBGE_EMULATED_SEED", seed)
			b := open(t, files)
			b.random = rand.New(rand.NewPCG(uint64(first*seeds+i), 0))
			if i > 0 && !strings.Contains(strings.ToLower(b.device.Properties().Name), "emulated") {
				t.Skip("seeds order warps on the emulated device alone")
			}
			f(b)
		})
	}
}

// open opens device 0 with the kernels of files for one test, or skips it where there is none.
func open(t testing.TB, files []source) *bench {
	t.Helper()
	if _, err := cuda.FindDriver(); err != nil && os.Getenv("VBGE_CUDA_DRIVER") != "" {
		t.Fatal(err)
	} else if errors.Is(err, cuda.ErrNoDriver) || errors.Is(err, cuda.ErrNoDevice) {
		t.Skipf("%v: set VBGE_CUDA_DRIVER to build/emulated/libcuda.so.1 for the emulated device", err)
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	d, err := cuda.Open(0)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	set, err := load(d, files)
	must(t, err)
	t.Cleanup(func() { must(t, set.Close()) })
	s, err := d.NewStream()
	must(t, err)
	t.Cleanup(s.Close)
	return &bench{TB: t, device: d, set: set, stream: s, random: rand.New(rand.NewPCG(1, 2))}
}

// run is t.Run with b's device.
func (b *bench) run(name string, f func(*bench)) {
	b.Helper()
	b.TB.(*testing.T).Run(name, func(t *testing.T) {
		runtime.LockOSThread()
		t.Cleanup(runtime.UnlockOSThread) // after the cleanups that need the thread
		must(t, b.device.MakeCurrent())
		child := *b
		child.TB = t
		f(&child)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// normal returns n normally distributed values.
func (b *bench) normal(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(b.random.NormFloat64())
	}
	return v
}

// layout says how a matrix lies in the one that stores it, which has a row more above, and left and gap more columns
// beside. With a gap it has a row more below; without one its memory ends with the last value, beyond which the emulated
// device lets nothing read.
type layout struct{ rows, cols, left, gap int }

// whole is a layout in which every row consists of whole vectors if cols does, with some room to its right.
func whole(rows, cols int) layout { return layout{rows: rows, cols: cols, gap: 8 + (8-cols%8)%8} }

// randomLayouts returns n layouts that no table thought of.
func (b *bench) randomLayouts(n, mostCols int) []layout {
	layouts := make([]layout, n)
	for i := range layouts {
		l := layout{rows: 1 + b.random.IntN(20), cols: 1 + b.random.IntN(mostCols), left: b.random.IntN(9), gap: b.random.IntN(9)}
		if b.random.IntN(2) == 0 {
			l = whole(l.rows, (l.cols+7)/8*8)
		}
		layouts[i] = l
	}
	return layouts
}

// matrix is a Matrix on the device inside another one, whose other values nothing may change.
type matrix struct {
	Matrix
	layout
	storage cuda.Type
	values  []float32 // as rounded to the storage type
	memory  cuda.Memory
	before  []byte // all of the memory
}

// matrix uploads values, or, without any, room for a result: NaN.
func (b *bench) matrix(t cuda.Type, l layout, values []float32) *matrix {
	b.Helper()
	m := &matrix{layout: l, storage: t, Matrix: Matrix{Rows: l.rows, Cols: l.cols, Stride: l.left + l.cols + l.gap}}
	around := make([]float32, (l.rows+1+min(l.gap, 1))*m.Stride)
	for i := range around {
		around[i] = float32(i%251) + 0.5
	}
	for r := range l.rows {
		to := around[(r+1)*m.Stride+l.left:][:l.cols]
		for c := range to {
			to[c] = float32(math.NaN())
		}
		if values != nil {
			copy(to, values[r*l.cols:])
		}
	}
	m.before = make([]byte, len(around)*t.Bytes())
	cuda.Convert(t, m.before, around)
	m.values = m.view(m.before)
	m.memory = b.upload(m.before)
	m.At = m.memory.Pointer + cuda.Pointer((m.Stride+l.left)*t.Bytes())
	return m
}

// view returns the matrix's values from all of its memory.
func (m *matrix) view(memory []byte) []float32 {
	all := make([]float32, len(memory)/m.storage.Bytes())
	cuda.Widen(m.storage, all, memory)
	values := make([]float32, 0, m.rows*m.cols)
	for r := range m.rows {
		values = append(values, all[(r+1)*m.Stride+m.left:][:m.cols]...)
	}
	return values
}

// result waits for the device and returns the matrix's values. What lies around it must be as it was.
func (b *bench) result(m *matrix) []float32 {
	b.Helper()
	after := make([]byte, len(m.before))
	must(b, b.stream.CopyOut(after, m.memory.Pointer))
	must(b, b.stream.Synchronize())
	size := m.storage.Bytes()
	for i := range len(after) / size {
		r, c := i/m.Stride-1, i%m.Stride-m.left
		inside := r >= 0 && r < m.rows && c >= 0 && c < m.cols
		if !inside && !bytes.Equal(after[i*size:][:size], m.before[i*size:][:size]) {
			b.Fatalf("row %d, column %d of [%d, %d] was written", r, c, m.rows, m.cols)
		}
	}
	return m.view(after)
}

// upload takes memory on the device for as long as the test runs.
func (b *bench) upload(content []byte) cuda.Memory {
	b.Helper()
	m, err := b.device.Allocate(int64(max(len(content), 1)))
	must(b, err)
	b.Cleanup(func() { must(b, b.device.Release(m)) })
	must(b, b.stream.CopyIn(m.Pointer, content))
	return m
}

func (b *bench) floats(values []float32) cuda.Pointer {
	b.Helper()
	content := make([]byte, 4*len(values))
	cuda.Convert(cuda.Float32, content, values)
	return b.upload(content).Pointer
}

func (b *bench) ints(values []int32) cuda.Pointer {
	b.Helper()
	content := make([]byte, 0, 4*len(values))
	for _, v := range values {
		content = binary.LittleEndian.AppendUint32(content, uint32(v))
	}
	return b.upload(content).Pointer
}

// types are the storage types that every kernel is tested with.
var types = []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16}

// shape names a case.
func shape(t cuda.Type, l layout) string {
	return fmt.Sprintf("%v [%d, %d] left %d gap %d", t, l.rows, l.cols, l.left, l.gap)
}
