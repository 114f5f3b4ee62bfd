package ref

import (
	"context"
	"testing"

	"vbge/engine/op"
)

// BenchmarkLayer is the operations of one text layer of the demo's width, over 32 tokens.
func BenchmarkLayer(b *testing.B) {
	const rows, width, heads = 32, 192, 3
	backend := New()
	values := make([]float32, 3*width*width)
	for i := range values {
		values[i] = float32(i%17) / 100
	}
	qkv, err := backend.NewLinear(3*width, width, values, nil)
	if err != nil {
		b.Fatal(err)
	}
	table, err := backend.NewTable(rows, width, values[:rows*width])
	if err != nil {
		b.Fatal(err)
	}
	row, err := backend.NewTable(1, width, values[:width])
	if err != nil {
		b.Fatal(err)
	}
	at := make([]int32, rows)
	var p op.Pass
	x := p.Embedding(op.Embedding{Word: table, TokenType: row, Position: table, IDs: at, Positions: at})
	y := p.Linear(x, qkv)
	s := op.Equal(1, rows)
	y = p.Attention(op.Attention{Q: y.Columns(0, width), K: y.Columns(width, 2*width), V: y.Columns(2*width, 3*width),
		Heads: heads, Queries: s, Keys: s})
	p.LayerNorm(p.GELU(y), row, row, 1e-6)
	b.ReportAllocs()
	for b.Loop() {
		if err := backend.Run(context.Background(), &p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "tokens/s")
}
