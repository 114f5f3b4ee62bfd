package model

import "vbge/engine/op"

// meanPooling is the mean over all tokens of a sequence: attention by a query of zeros, to which all keys
// weigh the same.
type meanPooling struct {
	zeros op.Table // [1, H]
}

func (l *loader) meanPooling(width int) *meanPooling {
	return &meanPooling{l.newTable(1, width, make([]float32, width))}
}

// record returns the means [sequences, H]. A norm whose gain and bias are zeros makes the queries on the
// device, where they would otherwise have to be sent with every batch.
func (m *meanPooling) record(p *op.Pass, x op.Tensor, heads int, tokens op.Sequences) op.Tensor {
	n := tokens.Len()
	zeros := p.LayerNorm(p.Gather(tokens[:n], x), m.zeros, m.zeros, 1)
	return p.Attention(op.Attention{Q: zeros, K: x, V: x, Heads: heads, Queries: op.Equal(n, 1), Keys: tokens})
}
