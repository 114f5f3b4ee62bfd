//go:build native && cgo

package cpu

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// residentBytes returns this process's memory in use, which the C library's part of is in no
// figure of Go's.
func residentBytes(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm") // pages: size, resident, ...
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestWeightsTakeTheirSize: huge pages must not make weights of a little over one of them, as most
// of the full-size model's are, take several. The address sanitizer adds a third of its own.
func TestWeightsTakeTheirSize(t *testing.T) {
	const side, weights = 768, 24
	b, err := New(Options{Threads: 1, Precision: Float32})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := make([]float32, side*side)
	add := func() {
		if _, err := b.NewLinear(side, side, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	add() // what oneDNN compiles for them is not counted
	before := residentBytes(t)
	for range weights {
		add()
	}
	got, want := residentBytes(t)-before, weights*side*side*4
	if float64(got) > 1.5*float64(want) {
		t.Errorf("%d MB of weights take %d MB", want>>20, got>>20)
	}
	t.Logf("%d MB of weights take %d MB", want>>20, got>>20)
}
