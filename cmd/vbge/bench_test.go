package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine/bench"
	"vbge/weights/npy"
)

// TestBench runs everything once: its figures mean nothing, but they are figures.
func TestBench(t *testing.T) {
	args := []string{"bench", "--model", tinyModel(t), "--time", "0s", "--rounds", "1", "--batches", "1,3", "--threads", "1"}
	o := vbge(t, append(args, "--json")...).want(t, 0)
	var r bench.Report
	d := json.NewDecoder(strings.NewReader(o.out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		t.Fatalf("%s: %v", o.out, err)
	}
	if r.Device == "" || r.Precision != "float32" || r.Threads != 1 || len(r.Rows) != 6 {
		t.Errorf("report %+v", r)
	}
	figures := []float64{r.ProductGFLOPs}
	for _, row := range r.Rows {
		figures = append(figures, row.PerSecond, row.Tokens, row.GFLOPs, row.Share)
	}
	for _, v := range figures {
		if !(v > 0) || math.IsInf(v, 0) {
			t.Errorf("figure %v in %s", v, o.out)
		}
	}
	table := vbge(t, append(args, "--kinds", "text")...).want(t, 0, "device ", "GFLOP/s", "of products")
	if len(table.lines()) != 4 { // device, head, two batches
		t.Errorf("%s", table.out)
	}
	dir := t.TempDir()
	vbge(t, append(args, "--kinds", "text8,pair", "--vectors", dir)...).want(t, 0, "text8")
	for kind, shape := range map[string][]int{"text8-1": {1, 128}, "pair-3": {3, 128}} {
		f, err := os.Open(filepath.Join(dir, kind+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if a, err := npy.Read(f); err != nil || !slices.Equal(a.Shape, shape) {
			t.Errorf("%s: shape %v, want %v, %v", kind, a.Shape, shape, err)
		}
	}
	vbge(t, append(args, "--vectors", filepath.Join(dir, "none"))...).want(t, 3, "--vectors")
	vbge(t, append(args, "--kinds", "text9x")...).want(t, 2, "text9x")
	vbge(t, "bench", "--model", filepath.Join(t.TempDir(), "none")).want(t, 3, "none")
}
