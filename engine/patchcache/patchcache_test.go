package patchcache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func key(i int) Key { return KeyOf(fmt.Append(nil, i)) }

func TestKeys(t *testing.T) {
	if again := key(1); key(1) == key(2) || again != key(1) {
		t.Error("keys are not of the content")
	}
}

// TestLeastRecentlyUsed has room for three entries of 100 values.
func TestLeastRecentlyUsed(t *testing.T) {
	c := New(3 * cost(make([]float32, 100)))
	add := func(i, values int) { c.Add(key(i), slices.Repeat([]float32{float32(i)}, values)) }
	there := func(want ...int) {
		t.Helper()
		bytes := int64(0)
		for i := range 10 {
			c.mu.Lock()
			e, ok := c.entries[key(i)]
			c.mu.Unlock()
			if ok != slices.Contains(want, i) {
				t.Errorf("entry %d is there: %v", i, ok)
			}
			if ok {
				bytes += cost(e.Value.(*entry).patches)
			}
		}
		if s := c.Stats(); s.Entries != len(want) || s.Bytes != bytes || s.Bytes > c.most {
			t.Errorf("%+v, want %d entries of %d bytes", s, len(want), bytes)
		}
	}
	there()
	add(1, 100)
	add(2, 100)
	add(3, 100)
	there(1, 2, 3)
	if got := c.Get(key(1)); len(got) != 100 || got[0] != 1 {
		t.Errorf("entry 1 is %v", got)
	}
	add(4, 100) // 2 has waited for longest
	there(1, 3, 4)
	add(5, 20) // at the cost of 3, although less would do
	there(1, 4, 5)
	add(4, 100) // is there
	there(1, 4, 5)
	add(6, 1000) // larger than all
	there(1, 4, 5)
	add(7, 428) // all of it
	there(7)
	if c.Get(key(1)) != nil {
		t.Error("entry 1 is back")
	}
	if s := c.Stats(); s.Hits != 1 || s.Misses != 1 {
		t.Errorf("%d hits and %d misses, want one each", s.Hits, s.Misses)
	}
	New(0).Add(key(1), nil)
}

// TestConcurrent is mostly for the race detector; values never belong to another key, and the bound holds.
func TestConcurrent(t *testing.T) {
	c := New(20 * cost(make([]float32, 50)))
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 500 {
				i := r.IntN(40)
				if got := c.Get(key(i)); got != nil && (got[0] != float32(i) || len(got) != 1+i) {
					t.Errorf("entry %d has %d values of %v", i, len(got), got[0])
				}
				c.Add(key(i), slices.Repeat([]float32{float32(i)}, 1+i))
				if s := c.Stats(); s.Bytes > c.most || s.Bytes < 0 {
					t.Errorf("%d bytes of %d", s.Bytes, c.most)
				}
			}
		})
	}
	wait.Wait()
	if s := c.Stats(); s.Hits == 0 || s.Misses == 0 || s.Entries == 0 {
		t.Errorf("%+v", s)
	}
}
