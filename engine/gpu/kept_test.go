package gpu

import (
	"fmt"
	"slices"
	"testing"

	"vbge/cuda"
	"vbge/engine/model"
	"vbge/engine/op"
	"vbge/engine/optest"
	"vbge/engine/ref"
)

// keptBatch is batch, whose last pictures, given many, are patch tokens; the values are the first of them.
func keptBatch(b model.Batch, given int, values []float32, picture, patches int) model.Batch {
	b.Pixels = b.Pixels[:len(b.Pixels)-given*picture]
	b.Patches = values[:given*patches]
	return b
}

// TestKeptAsPlanned holds plans of batches whose pictures are kept, given, and both, against ref.
func TestKeptAsPlanned(t *testing.T) {
	c := small()
	picture, patches := 3*c.ImageSize*c.ImageSize, c.Patches()*c.Text.Hidden
	in := newInterpreter(t, cuda.Float32)
	models := map[op.Backend]*model.Model{in: load(t, in, c, true), ref.New(): load(t, ref.New(), c, true)}
	r := optest.New(ref.New(), 7)
	values := r.Values(5 * patches)
	for _, test := range []struct {
		words       []int
		given, kept int
	}{
		{[]int{-2}, 0, 1}, {[]int{-2}, 1, 0}, {[]int{-2, -9, 40, -3, 7}, 0, 3}, {[]int{-2, -9, 40, -3, 7}, 3, 0},
		{[]int{9, -2, -9, 40, -3, -5, 7, -2}, 2, 1}, {[]int{-2, 5, -3, 7, -4}, 1, 2},
	} {
		b := keptBatch(batch(c, test.words...), test.given, values, picture, patches)
		var keep []int
		for k := range test.kept {
			keep = append(keep, test.kept-1-k)
		}
		var results [][]float32
		for backend, m := range models {
			var p op.Pass
			y, kept, err := m.RecordKeeping(&p, b, keep)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, y.Rows*y.Cols+kept.Rows*kept.Cols)
			p.Output(y, got[:y.Rows*y.Cols])
			if test.kept > 0 {
				p.Output(kept, got[y.Rows*y.Cols:])
			}
			if err := backend.Run(t.Context(), &p); err != nil {
				t.Fatal(err)
			}
			results = append(results, got)
		}
		off := optest.Distance(results[0], results[1])
		if !(off <= 1e-5) {
			t.Errorf("%v, %d given, %d kept: off by %.2g", test.words, test.given, test.kept, off)
		}
		t.Logf("%v, %d given, %d kept: off by %.2g", test.words, test.given, test.kept, off)
	}
}

// TestKeptKeys: the text tower's graph does not depend on how many pictures it is given, nor that of the pictures, some
// of which are kept, on the words.
func TestKeptKeys(t *testing.T) {
	c := small()
	picture, patches := 3*c.ImageSize*c.ImageSize, c.Patches()*c.Text.Hidden
	m := load(t, NewMeter(cuda.BFloat16), c, true)
	keys := func(given int, keep []int, words ...int) []string {
		var p op.Pass
		y, kept, err := m.RecordKeeping(&p, keptBatch(batch(c, words...), given, make([]float32, 9*patches), picture, patches), keep)
		if err != nil {
			t.Fatal(err)
		}
		p.Output(y, make([]float32, y.Rows*y.Cols))
		if len(keep) > 0 {
			p.Output(kept, make([]float32, kept.Rows*kept.Cols))
		}
		plan, err := NewPlan(&p, cuda.BFloat16)
		if err != nil {
			t.Fatal(err)
		}
		var k []string
		for _, s := range plan.Segments {
			k = append(k, fmt.Sprint(s.Region)+s.Key)
		}
		return k
	}
	// As many rows: 282 and 265 of words, 298 and 297 in all.
	single, double := append(repeat(1, -2), repeat(10, 28)...), append(repeat(2, -2), repeat(9, 29)...)
	one, two := keys(1, nil, single...), keys(2, nil, double...)
	if len(one) != 1 || !slices.Equal(one, two) {
		t.Errorf("one given picture: %d segments, two: %d, or their graphs differ", len(one), len(two))
	}
	both, all := keys(1, nil, double...), keys(0, nil, double...)
	if len(both) != 2 || both[1] == two[0] || both[1] == all[1] {
		t.Error("patch tokens from the picture tower and given ones have one graph")
	}
	if keys(0, []int{1, 0}, double...)[0] != keys(0, []int{0, 1}, -40, 5, -3)[0] {
		t.Error("the graph of pictures that are kept depends on the words")
	}
}

// TestGivenIsSent: of what a pass is given its rows are sent and the rest of the bucket is not.
func TestGivenIsSent(t *testing.T) {
	var p op.Pass
	x := p.Given(op.Given{Values: []float32{1, 2, 3, 4, 5, 6}, Cols: 3})
	p.Output(p.GELU(x), make([]float32, 6))
	plan, err := NewPlan(&p, cuda.Float32)
	if err != nil {
		t.Fatal(err)
	}
	const row = 4 * rowValues
	if sent := plan.Given.Fill(make([]byte, plan.Given.Bytes)); sent != 2*row || plan.Given.Bytes != leastRows*row {
		t.Errorf("%d bytes are sent of %d for 2 rows of %d", sent, plan.Given.Bytes, row)
	}
	for _, s := range plan.Segments[0].Steps {
		if _, y := s.Operands(); y.Space == Given {
			t.Errorf("%s writes where the caller's rows are", s.Kind())
		}
	}
}
