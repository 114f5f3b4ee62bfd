package selftest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/pixels"
	"vbge/weights"
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

func keep(t *testing.T, e Engine) *Kept {
	t.Helper()
	k, err := Make(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestDevices holds what one device computes against what another has kept, and against itself.
func TestDevices(t *testing.T) {
	onRef := open(t, engine.Options{Device: "ref"})
	k := keep(t, onRef)
	if !k.Picture || k.Device != "ref" || k.Model != onRef.ModelID() || len(k.Embedding) != onRef.Dimension() {
		t.Errorf("kept %+v", k)
	}
	engines := []*engine.Engine{onRef}
	if cpu.Built {
		engines = append(engines, open(t, engine.Options{Device: "cpu"}))
	}
	for _, e := range engines {
		got, err := Embed(t.Context(), e, k.Picture)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Check(got, golden.BoundOn(e.Device(), e.Storage())); err != nil {
			t.Error(err)
		}
		d, c := golden.Distance(got, k.Embedding)
		t.Logf("%s: off by %.2g, cosine 1 - %.1g", e.Device(), d, 1-c)
	}
	alone, err := Embed(t.Context(), onRef, false)
	if err != nil {
		t.Fatal(err)
	}
	if k.Check(alone, golden.BoundOn("ref", onRef.Storage())) == nil {
		t.Error("the words alone pass for the picture with its words: the picture goes nowhere")
	}
}

// TestBothTowers: each time the vision tower computes, also where an engine keeps what it has computed, and ahead of
// bulk.
func TestBothTowers(t *testing.T) {
	var passes []engine.PassReport
	e := open(t, engine.Options{Device: "ref", PictureCacheBytes: 1 << 20, OnPass: func(p engine.PassReport) { passes = append(passes, p) }})
	for range 3 {
		if _, err := Embed(t.Context(), e, true); err != nil {
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
	f := &fake{answer: func(engine.Input) engine.Result { return engine.Result{} }}
	if _, err := Embed(t.Context(), f, true); err != nil || f.lane != engine.Interactive {
		t.Errorf("lane %v, %v", f.lane, err)
	}
}

func TestCheck(t *testing.T) {
	k := &Kept{Version: Version, Embedding: []float32{0.6, 0.8, 0}}
	bound := golden.Bound{Difference: 1e-3, Cosine: 1 - 1e-5}
	nan := float32(math.NaN())
	for _, c := range []struct {
		got  []float32
		want string
	}{
		{[]float32{0.6, 0.8, 0}, ""},
		{[]float32{0.6004, 0.7997, 0}, ""},
		{[]float32{0.602, 0.7985, 0}, "off by 0.002"},
		{[]float32{0.6, 0.8, 0.0009}, ""},
		{[]float32{0.6, 0.8, nan}, "off by NaN"},
		{[]float32{nan, nan, nan}, "off by NaN"},
		{[]float32{0, 0, 0}, "off by 0.8"},
		{[]float32{0.6, 0.8}, "2 values"},
		{nil, "0 values"},
	} {
		err := k.Check(c.got, bound)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.got, err, c.want)
		}
	}
}

// fake is an engine that notes what it is asked and answers with answer.
type fake struct {
	device string
	config weights.Config
	answer func(in engine.Input) engine.Result
	inputs []engine.Input
	lane   engine.Lane
}

func (f *fake) Do(_ context.Context, r engine.Request) ([]engine.Result, error) {
	f.lane = r.Lane
	var results []engine.Result
	for _, in := range r.Inputs {
		f.inputs = append(f.inputs, in)
		results = append(results, f.answer(in))
	}
	return results, nil
}
func (f *fake) Device() string         { return f.device }
func (f *fake) ModelID() string        { return "abc" }
func (f *fake) Config() weights.Config { return f.config }

// TestWordsAlone: of a model for texts, and on plain Go of one that is too large, the words alone are
// kept, and the file says so.
func TestWordsAlone(t *testing.T) {
	unit := engine.Result{Embedding: []float32{0, 1}}
	small := weights.Base()
	small.Vision.Layers, small.Text.Layers = 1, 1
	for _, c := range []struct {
		name   string
		e      *fake
		reason string
	}{
		{"full size on a CPU", &fake{device: "cpu", config: weights.Base()}, ""},
		{"full size on ref", &fake{device: "ref", config: weights.Base()}, "plain Go"},
		{"small on ref", &fake{device: "ref", config: small}, ""},
		{"for texts", &fake{device: "cpu", config: weights.Config{Text: small.Text}}, "no vision tower"},
		{"for texts on ref", &fake{device: "ref", config: weights.Config{Text: small.Text}}, "no vision tower"},
	} {
		c.e.answer = func(engine.Input) engine.Result { return unit }
		k := keep(t, c.e)
		if k.Picture != (c.reason == "") || !strings.Contains(k.Reason, c.reason) {
			t.Errorf("%s: %v", c.name, k)
		}
		if last := c.e.inputs[len(c.e.inputs)-1]; (last.Image != nil) != k.Picture || last.Text != words {
			t.Errorf("%s: the input has picture %v, words %q", c.name, last.Image != nil, last.Text)
		}
		t.Log(k)
	}
}

// TestMakeRefuses: what could not be a vector is not kept.
func TestMakeRefuses(t *testing.T) {
	lost := errors.New("the device is lost")
	for name, r := range map[string]engine.Result{
		"error": {Err: lost}, "NaN": {Embedding: []float32{float32(math.NaN()), 1}}, "zero": {Embedding: []float32{0, 0}}, "empty": {},
		"long": {Embedding: []float32{1, 1}}, "infinite": {Embedding: []float32{float32(math.Inf(1)), 0}},
	} {
		_, err := Make(t.Context(), &fake{device: "cpu", config: weights.Base(), answer: func(engine.Input) engine.Result { return r }})
		if err == nil || r.Err != nil && !errors.Is(err, lost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPicture: the known picture is what its arithmetic says, whatever the build decodes with.
func TestPicture(t *testing.T) {
	file, err := pictureFile()
	if err != nil {
		t.Fatal(err)
	}
	crop, err := pixels.Crop(file, 24, pixels.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ x, y int }{{0, 0}, {23, 23}, {5, 17}} { // the crop leaves out four columns a side
		x := at.x + 4
		want := []uint8{uint8(8 * x), uint8(10 * at.y), uint8(7 * x * at.y)}
		if got := crop[3*(24*at.y+at.x):][:3]; !slices.Equal(got, want) {
			t.Errorf("pixel %v is %v, want %v", at, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	good := &Kept{Version: Version, Picture: true, Model: "abc", Device: "cpu", Embedding: []float32{0.6, -0.8}}
	text, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	read := func(text string) (*Kept, error) {
		if err := os.WriteFile(filepath.Join(dir, weights.SelfTestFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Read(dir, "abc")
	}
	if _, err := Read(dir, "abc"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an older folder: %v", err)
	}
	k, err := read(string(text))
	if err != nil || fmt.Sprint(k) != fmt.Sprint(good) || !slices.Equal(k.Embedding, good.Embedding) || k.Model != "abc" {
		t.Errorf("read %+v, %v", k, err)
	}
	for change, want := range map[[2]string]string{
		{`"input":1`, `"input":2`}:                    "version 2",
		{`"input":1`, `"input":1.5`}:                  "input",
		{`"abc"`, `"abd"`}:                            "do not belong together",
		{`0.6`, `0.7`}:                                "length",
		{`0.6`, `NaN`}:                                "invalid character",
		{`0.6`, `1e999`}:                              "1e999",
		{`[0.6,-0.8]`, `[]`}:                          "no embedding",
		{`[0.6,-0.8]`, `null`}:                        "no embedding",
		{`[0.6,-0.8]`, `"0.6"`}:                       "string",
		{`{"input"`, `{"surprise":1,"input"`}:         "surprise",
		{"}\n", "} {}"}:                               "more after the end",
		{"}\n", ""}:                                   "unexpected EOF",
		{"}\n", "}" + strings.Repeat(" ", mostBytes)}: "larger than",
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("%q is not in %s", change[0], text)
		}
		if _, err := read(changed); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%.20q for %q: %v, want an error about %q", change[1], change[0], err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"input":1,"picture":true,"model":"abc","device":"cpu","embedding":[0.6,-0.8]}`)
	f.Add(`{"input":1,"reason":"ref","model":"","device":"ref","embedding":[1]}`)
	f.Add(`{"input":1,"embedding":[1e38,1e38]}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parse([]byte(text))
		if err != nil {
			return
		}
		if err := k.Check(k.Embedding, golden.Bound{Difference: 0, Cosine: 1 - 1e-9}); err != nil {
			t.Errorf("what was read differs from itself: %v", err)
		}
		again, err := k.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if l, err := parse(again); err != nil || !slices.Equal(l.Embedding, k.Embedding) || l.Picture != k.Picture {
			t.Errorf("%s is read as %+v, %v", again, l, err)
		}
	})
}
