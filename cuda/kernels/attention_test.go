//go:build cuda

package kernels

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"vbge/cuda"
	"vbge/engine/op"
)

func attentionFiles() []source { return []source{attentionKernels(), attentionFloat32Kernels()} }

// attentionCase is a batch: so many queries and keys a sequence.
type attentionCase struct {
	name          string
	heads         int
	queries, keys []int
	spread        float32 // standard deviation of the queries; 0 for 1
}

func self(name string, heads int, lengths ...int) attentionCase {
	return attentionCase{name: name, heads: heads, queries: lengths, keys: lengths}
}

func attentionCases() []attentionCase {
	cases := []attentionCase{
		self("many short", 4, 3, 1, 20, 7, 64, 9, 2, 33),
		self("empty ones", 3, 0, 5, 0, 0, 66, 0),
		self("nothing", 2, 0, 0),
		self("more work than blocks", 12, slices.Repeat([]int{1, 2, 18}, 20)...), // 18 takes two warps
		self("pictures", 2, 197, 197),
		{name: "one query", heads: 12, queries: []int{1, 1, 1}, keys: []int{40, 1, 130}},
		{name: "more queries than keys", heads: 2, queries: []int{130, 3}, keys: []int{2, 65}},
		{name: "large scores", heads: 2, queries: []int{70}, keys: []int{70}, spread: 100},
	}
	for i, n := range []int{1, 2, 17, 63, 64, 65, 127, 128, 198, 512} {
		cases = append(cases, self(fmt.Sprintf("%d tokens", n), 1+i%3, n))
	}
	return cases
}

func TestAttention(t *testing.T) {
	eachSeed(t, attentionFiles(), func(b *bench) {
		eachAttention(b, func(b *bench, storage cuda.Type, width int, rotary bool) {
			for _, c := range attentionCases() {
				b.run(c.name, func(b *bench) { newAttentionTest(b, storage, width, rotary, c).check() })
			}
		})
	})
}

func TestAttentionOfRandomShapes(t *testing.T) {
	eachSeed(t, attentionFiles(), func(b *bench) {
		eachAttention(b, func(b *bench, storage cuda.Type, width int, rotary bool) {
			for range 3 {
				c := attentionCase{name: "random", heads: 1 + b.random.IntN(12)}
				for range 1 + b.random.IntN(4) {
					n := b.random.IntN(150)
					c.queries, c.keys = append(c.queries, b.random.IntN(n+1)), append(c.keys, n)
				}
				newAttentionTest(b, storage, width, rotary, c).check()
			}
		})
	})
}

// A sequence's result must be the same to the bit whatever else is in the batch, and whatever the values of others:
// infinities and NaN show any key or value that is merely multiplied by zero.
func TestAttentionOfASequenceIsItsOwn(t *testing.T) {
	eachSeed(t, attentionFiles(), func(b *bench) {
		eachAttention(b, func(b *bench, storage cuda.Type, width int, rotary bool) {
			const others = 2 // sequences 0 and 2 are spoiled
			batch := newAttentionTest(b, storage, width, rotary, self("batch", 2, 65, 70, 7, 130, 1))
			for s := 0; s <= others; s += 2 {
				for r := batch.queries[s]; r < batch.queries[s+1]; r++ {
					for c := range batch.q.cols {
						batch.q.values[int(r)*batch.q.cols+c] = float32(math.Inf(1))
						batch.k.values[int(r)*batch.k.cols+c] = float32(math.NaN())
						batch.v.values[int(r)*batch.v.cols+c] = float32(math.Inf(-1))
					}
				}
			}
			batch.q = b.matrix(storage, batch.q.layout, batch.q.values)
			batch.k = b.matrix(storage, batch.k.layout, batch.k.values)
			batch.v = b.matrix(storage, batch.v.layout, batch.v.values)
			together := batch.run()
			for _, s := range []int{1, 3, 4} {
				alone := batch.only(s).run()
				from, to := int(batch.queries[s])*batch.q.cols, int(batch.queries[s+1])*batch.q.cols
				if !slices.Equal(alone[:to-from], together[from:to]) {
					b.Errorf("sequence %d of %d tokens is another one alone than in a batch", s, batch.queries[s+1]-batch.queries[s])
				}
			}
		})
	})
}

