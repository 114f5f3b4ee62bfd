package selftest_test

import (
	"testing"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/selftest"
)

const reference = "../testdata/reference"

// open opens the tiny model.
func open(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	dir := t.TempDir() + "/tiny"
	folder, err := golden.Convert(t.Context(), reference, "tiny", dir)
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
	e, err := engine.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestDevices holds what one device computes against what another has kept, and against itself.
func TestDevices(t *testing.T) {
	onRef := open(t, engine.Options{Device: "ref"})
	k, err := selftest.Make(t.Context(), onRef)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Picture || k.Device != "ref" || k.Model != onRef.ModelID() || len(k.Embedding) != onRef.Dimension() {
		t.Errorf("kept %+v", k)
	}
	engines := []*engine.Engine{onRef}
	if cpu.Built {
		engines = append(engines, open(t, engine.Options{Device: "cpu"}))
	}
	for _, e := range engines {
		got, err := selftest.Embed(t.Context(), e, k.Picture)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Check(got, golden.BoundOn(e.Device(), e.Precision())); err != nil {
			t.Error(err)
		}
		d, c := golden.Distance(got, k.Embedding)
		t.Logf("%s: off by %.2g, cosine 1 - %.1g", e.Device(), d, 1-c)
	}
	alone, err := selftest.Embed(t.Context(), onRef, false)
	if err != nil {
		t.Fatal(err)
	}
	if k.Check(alone, golden.BoundOn("ref", onRef.Precision())) == nil {
		t.Error("the words alone pass for the picture with its words: the picture goes nowhere")
	}
}

// TestBothTowers: each time the vision tower computes, also where an engine keeps what it has computed, and ahead of
// bulk.
func TestBothTowers(t *testing.T) {
	var passes []engine.PassReport
	e := open(t, engine.Options{Device: "ref", PictureCacheBytes: 1 << 20, OnPass: func(p engine.PassReport) { passes = append(passes, p) }})
	for range 3 {
		if _, err := selftest.Embed(t.Context(), e, true); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	for i, p := range passes {
		if p.Pictures != 1 || p.Cached != 0 {
			t.Errorf("pass %d: %+v", i, p)
		}
	}
	if s := e.Stats(); len(passes) != 3 || s.CacheEntries != 0 {
		t.Errorf("%d passes, %+v", len(passes), s)
	}
}
