package gpu

import (
	"math/bits"

	"vbge/engine/arena"
	"vbge/engine/op"
)

// leastRows is the smallest bucket of rows: a tensor core's operand.
const leastRows = 16

// Bucket returns what a launch over n rows covers: n rounded up to one of eight steps between powers
// of two, and to whole tiles of 16. Above 128 rows that is an eighth more at worst.
func Bucket(n int) int { return bucket(n, leastRows) }

// BucketPictures returns how many pictures a launch over n covers: every number up to 16, then an
// eighth more at worst.
func BucketPictures(n int) int { return bucket(n, 1) }

// BucketSequences returns how many sequences, and so pooled rows, a launch over n of them covers:
// powers of two, so that few graphs serve every mixture of lengths. What it adds is one row a
// sequence in the last layer alone.
func BucketSequences(n int) int {
	if n <= 0 {
		return 0
	}
	return max(leastRows, 1<<bits.Len(uint(n-1)))
}

func bucket(n, least int) int {
	if n <= 0 {
		return 0
	}
	step := 1 << max(bits.Len(uint(n))-1-3, 0)
	return arena.RoundUp(n, max(step, least))
}

// size says how a tensor's rows grow with the batch: count times per, of which count is bucketed.
type size struct {
	count, per int
	of         counted
}

// counted is what a size counts.
type counted int

const (
	ofRows      counted = iota
	ofPictures          // the picture tower's rows are pictures times tokens of a picture
	ofSequences         // one row of each sequence
)

func rowsOf(n int) size { return size{n, 1, ofRows} }

// bucket returns the rows that launches cover.
func (s size) bucket() int {
	switch s.of {
	case ofPictures:
		return BucketPictures(s.count) * s.per
	case ofSequences:
		return BucketSequences(s.count) * s.per
	}
	return Bucket(s.count * s.per)
}

// pictures returns how many pictures launches cover.
func (s size) pictures() int { return BucketPictures(s.count) }

// sizes returns the sizes of a pass's tensors by ID.
func sizes(p *op.Pass) []size {
	s := make([]size, len(p.Nodes)+1)
	for _, n := range p.Nodes {
		switch o := n.Operation.(type) {
		case op.Patches:
			grid := o.Side / o.Patch
			s[n.Out.ID] = size{n.Out.Rows / (grid * grid), grid * grid, ofPictures}
		case op.LinearLayer:
			s[n.Out.ID] = s[o.X.ID]
			if r := o.Residual.ID; r != 0 && s[r].bucket() < s[o.X.ID].bucket() {
				s[n.Out.ID] = s[r]
			}
		case op.Embedding, op.Given:
			s[n.Out.ID] = rowsOf(n.Out.Rows)
		case op.Prepend:
			s[n.Out.ID] = prependSize(s[o.X.ID], o.Sequences.Len(), n.Out.Rows)
		case op.Gather:
			s[n.Out.ID] = gatherSize(s[o.From[0].ID], len(o.From), n.Out.Rows)
		default: // row by row
			s[n.Out.ID] = s[n.Operation.Inputs()[0].ID]
		}
	}
	return s
}

func prependSize(x size, sequences, rows int) size {
	if x.of == ofPictures && x.count == sequences {
		return size{x.count, x.per + 1, ofPictures}
	}
	return rowsOf(rows)
}

// gatherSize takes fewer rows than there are to be one of each sequence. If they are not, that costs
// no more than a few rows.
func gatherSize(x size, sources, rows int) size {
	switch {
	case sources > 1 || rows == 0:
	case x.of == ofPictures && x.count > 0 && rows%x.count == 0:
		return size{x.count, rows / x.count, ofPictures}
	case rows < x.count*x.per:
		return size{rows, 1, ofSequences}
	}
	return rowsOf(rows)
}
