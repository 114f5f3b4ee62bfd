package engine_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/selftest"
)

// keepSelfTest adds to a model folder what `vbge convert` does.
func keepSelfTest(t *testing.T, dir string) *selftest.Kept {
	t.Helper()
	e := open(t, dir, engine.Options{Device: "ref"})
	k, err := selftest.Make(t.Context(), e)
	if err == nil {
		err = k.KeepOthers(t.Context(), e)
	}
	if err != nil {
		t.Fatal(err)
	}
	writeSelfTest(t, dir, k)
	return k
}

func writeSelfTest(t *testing.T, dir string, k *selftest.Kept) {
	t.Helper()
	text, err := json.Marshal(k)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "selftest.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expected is what auto is to choose for the model: the fastest precision that this processor has and whose cosine,
// measured here, is within the bound.
func expected(t *testing.T, dir string, k *selftest.Kept) string {
	t.Helper()
	for _, p := range []cpu.Precision{cpu.Int8, cpu.BFloat16} {
		if cpu.Supports(p) != nil {
			continue
		}
		e := open(t, dir, engine.Options{Device: "cpu", Precision: string(p)})
		c, err := k.Cosine(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: cosine %.5f", p, c)
		if c >= golden.BoundOn("cpu", string(p)).Cosine {
			return string(p)
		}
	}
	return "float32"
}

// TestAutomatic: auto is the fastest precision that is good enough, judged by what conversion has kept, or without that
// by what float32 makes of the same; where nothing is good enough it is float32.
func TestAutomatic(t *testing.T) {
	if !cpu.Built {
		t.Skip("no CPU engine in this build")
	}
	dir := convertTiny(t)
	automatic := engine.Options{Device: "cpu", Precision: "auto"}
	e := open(t, dir, automatic) // nothing was kept
	k := keepSelfTest(t, dir)
	want := expected(t, dir, k)
	if e.Precision() != want {
		t.Errorf("without a self-test: %s (%s), want %s", e.Precision(), e.PrecisionReason(), want)
	}
	e = open(t, dir, automatic)
	if e.Precision() != want {
		t.Errorf("%s (%s), want %s", e.Precision(), e.PrecisionReason(), want)
	}
	if want != "float32" && !strings.Contains(e.PrecisionReason(), "cosine 0.99") {
		t.Errorf("reason %q", e.PrecisionReason())
	}
	slices.Reverse(k.Others[0]) // of unit length still, and far from any
	writeSelfTest(t, dir, k)
	e = open(t, dir, automatic)
	if e.Precision() != "float32" {
		t.Errorf("of a model that none is good enough for: %s (%s)", e.Precision(), e.PrecisionReason())
	}
	for _, p := range []string{"int8", "bfloat16"} {
		if !strings.Contains(e.PrecisionReason(), "not "+p) {
			t.Errorf("reason %q says nothing of %s", e.PrecisionReason(), p)
		}
	}
	for precision, reason := range map[string]string{"": "the default", "float32": "as asked for"} {
		e = open(t, dir, engine.Options{Device: "cpu", Precision: precision})
		if e.Precision() != "float32" || !strings.Contains(e.PrecisionReason(), reason) {
			t.Errorf("%q: %s (%s)", precision, e.Precision(), e.PrecisionReason())
		}
	}
}

// TestAutomaticElsewhere: plain Go has one precision.
func TestAutomaticElsewhere(t *testing.T) {
	if e := open(t, convertTiny(t), engine.Options{Device: "ref", Precision: "auto"}); e.Precision() != "float32" {
		t.Errorf("ref: %s", e.Precision())
	}
}

// TestBrokenSelfTest: what cannot be read is no reason to load the model twice, nor to guess.
func TestBrokenSelfTest(t *testing.T) {
	if !cpu.Built {
		t.Skip("no CPU engine in this build")
	}
	dir := convertTiny(t)
	if err := os.WriteFile(filepath.Join(dir, "selftest.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if e, err := engine.Open(dir, engine.Options{Device: "cpu", Precision: "auto"}); err == nil || !strings.Contains(err.Error(), "selftest.json") {
		t.Errorf("%v, %v", e, err)
	}
	open(t, dir, engine.Options{Device: "cpu"}) // which does not need it
}

// TestNoSuchPrecision: what a device does not compute in is refused, and why.
func TestNoSuchPrecision(t *testing.T) {
	dir := convertTiny(t)
	for _, c := range []struct{ device, precision, says string }{
		{"ref", "int8", "device ref computes in float32 alone"},
		{"ref", "bfloat16", "device ref computes in float32 alone"},
		{"cpu", "float16", "a CPU computes in float32, bfloat16 or int8, not in float16"},
		{"cuda", "int8", "a GPU computes in float32, bfloat16 or float16, not in int8"},
	} {
		_, err := engine.Open(dir, engine.Options{Device: c.device, Precision: c.precision})
		if !errors.Is(err, engine.ErrDevice) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s on %s: %v, want %q", c.precision, c.device, err, c.says)
		}
	}
	for _, p := range []cpu.Precision{cpu.BFloat16, cpu.Int8} {
		_, err := engine.Open(dir, engine.Options{Device: "cpu", Precision: string(p)})
		if why := cpu.Supports(p); why != nil && !(errors.Is(err, engine.ErrDevice) && strings.Contains(err.Error(), why.Error())) {
			t.Errorf("%s: %v, want %v", p, err, why)
		}
	}
}