func TestAttentionRefuses(t *testing.T) {
	b := open(t, attentionFiles())
	good := newAttentionTest(b, cuda.BFloat16, 64, true, self("refused", 2, 5))
	f := func(name string, want error, change func(a *Attention, y *Matrix)) {
		t.Helper()
		a, y := good.attention(), good.y.Matrix
		change(&a, &y)
		if err := b.set.Attention(b.stream, good.storage, a, y); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		} else {
			t.Log(err)
		}
	}
	f("as it should be", nil, func(*Attention, *Matrix) {})
	f("narrow heads", ErrHeadWidth, func(a *Attention, _ *Matrix) { a.Heads, a.Width = 8, 16 })
	f("fewer heads", op.ErrShape, func(a *Attention, _ *Matrix) { a.Heads = 1 })
	f("q in the middle of 16 bytes", op.ErrShape, func(a *Attention, _ *Matrix) { a.Q.At += 2 })
	f("v in the middle of 16 bytes", op.ErrShape, func(a *Attention, _ *Matrix) { a.V.At += 8 })
	f("rows of y in the middle of 16 bytes", op.ErrShape, func(_ *Attention, y *Matrix) { y.Stride += 4 })
	f("more queries than results", op.ErrShape, func(_ *Attention, y *Matrix) { y.Rows-- })
	f("more keys than values", op.ErrShape, func(a *Attention, _ *Matrix) { a.K.Rows++ })
	f("rows too far apart", op.ErrShape, func(a *Attention, _ *Matrix) { a.K.Stride = 1 << 25 })
	f("cosines alone", op.ErrShape, func(a *Attention, _ *Matrix) { a.Sin = 0 })
	f("sines in the middle of 16 bytes", op.ErrShape, func(a *Attention, _ *Matrix) { a.Sin += 4 })
	f("tiles without number", op.ErrShape, func(a *Attention, _ *Matrix) { a.MaxTiles = 1 << 31 })
	must(t, b.stream.Synchronize())
}

func eachAttention(b *bench, f func(b *bench, storage cuda.Type, width int, rotary bool)) {
	for _, storage := range types {
		for _, width := range []int{32, 64} {
			for _, rotary := range []bool{false, true} {
				b.run(fmt.Sprintf("%v %s", storage, attentionVariant(width, rotary)), func(b *bench) { f(b, storage, width, rotary) })
			}
		}
	}
}

// attentionTest is one attention on the device. Beyond the queries and keys there are rows of padding, as in a bucket.
type attentionTest struct {
	*bench
	attentionCase
	storage       cuda.Type
	width         int
	rotary        bool
	queries, keys op.Sequences
	q, k, v, y    *matrix
	cos, sin      []float32 // [longest, width]
}

const padding = 3

func newAttentionTest(b *bench, storage cuda.Type, width int, rotary bool, c attentionCase) *attentionTest {
	t := &attentionTest{bench: b, attentionCase: c, storage: storage, width: width, rotary: rotary,
		queries: cumulative(c.queries), keys: cumulative(c.keys)}
	cols := c.heads * width
	q := b.normal((t.queries.Rows() + padding) * cols)
	if c.spread > 0 {
		for i := range q {
			q[i] *= c.spread
		}
	}
	t.q = b.matrix(storage, whole(t.queries.Rows()+padding, cols), q)
	keys := t.keys.Rows() + padding
	t.k = b.matrix(storage, whole(keys, cols), b.normal(keys*cols))
	t.v = b.matrix(storage, layout{keys, cols, cols, 16}, b.normal(keys*cols)) // beside other columns
	t.y = b.matrix(storage, whole(t.queries.Rows()+padding, cols), nil)
	for range max(t.queries.Longest(), t.keys.Longest()) * width / 2 {
		sin, cos := math.Sincos(2 * math.Pi * b.random.Float64())
		t.cos, t.sin = append(t.cos, float32(cos), float32(cos)), append(t.sin, float32(sin), float32(sin))
	}
	return t
}

