//go:build native && cgo

package cpu

/*
#cgo CFLAGS: -I${SRCDIR}/native
#cgo LDFLAGS: -L${SRCDIR}/../../build/cpu -lvbge_cpu -L${SRCDIR}/../../third_party/native/onednn/lib -ldnnl -lgomp -lstdc++ -lm
#cgo LDFLAGS: -Wl,-rpath,$ORIGIN/../third_party/native/onednn/lib -Wl,-rpath,${SRCDIR}/../../third_party/native/onednn/lib
#include "vbge_cpu.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"vbge/engine/op"
	"vbge/engine/processors"
)

// Built reports whether this build has the native CPU engine.
const Built = true

// Describe says what the engine computes with.
func Describe() string {
	return fmt.Sprintf("oneDNN %s, %s kernels", C.GoString(C.vbge_cpu_onednn()), C.GoString(C.vbge_cpu_kernels()))
}

// codes are the native side's names of precisions, and the instructions that each needs.
var codes = map[Precision]struct {
	code  C.int
	needs string
}{
	Float32:  {C.VBGE_FLOAT32, ""},
	BFloat16: {C.VBGE_BFLOAT16, "AVX512_BF16"},
	Int8:     {C.VBGE_INT8, "AVX512_VNNI or AVX_VNNI"},
}

// Supports returns nil where products can be computed in p, or an error that wraps ErrPrecision.
func Supports(p Precision) error {
	c, ok := codes[p]
	if !ok {
		return fmt.Errorf("%w: there is no %q on CPUs", ErrPrecision, p)
	}
	if C.vbge_cpu_supports(c.code) == 0 {
		return fmt.Errorf("%w: %s needs %s", ErrPrecision, p, c.needs)
	}
	return nil
}

// Backend owns a thread, oneDNN's state on it, and C memory for parameters and activations.
type Backend struct {
	thread  *thread
	options Options
	cpu     *C.vbge_cpu // used on thread only, as are all fields below

	linears []*C.vbge_linear
	tables  []unsafe.Pointer
	arena   unsafe.Pointer
	size    int // bytes that arena has room for
	steps   []C.vbge_step
	closing sync.Once
}

// New starts a CPU engine.
func New(o Options) (op.Backend, error) {
	if err := Supports(o.Precision); err != nil {
		return nil, fmt.Errorf("start the CPU engine: %w", err)
	}
	if o.Threads < 1 || o.Threads > MostThreads {
		return nil, fmt.Errorf("start the CPU engine on %d threads: choose 1 to %d", o.Threads, MostThreads)
	}
	b := &Backend{thread: startThread(), options: o}
	pin := C.int(0)
	if processors.Find().Pin(o.Threads) {
		pin = 1
	}
	err := b.thread.do(context.Background(), func() error {
		return failure(C.vbge_cpu_new(C.int(o.Threads), pin, &b.cpu))
	})
	if err != nil {
		b.thread.stop()
		return nil, fmt.Errorf("start the CPU engine on %d threads: %w", o.Threads, err)
	}
	return b, nil
}

// failure returns the reason that the native side kept for a status that is not 0.
func failure(status C.int) error {
	if status == 0 {
		return nil
	}
	return errors.New(C.GoString(C.vbge_cpu_error()))
}

// liveBytes returns the C memory that all backends hold.
func liveBytes() int64 { return int64(C.vbge_cpu_live_bytes()) }

// Name implements op.Backend.
func (*Backend) Name() string { return "cpu" }

// Close implements op.Backend.
func (b *Backend) Close() error {
	b.closing.Do(func() {
		// The thread takes this job unless it has stopped already.
		_ = b.thread.do(context.Background(), func() error {
			for _, l := range b.linears {
				C.vbge_linear_free(l)
			}
			for _, t := range b.tables {
				C.vbge_cpu_release(t)
			}
			C.vbge_cpu_release(b.arena)
			C.vbge_cpu_free(b.cpu)
			return nil
		})
		b.thread.stop()
	})
	return nil
}

// NewLinear implements op.Backend: it packs the weight in oneDNN's order.
func (b *Backend) NewLinear(out, in int, weight, bias []float32) (op.Linear, error) {
	if len(weight) != out*in || bias != nil && len(bias) != out {
		return op.Linear{}, fmt.Errorf("linear [%d, %d] of %d weights and %d biases: %w", out, in, len(weight), len(bias), op.ErrShape)
	}
	var l *C.vbge_linear
	err := b.thread.do(context.Background(), func() error {
		err := failure(C.vbge_linear_new(b.cpu, codes[b.options.Precision].code, C.int(out), C.int(in), floats(weight), floats(bias), &l))
		if err == nil {
			b.linears = append(b.linears, l)
		}
		return err
	})
	if err != nil {
		return op.Linear{}, fmt.Errorf("linear [%d, %d]: %w", out, in, err)
	}
	return op.Linear{Out: out, In: in, Handle: l}, nil
}

// NewTable implements op.Backend.
func (b *Backend) NewTable(rows, cols int, values []float32) (op.Table, error) {
	if len(values) != rows*cols {
		return op.Table{}, fmt.Errorf("table [%d, %d] of %d values: %w", rows, cols, len(values), op.ErrShape)
	}
	var t unsafe.Pointer
	err := b.thread.do(context.Background(), func() error {
		t = C.vbge_cpu_allocate(C.size_t(4 * len(values)))
		if t == nil {
			return fmt.Errorf("no memory for a table of %d values", len(values))
		}
		copy(unsafe.Slice((*float32)(t), len(values)), values)
		b.tables = append(b.tables, t)
		return nil
	})
	if err != nil {
		return op.Table{}, err
	}
	return op.Table{Rows: rows, Cols: cols, Handle: t}, nil
}

// floats returns a slice's memory for the length of a C call, or NULL for an empty slice.
func floats(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

func ints(s []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(s)) }

func tableOf(t op.Table) *C.float { return (*C.float)(t.Handle.(unsafe.Pointer)) }
