package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/server/recall"
)

// smallDemo is a folder like docs/demo with pictures 0530 to 0569 and the queries about them.
func smallDemo(t testing.TB, want expected) string {
	t.Helper()
	needMilvus(t)
	dir := t.TempDir()
	for _, name := range []string{"demo.pth", "demo.json", "vocab.txt", "products.jsonl", "leopard.jpg"} {
		writeFile(t, filepath.Join(dir, name), readFile(t, demoData+name))
	}
	here := func(path string) bool { return path >= "images/0530.jpg" && path < "images/0570.jpg" }
	pictures, err := filepath.Glob(demoData + "images/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pictures {
		if name := "images/" + filepath.Base(path); here(name) {
			writeFile(t, filepath.Join(dir, name), readFile(t, path))
		}
	}
	all, err := recall.Read(demoData + "queries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	queries := slices.DeleteFunc(all, func(q recall.Query) bool { return !slices.ContainsFunc(q.Relevant, here) })
	for _, q := range queries {
		if q.Image != "" {
			writeFile(t, filepath.Join(dir, q.Image), readFile(t, demoData+q.Image))
		}
	}
	writeFile(t, filepath.Join(dir, "queries.jsonl"), []byte(jsonLines(t, queries...)))
	writeFile(t, filepath.Join(dir, "expected.json"), []byte(jsonLines(t, want)))
	return dir
}

// wanted is what docs/demo expects.
func wanted(t testing.TB) (want expected) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, demoData+"expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// TestSmallDemo runs the demo on few pictures, on whatever this build computes with, and again.
func TestSmallDemo(t *testing.T) {
	want := wanted(t)
	data, out := smallDemo(t, want), filepath.Join(t.TempDir(), "build", "demo")
	args := []string{"demo", "--data", data, "--out", out}
	o := vbge(t, args...).want(t, 0, "assumed ", "40 embedded", want.Text,
		"panorama: "+filepath.Join(out, "leopard.jpg"), "recall@1", "composed", "All as expected, on device "+engine.AutomaticDevice()+", in ")
	for _, caveat := range engine.Caveats("auto") {
		if strings.Count(o.log, caveat) != 1 {
			t.Errorf("%q is to be said once, in\n%s", caveat, o.log)
		}
	}
	wantPanorama(t, filepath.Join(out, "leopard.jpg"))
	if o := vbge(t, args...).want(t, 0, "0 embedded", "40 unchanged", "All as expected"); strings.Contains(o.out, "assumed ") {
		t.Errorf("the model was converted again: %s", o.out)
	}
}

// TestDemoDisagrees: the status tells when the answers are not the expected ones.
func TestDemoDisagrees(t *testing.T) {
	want := wanted(t)
	want.FirstThree = []string{"images/0561.jpg", "images/0562.jpg", "images/0530.jpg"}
	want.AtLeast = []recall.Score{{Task: "composed", At1: 1.01}}
	data, out := smallDemo(t, want), t.TempDir()
	vbge(t, "demo", "--data", data, "--out", out).want(t, 1, "images/0530.jpg is not among the first 3",
		"composed queries: recall@1", "at least 1.010")

	writeFile(t, filepath.Join(data, "expected.json"), []byte(jsonLines(t, wanted(t))))
	if err := os.Remove(filepath.Join(data, "queries.jsonl")); err != nil {
		t.Fatal(err)
	}
	vbge(t, "demo", "--data", data, "--out", out).want(t, 3, "queries.jsonl") // nothing was compared

	broken := bytes.Repeat([]byte("no picture "), 10)
	writeFile(t, filepath.Join(data, "images", "0540.jpg"), broken)
	vbge(t, "demo", "--data", data, "--out", out).want(t, 1, "skipped", "0540.jpg")
}