func cumulative(lengths []int) op.Sequences {
	s := make(op.Sequences, len(lengths)+1)
	for i, n := range lengths {
		s[i+1] = s[i] + int32(n)
	}
	return s
}

// only is the same with one sequence alone; its rows and rotations are the same, their places are not.
func (t *attentionTest) only(s int) *attentionTest {
	alone := *t
	alone.queries, alone.keys = op.Sequences{0, t.queries[s+1] - t.queries[s]}, op.Sequences{0, t.keys[s+1] - t.keys[s]}
	rows := func(m *matrix, from, to int32) *matrix {
		return t.matrix(t.storage, whole(int(to-from), m.cols), m.values[int(from)*m.cols:int(to)*m.cols])
	}
	alone.q = rows(t.q, t.queries[s], t.queries[s+1])
	alone.k, alone.v = rows(t.k, t.keys[s], t.keys[s+1]), rows(t.v, t.keys[s], t.keys[s+1])
	alone.y = t.matrix(t.storage, alone.q.layout, nil)
	return &alone
}

func (t *attentionTest) attention() Attention {
	// One tile more than there can be, and a list that holds what a longer one before it left behind.
	room := MaxTiles(t.queries.Rows(), t.queries.Len()) + 1
	tiles := Tiles(t.queries, room)
	for i := 1 + 2*int(tiles[0]); i < len(tiles); i++ {
		tiles[i] = math.MaxInt32
	}
	a := Attention{Q: t.q.Matrix, K: t.k.Matrix, V: t.v.Matrix, Heads: t.heads, Width: t.width,
		Queries: t.ints(t.queries), Keys: t.ints(t.keys), Tiles: t.ints(tiles), MaxTiles: room}
	if t.rotary {
		a.Cos, a.Sin = t.floats(t.cos), t.floats(t.sin)
	}
	return a
}

// run returns the rows of y that have queries; the others must not be written.
func (t *attentionTest) run() []float32 {
	t.Helper()
	must(t, t.set.Attention(t.stream, t.storage, t.attention(), t.y.Matrix))
	values := t.result(t.y)
	n := t.queries.Rows() * t.y.cols
	for i, v := range values[n:] {
		if v == v {
			t.Fatalf("row %d of %d queries was written", (n+i)/t.y.cols, t.queries.Rows())
		}
	}
	return values[:n]
}

func (t *attentionTest) check() {
	t.Helper()
	cols := t.q.cols
	want := reference(t, func(r *truth) op.Tensor {
		input := func(m *matrix, rows int) op.Tensor { return r.input(rows, cols, m.values[:rows*cols]) }
		o := op.Attention{Q: input(t.q, t.queries.Rows()), K: input(t.k, t.keys.Rows()), V: input(t.v, t.keys.Rows()),
			Heads: t.heads, Queries: t.queries, Keys: t.keys}
		if t.rotary {
			longest := len(t.cos) / t.width
			o.Rotation = &op.Rotary{Cos: r.table(longest, t.width, t.cos), Sin: r.table(longest, t.width, t.sin)}
		}
		return r.Attention(o)
	})
	compare(t, t.storage, t.noise(), t.run(), want)
}

// noise is the error allowed beside the result's own rounding, in units of 2^-23.
func (t *attentionTest) noise() float64 {
	largest := max(1, float64(t.spread))
	// Sums of width products, scores of some times the spread, exp2 of the difference of two.
	float32s := 16 * largest
	if t.storage == cuda.Float32 {
		return float32s
	}
	unit := 2 * halfUnit(t.storage, 0.75) * 0x1p23 // of values from 1/2 to 1
	// A probability is rounded by half a unit before it meets its value, which is at most about 5.
	noise := float32s + 2.5*unit
	if t.rotary {
		// Rotated q and k are rounded, each by half a unit: that moves a score, the sum of width products / sqrt(width),
		// by half a unit or so, by two at the most, and the result between values that are at most about 3 apart.
		noise += 6 * unit * largest
	}
	return noise
}
