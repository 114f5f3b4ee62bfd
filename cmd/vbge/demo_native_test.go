//go:build native

package main

import (
	"testing"
)

// TestDemo is `make demo` in full: 900 pictures and 448 queries, ten seconds with the race detector.
func TestDemo(t *testing.T) {
	needMilvus(t)
	o := vbge(t, "demo", "--data", demoData, "--out", t.TempDir()).want(t, 0,
		"900 embedded, 900 rows written", "composed  288", "image   60", "text  100", "All as expected, on device cpu")
	t.Log(o.out)
}
