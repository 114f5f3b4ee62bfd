package gpu

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"vbge/cuda"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
	"vbge/weights"
)

// small is a configuration whose passes have every step of the full-size model's.
func small() weights.Config {
	c := weights.Base()
	c.ImageSize = 64
	c.Vision.Width, c.Vision.Layers = 128, 2
	c.Text.VocabSize, c.Text.Hidden, c.Text.Layers, c.Text.Heads, c.Text.Intermediate = 480, 128, 3, 2, 256
	return c
}

// batch is a batch of inputs: for each, how many words, negative with a picture beside them.
func batch(c weights.Config, words ...int) model.Batch {
	r := rand.New(rand.NewPCG(5, uint64(len(words))))
	b := model.Batch{Tokens: op.Sequences{0}}
	for _, n := range words {
		at := -1
		if n < 0 {
			n, at = -n, len(b.Pixels)/(3*c.ImageSize*c.ImageSize)
			for range 3 * c.ImageSize * c.ImageSize {
				b.Pixels = append(b.Pixels, uint8(r.IntN(256)))
			}
		}
		b.Pictures = append(b.Pictures, at)
		for range n {
			b.IDs = append(b.IDs, int32(r.IntN(c.Text.VocabSize)))
		}
		b.Tokens = append(b.Tokens, int32(len(b.IDs)))
	}
	return b
}

