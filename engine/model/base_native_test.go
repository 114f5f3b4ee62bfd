//go:build native

package model_test

import (
	"runtime"
	"testing"

	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/model"
	"vbge/weights"
)

// TestBaseSeed0 builds the full-size model in memory. On ref it would take minutes, so it is for builds with
// native code alone.
func TestBaseSeed0(t *testing.T) {
	_, arrays := readTrace(t, "base_seed0")
	set := read(t, golden.Base)
	b, err := cpu.New(cpu.Options{Threads: runtime.GOMAXPROCS(0), Precision: cpu.Float32})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m := load(t, b, weights.Random(weights.Base(), 0), model.Options{PooledRowOnly: true})
	compare(t, "base image", b, m, set.Images)
	compare(t, "base text", b, m, set.Texts)
	compare(t, "base pair", b, m, set.Pairs)
	compareStages(t, b, m, "trace_image/", arrays, set.Images[0], 28)
}
