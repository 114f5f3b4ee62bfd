package gpucheck

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vbge/cuda"
	"vbge/engine"
	"vbge/engine/golden"
	"vbge/engine/gpu"
)

// TestWithoutDevice: without a GPU there is an error that says what is missing, and no report.
func TestWithoutDevice(t *testing.T) {
	if len(gpu.Find().Usable()) > 0 {
		t.Skip("there is a GPU: cuda/startup checks it")
	}
	r, err := Run(t.Context(), Options{Reference: "../testdata/reference", DryRun: true, Log: t.Output()})
	if !errors.Is(err, engine.ErrDevice) || r.Device.Name != "" {
		t.Errorf("%v, device %v", err, r.Device)
	}
}

// TestWrong: a NaN, a difference and a cosine beyond their bounds are each enough.
func TestWrong(t *testing.T) {
	bound := golden.BoundOf(cuda.BFloat16)
	good := Golden{Difference: bound.Difference / 2, Cosine: 1, Bound: bound}
	far, turned, nan := good, good, good
	far.Difference, turned.Cosine, nan.Difference = 2*bound.Difference, 0.9, math.NaN()
	for i, test := range []struct {
		report Report
		wrong  bool
	}{
		{Report{Golden: []Golden{good}, Forms: []Form{{Difference: 1, Bound: 2}}}, false},
		{Report{Golden: []Golden{good, far}}, true},
		{Report{Golden: []Golden{turned}}, true},
		{Report{Golden: []Golden{nan}}, true},
		{Report{Forms: []Form{{Difference: 3, Bound: 2}}}, true},
		{Report{Forms: []Form{{Difference: math.NaN(), Bound: 2}}}, true},
	} {
		if err := test.report.wrong(); errors.Is(err, ErrWrong) != test.wrong {
			t.Errorf("report %d: %v", i, err)
		}
	}
}

// TestTests starts programs in the place of the packages' tests.
func TestTests(t *testing.T) {
	sources := t.TempDir()
	folder := filepath.Join(sources, "bin/gpu-tests")
	for _, dir := range append(packages, "bin/gpu-tests", "engine/testdata/reference") {
		if err := os.MkdirAll(filepath.Join(sources, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write("cuda.test", "echo '--- PASS: TestA'; echo '    --- PASS: TestA/b'; basename $PWD >ran\n")
	write("engine-gpu.test", "echo '--- FAIL: TestB'; echo because; exit 1\n")
	c := &check{Options: Options{Reference: filepath.Join(sources, "engine/testdata/reference"), Program: filepath.Join(sources, "bin/vbge-cuda")}, report: &Report{}}
	err := c.tests(t.Context())
	if !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "because") {
		t.Errorf("a failing test: %v", err)
	}
	want := []Tested{{"cuda", 2, true}, {"engine/gpu", 0, false}}
	if len(c.report.Tests) != 2 || c.report.Tests[0] != want[0] || c.report.Tests[1] != want[1] {
		t.Errorf("%+v, want %+v", c.report.Tests, want)
	}
	if len(c.report.Missing) != 2 {
		t.Errorf("missing %q", c.report.Missing)
	}
	if ran, err := os.ReadFile(filepath.Join(sources, "cuda/ran")); err != nil || string(ran) != "cuda\n" {
		t.Errorf("ran in %q, %v", ran, err)
	}
}

// TestSanitizerTakesTooLong: what is not done in time is missing, and nothing is wrong for it.
func TestSanitizerTakesTooLong(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compute-sanitizer"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := &check{report: &Report{}, began: time.Now().Add(100*time.Millisecond - most)}
	if err := c.sanitizer(t.Context()); err != nil {
		t.Error(err)
	}
	if len(c.report.Sanitizer) != 0 || len(c.report.Missing) != 3 || !strings.Contains(c.report.Missing[0], "memcheck: not done in time") {
		t.Errorf("%+v", c.report)
	}
}

// TestMarkdown: every row has as many cells as its table has columns, and figures are those of the
// report.
func TestMarkdown(t *testing.T) {
	r := Report{
		Date: "2026-11-23", Device: gpu.Device{Name: "A GPU"}, StepPictures: 32,
		Golden: []Golden{{Model: "tiny", Precision: "float32", Examples: 60, Cosine: 1, Bound: golden.BoundOf(cuda.Float32)}},
		Forms:  []Form{{Precision: "float32", Passes: 9, Worst: "attention", Bound: 1}},
		Tests:  []Tested{{"cuda", 3, true}},
		Steps:  []Step{{Name: "gelu 3072", Launches: 12, Time: time.Millisecond, Bytes: 2e9, FLOPs: 3e9, Limit: time.Millisecond / 2}},
		Rates:  []Rate{{Precision: "bfloat16", Kind: "image", Batch: 8, PerSecond: 1234.5, TFLOPs: 86, Utilisation: 0.25}},
		Torch:  []Torch{{"2.15", 8, 99}}, Sanitizer: []string{"memcheck: 0 errors"}, Missing: []string{"nothing"},
	}
	var out strings.Builder
	if err := r.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	cells := 0
	for line := range strings.Lines(out.String()) {
		n := strings.Count(line, "|")
		switch {
		case n == 0:
			cells = 0
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("%d bars in a table of %d: %s", n, cells, line)
		}
	}
	for _, want := range []string{"# A GPU, 2026-11-23", "| gelu 3072 | 12 | 1ms | 2000 | 3.0 | 50% |", "| bfloat16 | image | 8 | 1234.5 | 86.0 | 25% |", "memcheck: 0 errors", "- nothing"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
