//go:build native && cgo

package cpu

// #include "vbge_cpu.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"vbge/engine/op"
)

// counters has two values for each node, which threads add to.
type counters struct{ values []C.int64_t }

func (c *counters) of(node int) *C.int64_t {
	if c == nil {
		return nil
	}
	return &c.values[2*node]
}

// Profile implements op.Profiler.
func (b *Backend) Profile(ctx context.Context, p *op.Pass) ([]op.Spent, error) {
	c := &counters{values: make([]C.int64_t, 2*len(p.Nodes)+1)}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(unsafe.SliceData(c.values))
	if err := b.runTimed(ctx, p, c); err != nil {
		return nil, err
	}
	spent := make([]op.Spent, len(p.Nodes))
	for i := range spent {
		spent[i] = op.Spent{Total: time.Duration(c.values[2*i]), Products: time.Duration(c.values[2*i+1])}
	}
	return spent, nil
}

// Peak implements op.Profiler: multiply-adds on registers alone, and sums over memory that fits no cache.
func (b *Backend) Peak(ctx context.Context) (op.Peak, error) {
	var operations, bytes C.double
	err := b.thread.do(ctx, func() error {
		return failure(C.vbge_cpu_peak(b.cpu, codes[b.options.Precision].code, &operations, &bytes))
	})
	if err != nil {
		return op.Peak{}, fmt.Errorf("measure the processor's peak: %w", err)
	}
	return op.Peak{Operations: float64(operations), Bytes: float64(bytes), Processors: b.options.Threads}, nil
}
