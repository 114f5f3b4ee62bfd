package gpu

import (
	"errors"

	"vbge/cuda"
	"vbge/engine/op"
)

// ErrHeadWidth is wrapped for attention whose heads are not as wide as the kernels.
var ErrHeadWidth = errors.New("attention on a GPU has heads of 32 or 64 channels")

// Plan is one pass as launches: what is fused, and where every tensor stands.
type Plan struct {
	Segments []Segment
	// What the plan needs of each space, in bytes; Staging is by segment.
	Arena, Handoff, Results int64
	Outputs                 []Output
}

// Segment is a part of a pass that one CUDA graph runs: the picture tower, or the text tower. Its
// launches depend on the buckets of the counts in it and not on the counts, which stand in Staging.
type Segment struct {
	// Region is where on the device the segment's staging block goes: a place for each Region. The
	// picture tower's is always 0, the text tower's always 1, with pictures before it or without.
	Region int
	// Key is equal for segments with the same launches at the same places.
	Key   string
	Steps []Step
	Input Input
}

// Output is where a pass's output stands: dense float32 [Rows, Cols] in Results.
type Output struct {
	Index      int // among the pass's Outputs
	Place      Place
	Rows, Cols int
}

// Input is what a segment's steps find in Staging.
type Input struct {
	// Bytes is the block's size, by buckets: the same for the same key.
	Bytes int64
	items []item
}

// Fill writes the batch's data into block, of at least Bytes bytes, and returns how many bytes from its
// beginning have to be sent. What the pass borrows is read here and not later.
func (in Input) Fill(block []byte) int64 { return 0 }

type item struct{}

// NewPlan plans p on a device that stores activations as t. Its linears and tables are those of
// this package's backends.
func NewPlan(p *op.Pass, t cuda.Type) (*Plan, error) { return nil, errors.New("not written yet") }
