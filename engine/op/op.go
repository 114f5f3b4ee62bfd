// Package op is the small set of operations that Visualized-BGE is made of. The model records a
// forward pass in them, once, in Go; a backend runs the recording. It imports nothing of vbge, so
// that the model and every backend can import it.
//
// A Pass is plain data: a list of operations over Tensors, which are opaque handles. Nothing is
// computed and no memory is taken while it is recorded, so that a backend sees the whole pass
// before it starts: it may fuse neighbours, plan one arena and overlap copies with computing.
//
// Batches are flat: the tokens of all sequences stand one after another in a tensor's rows, and
// Sequences holds the cumulative lengths. There is no padding anywhere.
package op

import (
	"context"
	"time"
)

// Tensor is a handle on a float32 matrix [Rows, Cols] that an operation of a Pass writes. It may
// name a range of columns of the stored matrix (see Columns). The zero Tensor means "none".
type Tensor struct {
	ID    int // 1, 2, ... in the order of recording
	Rows  int
	Cols  int
	First int // first column of the stored matrix that belongs to this tensor
}

// Columns returns the view [Rows, to-from] of t's columns from..to-1; nothing is copied. Columns that t
// has not are a fault of the operation that reads them.
func (t Tensor) Columns(from, to int) Tensor {
	return Tensor{ID: t.ID, Rows: t.Rows, Cols: to - from, First: t.First + from}
}

// Linear is a backend's own form of a weight [Out, In] and a bias [Out] (possibly none).
type Linear struct {
	Out, In int
	Handle  any // the backend's
}

// Table is a backend's own form of parameters that are looked up by row: [Rows, Cols]. A vector
// (a norm's gain, say) is a table of one row.
type Table struct {
	Rows, Cols int
	Handle     any // the backend's
}

// Sequences holds cumulative sequence lengths: sequence i is rows s[i]..s[i+1]-1, and s[0] is 0.
type Sequences []int32

// Len returns the number of sequences.
func (s Sequences) Len() int { return len(s) - 1 }

// Rows returns the rows of all sequences together.
func (s Sequences) Rows() int { return int(s[len(s)-1]) }

// Longest returns the rows of the longest sequence.
func (s Sequences) Longest() int {
	n := 0
	for i := range s.Len() {
		n = max(n, int(s[i+1]-s[i]))
	}
	return n
}

// Equal returns n sequences of length rows each.
func Equal(n, length int) Sequences {
	s := make(Sequences, n+1)
	for i := range s {
		s[i] = int32(i * length)
	}
	return s
}

// Backend holds parameters and runs passes. Its methods may be called from several goroutines.
type Backend interface {
	// Name is what --device calls it.
	Name() string
	// NewLinear takes over a weight, [out, in] in row-major order, and a bias of out values or
	// nil. It copies: the slices are the caller's again when it returns.
	NewLinear(out, in int, weight, bias []float32) (Linear, error)
	// NewTable takes over (by copy) parameters [rows, cols] that are looked up by row.
	NewTable(rows, cols int, values []float32) (Table, error)
	// Run computes all that p recorded, outputs asked for or not, and fills the outputs. A pass may
	// be run again. A cancelled context is honoured until the computation starts. It returns p's own error if the recording was at fault.
	Run(ctx context.Context, p *Pass) error
	// Close frees parameters and memory; no Run may be under way or follow.
	Close() error
}

// Warmer is a Backend that gains from knowing ahead what will be run.
type Warmer interface {
	// Reserve takes the memory that these passes need, or returns why there is none.
	Reserve(ctx context.Context, passes []*Pass) error
	// WarmUp reserves, and prepares whatever depends on the passes' shapes. A pass beyond them runs all
	// the same, the first of its shape slower.
	WarmUp(ctx context.Context, passes []*Pass) error
}

// Pipeline is a Backend that works faster with several passes under way: the data of the next one
// travel while one is computed.
type Pipeline interface {
	// Passes returns how many.
	Passes() int
}

// Profiler is a Backend that knows what it spends its time on.
type Profiler interface {
	// Profile runs p and returns what each of its nodes took.
	Profile(ctx context.Context, p *Pass) ([]Spent, error)
	// Peak measures, for some tenths of a second, what the device can do at most.
	Peak(ctx context.Context) (Peak, error)
}

// Spent is the time of one node, counted on every processor that worked on it. What is computed together with the node
// before it is counted there.
type Spent struct {
	Total    time.Duration
	Products time.Duration // within Total, bare matrix products
}

// Peak is what a device can do at most.
type Peak struct {
	Operations float64 // a second, of products in the backend's precision; a multiply and an add are two
	Bytes      float64 // a second, read from memory
	Processors int     // that work at once
}

// Monitor is a Backend whose device can fail.
type Monitor interface {
	// Ready returns why the backend cannot compute any more, or nil.
	Ready() error
}
