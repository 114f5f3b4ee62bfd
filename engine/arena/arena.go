// Package arena places tensors in one block of memory: each for as long as something will read it,
// in the first gap that is large enough.
package arena

import (
	"cmp"
	"slices"
)

// Spans are the taken parts of a block, by place. The zero value is an empty block.
type Spans []span

type span struct{ from, to, until int }

// Take finds the first gap of that many values and keeps it until step `until` has run.
func (s *Spans) Take(values, until int) int {
	at := 0
	for _, taken := range *s {
		if taken.from-at >= values {
			break
		}
		at = max(at, taken.to)
	}
	i, _ := slices.BinarySearchFunc(*s, at, func(t span, at int) int { return cmp.Compare(t.from, at) })
	*s = slices.Insert(*s, i, span{at, at + values, until})
	return at
}

// Drop gives back what no step after i needs.
func (s *Spans) Drop(i int) {
	*s = slices.DeleteFunc(*s, func(t span) bool { return t.until <= i })
}

// RoundUp returns the smallest multiple of step that is at least n.
func RoundUp(n, step int) int { return (n + step - 1) / step * step }
