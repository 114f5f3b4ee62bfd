package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTiles(t *testing.T) {
	f := func(queries []int32, room int, want ...int32) {
		t.Helper()
		if got := Tiles(queries, room); !slices.Equal(got, want) {
			t.Errorf("Tiles(%v, %d) = %v, want %v", queries, room, got, want)
		}
	}
	f([]int32{0}, 0, 0)
	f([]int32{0}, 2, 0, 0, 0, 0, 0)
	f([]int32{0, 1}, 1, 1, 0, 0)
	f([]int32{0, 64}, 1, 1, 0, 0)
	f([]int32{0, 65}, 2, 2, 0, 0, 0, 64)
	f([]int32{0, 0, 3, 3, 133}, 4, 4, 1, 0, 3, 0, 3, 64, 3, 128)
	f([]int32{0, 2, 4}, 3, 2, 0, 0, 1, 0, 0, 0)
	f([]int32{0, 200}, 1, 4, 0, 0, 0, 64, 0, 128, 0, 192) // more than there is room for: not cut off
}

func TestMaxTilesIsReachedAndNeverExceeded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rows, sequences := random.IntN(600), 1+random.IntN(9)
		queries := make([]int32, sequences+1)
		for i := 1; i < sequences; i++ {
			queries[i] = int32(random.IntN(rows + 1))
		}
		queries[sequences] = int32(rows)
		slices.Sort(queries)
		if n := Tiles(queries, 0)[0]; int(n) > MaxTiles(rows, sequences) {
			t.Fatalf("%v need %d tiles, MaxTiles(%d, %d) is %d", queries, n, rows, sequences, MaxTiles(rows, sequences))
		}
	}
	// One query each, but for the last, which has what is left: every sequence begins a tile.
	for rows := 1; rows < 300; rows++ {
		for sequences := 1; sequences <= rows; sequences++ {
			queries := make([]int32, sequences+1)
			for i := range queries {
				queries[i] = int32(i)
			}
			queries[sequences] = int32(rows)
			if n := int(Tiles(queries, 0)[0]); n != MaxTiles(rows, sequences) {
				t.Fatalf("%d queries in %d sequences need %d tiles, MaxTiles is %d", rows, sequences, n, MaxTiles(rows, sequences))
			}
		}
	}
}