func load(t *testing.T, b op.Backend, c weights.Config, pooled bool) *model.Model {
	t.Helper()
	m, err := model.Load(b, weights.Random(c, 0), model.Options{PooledRowOnly: pooled})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// planned plans a batch of m, whose backend is a Meter or made of one.
func planned(t *testing.T, m *model.Model, kind cuda.Type, b model.Batch) *Plan {
	t.Helper()
	var p op.Pass
	y, err := m.Record(&p, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Output(y, make([]float32, y.Rows*y.Cols))
	plan, err := NewPlan(&p, kind)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func repeat(n, words int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = words
	}
	return all
}

// TestModelAsPlanned holds the plans of whole batches against ref: pictures, texts and pairs mixed, in numbers
// that fill a bucket and that do not.
func TestModelAsPlanned(t *testing.T) {
	for name, pooled := range map[string]bool{"[CLS] alone": true, "all rows": false, "mean": true} {
		c := small()
		if name == "mean" {
			c.Pooling = weights.PoolMean
		}
		in := newInterpreter(t, cuda.Float32)
		got, want := load(t, in, c, pooled), load(t, ref.New(), c, pooled)
		batches := [][]int{{-2}, {5}, {-2, -9, 40, -3, 7}, repeat(19, -2), {3, 300}}
		if raceDetector { // thirty times slower
			batches = batches[:2]
		}
		for _, words := range batches {
			b := batch(c, words...)
			off := optest.Distance(embed(t, in, got, b), embed(t, ref.New(), want, b))
			if !(off <= 1e-5) {
				t.Errorf("%s, %v: off by %.2g", name, words, off)
			}
			t.Logf("%s, %d inputs: off by %.2g", name, len(words), off)
		}
	}
}

func embed(t *testing.T, b op.Backend, m *model.Model, in model.Batch) []float32 {
	t.Helper()
	var p op.Pass
	y, err := m.Record(&p, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, y.Rows*y.Cols)
	p.Output(y, values)
	if err := b.Run(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	return values
}

// TestFusion counts the full-size model's steps: what docs/gpu.md says is one launch is one.
func TestFusion(t *testing.T) {
	c := small()
	c.Vision.Layers, c.Text.Layers = weights.Base().Vision.Layers, weights.Base().Text.Layers
	m := load(t, NewMeter(cuda.BFloat16), c, true)
	vision := map[string]int{
		"patches": 1, "assemble": 2, // [CLS] and positions; all but [CLS]
		"product": 1 + 4*12 + 1, "layer_norm": 3 * 12, "attention": 12, "swiglu_norm": 12,
	}
	text := map[string]int{
		"assemble": 1 + 1, // the input, normed; [CLS] before the last layer
		"product":  4*11 + 5, "layer_norm": 2*11 + 1, "attention": 12, "gelu": 12, "layer_norm_normalise": 1,
	}
	for name, words := range map[string][]int{"pictures": repeat(4, -2), "pairs": repeat(4, -16), "texts": repeat(4, 16), "mixed": {-2, 16, -16}} {
		plan := planned(t, m, cuda.BFloat16, batch(c, words...))
		want := []map[string]int{vision, text}
		if name == "texts" {
			want = want[1:]
		}
		if len(plan.Segments) != len(want) {
			t.Errorf("%s: %d segments, want %d", name, len(plan.Segments), len(want))
			continue
		}
		for i, s := range plan.Segments {
			count := map[string]int{}
			for _, step := range s.Steps {
				count[step.Kind()]++
			}
			if !maps.Equal(count, want[i]) {
				t.Errorf("%s, segment %d: %v, want %v", name, i, count, want[i])
			}
		}
	}
}

// TestInPlace: products add their residual in its place, and norms and GELU work in place, so that
// the plan reads and writes what docs/gpu.md says for each layer and no more.
func TestInPlace(t *testing.T) {
	c := small()
	plan := planned(t, load(t, NewMeter(cuda.BFloat16), c, true), cuda.BFloat16, batch(c, repeat(4, -2)...))
	for _, s := range plan.Segments {
		for _, step := range s.Steps {
			switch s := step.(type) {
			case Product:
				if s.Residual.Space != None && s.Residual != s.Y {
					t.Errorf("%s adds a residual at %v to %v", NameOf(s), s.Residual.Place, s.Y.Place)
				}
			case GELU:
				if s.X != s.Y {
					t.Errorf("GELU from %v to %v", s.X.Place, s.Y.Place)
				}
			}
		}
	}
}

// TestKeys: batches of one bucket share their graphs, and the towers' graphs do not depend on one another.
func TestKeys(t *testing.T) {
	c := small()
	m := load(t, NewMeter(cuda.BFloat16), c, true)
	keys := func(words ...int) []string {
		var k []string
		for _, s := range planned(t, m, cuda.BFloat16, batch(c, words...)).Segments {
			k = append(k, fmt.Sprint(s.Region)+s.Key)
		}
		return k
	}
	const vision, text = 0, 1
	seventeen, eighteen := keys(repeat(17, -2)...), keys(repeat(18, -2)...)
	if seventeen[vision] != eighteen[vision] {
		t.Error("17 and 18 pictures have different graphs")
	}
	if keys(repeat(16, -2)...)[vision] == seventeen[vision] {
		t.Error("16 and 17 pictures have one graph")
	}
	one := keys(append(repeat(1, -2), repeat(10, 18)...)...)
	two := keys(append(repeat(2, -2), repeat(9, 18)...)...) // as many rows of the text tower: 198, 196
	if one[vision] == two[vision] || one[text] != two[text] {
		t.Error("a text tower's graph depends on the number of pictures, or a picture tower's does not")
	}
	if keys(9, 7)[0] != keys(5, 5, 5)[0] {
		t.Error("texts of 16 and 15 tokens have different graphs")
	}
	if keys(9, 7)[0] == keys(9, 8)[0] {
		t.Error("texts of 16 and 17 tokens have one graph")
	}
}

// TestStaging: what layers share is in the block once, and pixels come last.
func TestStaging(t *testing.T) {
	c := small()
	m := load(t, NewMeter(cuda.BFloat16), c, true)
	plan := planned(t, m, cuda.BFloat16, batch(c, repeat(17, -2)...))
	s := plan.Segments[0]
	if want := 7; len(s.Input.items) != want { // levels, [CLS] rows, positions, lengths, tiles, all but [CLS], pixels
		t.Errorf("the picture tower is sent %d lists, want %d", len(s.Input.items), want)
	}
	block := make([]byte, s.Input.Bytes)
	picture := int64(3 * c.ImageSize * c.ImageSize)
	if sent := s.Input.Fill(block); sent > s.Input.Bytes-picture || sent < 17*picture {
		t.Errorf("%d bytes are sent of %d for 17 pictures of %d in a bucket of 18", sent, s.Input.Bytes, picture)
	}
}

// TestCrossing: a tensor that a later segment reads, in several ways, outlives the arena.
func TestCrossing(t *testing.T) {
	record := func(r *optest.Recording) op.Tensor {
		var levels [3][256]float32
		for i := range 256 {
			levels[0][i], levels[1][i], levels[2][i] = float32(i)/128, -float32(i)/128, float32(i)/300
		}
		pictures := r.Pass.Patches(op.Patches{Pixels: r.Pixels(3 * 24 * 24 * 3), Side: 24, Patch: 8, Levels: &levels}) // [27, 192]
		x := r.Pass.Linear(pictures, r.Linear(64, 192, true))
		y := r.Norm(r.Pass.GELU(x)) // x is read again below
		words := r.Input(27, 64)    // a segment of its own
		z := r.Pass.LinearResidual(words, r.Linear(64, 64, true), x)
		z = r.Pass.LinearResidual(z, r.Linear(64, 64, true), y)
		more := r.Pass.Gather(r.Rows(40, 5*27), x, y, z, words, r.Pass.GELU(y))
		r.Pass.Output(x.Columns(3, 13), make([]float32, 27*10))
		return more
	}
	for kind, bound := range bounds {
		if off := compare(t, kind, 3, record); !(off <= bound) {
			t.Errorf("%v: off by %.2g, bound %.2g", kind, off, bound)
		}
	}
}

// TestOutputs: outputs of intermediate tensors, of columns, of the same tensor twice, and of nothing.
func TestOutputs(t *testing.T) {
	outputs := func(b op.Backend) [][]float32 {
		r := optest.New(b, 4)
		x := r.Input(20, 48)
		y := r.Norm(x)
		z := r.Pass.Normalise(r.Norm(r.Pass.GELU(y)))
		w := r.Pass.Normalise(r.Pass.GELU(y))
		v := r.Pass.Linear(w, r.Linear(8, 48, false))
		var into [][]float32
		for _, o := range []op.Tensor{x, y, y.Columns(5, 22), z, z, w, w.Columns(1, 2), v, x.Columns(7, 7)} {
			into = append(into, make([]float32, o.Rows*o.Cols))
			r.Pass.Output(o, into[len(into)-1])
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		if err := b.Run(context.Background(), &r.Pass); err != nil {
			t.Fatal(err)
		}
		return into
	}
	got, want := outputs(newInterpreter(t, cuda.Float32)), outputs(ref.New())
	for i := range want {
		if off := optest.Distance(got[i], want[i]); !(off <= 1e-5) {
			t.Errorf("output %d: off by %.2g", i, off)
		}
	}
}

// TestAssemblies: what fusion does to rows in ways that no model has yet.
func TestAssemblies(t *testing.T) {
	for name, record := range map[string]func(r *optest.Recording) op.Tensor{
		"two rows of one table": func(r *optest.Recording) op.Tensor {
			table := r.Table(5, 24)
			x := r.Pass.AddRows(r.Pass.AddRows(r.Norm(r.Input(9, 24)), table, r.Rows(9, 5)), table, r.Rows(9, 5))
			return r.Pass.Gather(r.Rows(20, 18), x, r.Norm(r.Input(9, 24)))
		},
		"three rows": func(r *optest.Recording) op.Tensor {
			x := r.Norm(r.Input(9, 24))
			for range 3 {
				x = r.Pass.AddRows(x, r.Table(5, 24), r.Rows(9, 5))
			}
			return r.Norm(x)
		},
		"many tables": func(r *optest.Recording) op.Tensor {
			return r.Norm(r.Pass.Gather(r.Rows(40, 27), r.Input(9, 24), r.Input(9, 24), r.Input(9, 24)))
		},
		"norm after gather of many": func(r *optest.Recording) op.Tensor {
			var from []op.Tensor
			for range 5 {
				from = append(from, r.Norm(r.Pass.GELU(r.Input(9, 24))))
			}
			x := r.Pass.Gather(r.Rows(40, 45), from...)
			return r.Norm(r.Pass.AddRows(x, r.Table(7, 24), r.Rows(40, 7)))
		},
		"gather of gathers": func(r *optest.Recording) op.Tensor {
			x, y := r.Norm(r.Input(9, 24)), r.Norm(r.Input(7, 24))
			z := r.Pass.Gather(r.Rows(12, 16), x, y)
			z = r.Pass.Gather(r.Rows(15, 19), z, y)
			return r.Pass.Gather(r.Rows(11, 24), z, x)
		},
		"norms that differ": func(r *optest.Recording) op.Tensor {
			x, y := r.Norm(r.Pass.AddRows(r.Input(9, 24), r.Table(3, 24), r.Rows(9, 3))), r.Norm(r.Input(9, 24))
			return r.Pass.Gather(r.Rows(15, 18), x, y)
		},
		"norms that differ over the same tables": func(r *optest.Recording) op.Tensor {
			table := r.Table(3, 24)
			normed := func() op.Tensor {
				return r.Norm(r.Pass.AddRows(r.Pass.GELU(r.Input(9, 24)), table, r.Rows(9, 3)))
			}
			return r.Pass.Gather(r.Rows(15, 18), normed(), normed())
		},
		"rows added after a norm": func(r *optest.Recording) op.Tensor {
			x := r.Norm(r.Pass.AddRows(r.Pass.GELU(r.Input(9, 24)), r.Table(3, 24), r.Rows(9, 3)))
			return r.Norm(r.Pass.AddRows(x, r.Table(3, 24), r.Rows(9, 3)))
		},
		"SwiGLU normed twice": func(r *optest.Recording) op.Tensor {
			return r.Norm(r.Norm(r.Pass.SwiGLU(r.Norm(r.Input(9, 48)))))
		},
		"a norm on one side": func(r *optest.Recording) op.Tensor {
			return r.Pass.Gather(r.Rows(15, 18), r.Norm(r.Input(9, 24)), r.Input(9, 24))
		},
		"prepended twice": func(r *optest.Recording) op.Tensor {
			x := r.Pass.Prepend(r.Norm(r.Input(6, 24)), r.Table(1, 24), op.Sequences{0, 2, 6})
			return r.Pass.Prepend(x, r.Table(1, 24), op.Sequences{0, 0, 3, 8})
		},
		"columns": func(r *optest.Recording) op.Tensor {
			x := r.Pass.Prepend(r.Norm(r.Input(6, 24)).Columns(3, 20), r.Table(1, 17), op.Sequences{0, 2, 6})
			y := r.Pass.Linear(x.Columns(5, 16), r.Linear(17, 11, true))
			return r.Pass.LinearResidual(y, r.Linear(11, 17, true), x.Columns(1, 12))
		},
	} {
		for kind, bound := range bounds {
			if off := compare(t, kind, 6, record); !(off <= bound) {
				t.Errorf("%s, %v: off by %.2g, bound %.2g", name, kind, off, bound)
			}
		}
	}
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct{ n, rows, pictures, sequences int }{
		{0, 0, 0, 0}, {1, 16, 1, 16}, {15, 16, 15, 16}, {17, 32, 18, 32}, {128, 128, 128, 128}, {129, 144, 144, 256},
		{198, 208, 208, 256}, {15840, 16384, 16384, 16384},
	} {
		if r, p, s := Bucket(c.n), BucketPictures(c.n), BucketSequences(c.n); r != c.rows || p != c.pictures || s != c.sequences {
			t.Errorf("%d: buckets of %d, %d, %d, want %d, %d, %d", c.n, r, p, s, c.rows, c.pictures, c.sequences)
		}
	}
	for n := 1; n < 5000; n++ {
		if b := Bucket(n); b < n || b%leastRows != 0 || n >= 128 && 8*b > 9*n+8 || Bucket(b) != b {
			t.Fatalf("a bucket of %d for %d rows", b, n)
		}
	}
}
