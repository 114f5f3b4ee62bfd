//go:build native && cgo

package cpu

import (
	"fmt"
	"slices"
	"testing"

	"vbge/engine/optest"
)

// TestThreads holds threads against each other, more of them than there are processors too: which of them computes
// what is another matter in every pass, and must not show.
func TestThreads(t *testing.T) {
	f := optest.Random(func(r *optest.Recording) int { return 2 * (1 + r.Random.IntN(20)) })
	const seeds, again = 8, 12
	for _, precision := range []Precision{Float32, Int8} {
		alone := start(t, 1, precision)
		for _, threads := range []int{2, 3, 5, 8} {
			t.Run(fmt.Sprintf("%s/%d", precision, threads), func(t *testing.T) {
				b := start(t, threads, precision)
				for seed := range uint64(seeds) {
					first, worst := run(t, b, seed, f), bounds[precision].dozen
					if off := optest.Distance(first, run(t, alone, seed, f)); !(off <= worst) {
						t.Errorf("seed %d: off by %.2g from one thread, bound %.2g", seed, off, worst)
					}
					for range again {
						if !slices.Equal(run(t, b, seed, f), first) {
							t.Fatalf("seed %d: another result than the first time", seed)
						}
					}
				}
			})
		}
	}
}
