package arena

import (
	"math/rand/v2"
	"testing"
)

// TestSpansDoNotOverlap takes and drops at random and marks every value with its owner.
func TestSpansDoNotOverlap(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var s Spans
		until := map[int]int{} // by value
		for step := range 60 {
			values, end := r.IntN(20), step+r.IntN(8)
			at := s.Take(values, end)
			for v := at; v < at+values; v++ {
				if kept, ok := until[v]; ok && kept >= step {
					t.Fatalf("seed %d, step %d: value %d is kept until %d and taken again", seed, step, v, kept)
				}
				until[v] = end
			}
			s.Drop(step)
		}
	}
}

func TestTakeFillsTheFirstGap(t *testing.T) {
	var s Spans
	for i, want := range []int{0, 10, 20} {
		if got := s.Take(10, i); got != want {
			t.Errorf("span %d at %d, want %d", i, got, want)
		}
	}
	s.Drop(0)
	for _, c := range []struct{ values, want int }{{11, 30}, {10, 0}, {1, 41}} {
		if got := s.Take(c.values, 9); got != c.want {
			t.Errorf("%d values at %d, want %d", c.values, got, c.want)
		}
	}
}

func TestRoundUp(t *testing.T) {
	for _, c := range []struct{ n, step, want int }{{0, 8, 0}, {1, 8, 8}, {8, 8, 8}, {9, 8, 16}} {
		if got := RoundUp(c.n, c.step); got != c.want {
			t.Errorf("RoundUp(%d, %d) is %d, want %d", c.n, c.step, got, c.want)
		}
	}
}
