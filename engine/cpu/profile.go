//go:build native && cgo

package cpu

// #include "vbge_cpu.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"

	"vbge/engine/op"
)

// Spent is what all threads together spent on a node of a pass. That of a GELU or SwiGLU which is computed with the
// product before it is counted there.
type Spent struct {
	Total    time.Duration
	Products time.Duration // within Total, the bare matrix product
}

// counters has two values for each node, which threads add to.
type counters struct{ values []C.int64_t }

func (c *counters) of(node int) *C.int64_t {
	if c == nil {
		return nil
	}
	return &c.values[2*node]
}

// Profile runs p and returns what each of its nodes took.
func (b *Backend) Profile(ctx context.Context, p *op.Pass) ([]Spent, error) {
	c := &counters{values: make([]C.int64_t, 2*len(p.Nodes))}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(unsafe.SliceData(c.values))
	if err := b.runTimed(ctx, p, c); err != nil {
		return nil, err
	}
	spent := make([]Spent, len(p.Nodes))
	for i := range spent {
		spent[i] = Spent{time.Duration(c.values[2*i]), time.Duration(c.values[2*i+1])}
	}
	return spent, nil
}
