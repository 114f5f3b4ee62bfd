//go:build !race

package tokenizer

import "testing"

// TestNoAllocation is left out under the race detector, which allocates by itself.
func TestNoAllocation(t *testing.T) {
	tok := newTokenizer(t, specialLines+"a\n##a\n")
	texts := benchTexts(t)
	texts["pieces taken back"] = "aaaaaaaaaaaaaaaz"
	for name, text := range texts {
		for _, limit := range []int{0, 512} {
			dst := make([]int32, 0, len(tok.Encode(nil, text, limit)))
			if n := testing.AllocsPerRun(5, func() { tok.Encode(dst, text, limit) }); n != 0 {
				t.Errorf("%s, limit %d: %v allocations", name, limit, n)
			}
		}
	}
}
