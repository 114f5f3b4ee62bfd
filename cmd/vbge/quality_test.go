package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbge/engine/cpu"
	"vbge/server/recall"
)

// someOfDemo is a folder with every twelfth query of the demo, their right answers and every fifteenth picture.
func someOfDemo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	absolute, err := filepath.Abs(demoData)
	if err != nil {
		t.Fatal(err)
	}
	queries := strings.SplitAfter(string(readFile(t, demoData+"queries.jsonl")), "\n")
	all, err := recall.Read(demoData + "queries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	pictures := map[string]bool{}
	for i := 0; i < len(all); i += 12 {
		lines.WriteString(queries[i])
		for _, path := range all[i].Relevant {
			pictures[filepath.Base(path)] = true
		}
	}
	files, err := os.ReadDir(demoData + "images")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "images"), 0o777); err != nil {
		t.Fatal(err)
	}
	link := func(name string) {
		if err := os.Symlink(filepath.Join(absolute, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i, file := range files {
		if i%15 == 0 || pictures[file.Name()] {
			link("images/" + file.Name())
		}
	}
	for _, name := range []string{"queries", "demo.json", "demo.pth", "vocab.txt"} {
		link(name)
	}
	writeFile(t, filepath.Join(dir, "queries.jsonl"), []byte(lines.String()))
	return dir
}

// TestQuality: on a part of the demo every precision that this processor has stays within its bound, and finds what
// float32 does: half a point of recall is less than one query of these.
func TestQuality(t *testing.T) {
	if !cpu.Built {
		t.Skip("no CPU engine in this build: plain Go has one precision, and takes long for the demo")
	}
	precisions := "float32"
	for _, p := range []cpu.Precision{cpu.BFloat16, cpu.Int8} {
		if err := cpu.Supports(p); err != nil {
			t.Log(err)
			continue
		}
		precisions += "," + string(p)
	}
	args := []string{"bench", "quality", "--reference", "", "--data", someOfDemo(t), "--out", t.TempDir(), "--precisions", precisions}
	var rows []qualityRow
	o := vbge(t, append(args, "--json")...).want(t, 0)
	if err := json.Unmarshal([]byte(o.out), &rows); err != nil || len(rows) != strings.Count(precisions, ",")+1 {
		t.Fatalf("%s: %v", o.out, err)
	}
	least := map[string]float64{"float32": 1 - 1e-6, "bfloat16": 0.9995, "int8": 0.995}
	for _, r := range rows {
		t.Logf("%+v", r)
		if r.Inputs != "demo" || r.Vectors < 100 || len(r.Recall) != 3 || !(r.Smallest >= least[r.Precision]) || !(r.Mean >= r.Smallest) {
			t.Errorf("%+v", r)
		}
		for i, s := range r.Recall {
			if want := rows[0].Recall[i]; s.Task != want.Task || s.Queries != want.Queries || s.At9 < want.At9-0.005 {
				t.Errorf("%s: %+v, float32 %+v", r.Precision, s, want)
			}
		}
	}
}

func TestQualityRefuses(t *testing.T) {
	vbge(t, "bench", "quality", "--reference", "", "--data", t.TempDir()).want(t, 2, "--data")
	vbge(t, "bench", "quality", "--reference", t.TempDir(), "--data", "").want(t, 3, "golden")
	vbge(t, "bench", "quality", "--reference", "../../engine/testdata/reference", "--data", "", "--precisions", "int3").want(t, 2, "--precision int3")
}
