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

	"vbge/engine/golden"
	"vbge/engine/pixels"
	"vbge/weights"
)

func keep(t *testing.T, e Engine) *Kept {
	t.Helper()
	k, err := Make(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return k
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

// fake is an engine that notes what it is asked and answers the same each time, or what is not as the others.
type fake struct {
	device    string
	config    weights.Config
	embedding []float32
	err       error
	except    map[input][]float32
	inputs    []input
}

func (f *fake) EmbedAnew(_ context.Context, image []byte, words string) ([]float32, error) {
	in := input{image != nil, words}
	f.inputs = append(f.inputs, in)
	if other, ok := f.except[in]; ok {
		return other, f.err
	}
	return f.embedding, f.err
}
func (f *fake) Device() string         { return f.device }
func (f *fake) ModelID() string        { return "abc" }
func (f *fake) Config() weights.Config { return f.config }

// TestWordsAlone: of a model for texts, and on plain Go of one that is too large, the words alone are
// kept, and the file says so.
func TestWordsAlone(t *testing.T) {
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
		c.e.embedding = []float32{0, 1}
		k := keep(t, c.e)
		if k.Picture != (c.reason == "") || !strings.Contains(k.Reason, c.reason) {
			t.Errorf("%s: %v", c.name, k)
		}
		if last := c.e.inputs[len(c.e.inputs)-1]; last.picture != k.Picture || last.words != words {
			t.Errorf("%s: the input has picture %v, words %q", c.name, last.picture, last.words)
		}
		t.Log(k)
	}
}

// TestCosine: the farthest input counts, be it the known one or another; each is asked for.
func TestCosine(t *testing.T) {
	near := []float32{0.8, 0.6}
	for _, config := range []weights.Config{weights.Base(), {Text: weights.Base().Text}} {
		f := &fake{device: "cpu", config: config, embedding: []float32{1, 0}}
		k := keep(t, f)
		if err := k.KeepOthers(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		asked := f.inputs
		if want := map[bool]int{true: 4, false: 2}[config.TakesPictures()]; len(asked) != want {
			t.Errorf("asked for %v, want %d inputs", asked, want)
		}
		for i := range asked {
			f.except = map[input][]float32{asked[i]: near}
			if c, err := k.Cosine(t.Context(), f); err != nil || math.Abs(c-0.8) > 1e-6 {
				t.Errorf("%v off by a cosine of 0.8: %v, %v", asked[i], c, err)
			}
		}
		f.except = map[input][]float32{asked[0]: {float32(math.NaN()), 0}}
		if c, err := k.Cosine(t.Context(), f); err != nil || !math.IsNaN(c) {
			t.Errorf("NaN: %v, %v", c, err)
		}
		f.except = map[input][]float32{asked[0]: {1}}
		if c, err := k.Cosine(t.Context(), f); err == nil {
			t.Errorf("another model: %v", c)
		}
		f.err = errors.New("lost")
		if _, err := k.Cosine(t.Context(), f); !errors.Is(err, f.err) {
			t.Errorf("a failing device: %v", err)
		}
	}
}

// TestMakeRefuses: what could not be a vector is not kept.
func TestMakeRefuses(t *testing.T) {
	lost := errors.New("the device is lost")
	for name, f := range map[string]fake{
		"error": {err: lost}, "NaN": {embedding: []float32{float32(math.NaN()), 1}}, "zero": {embedding: []float32{0, 0}}, "empty": {},
		"long": {embedding: []float32{1, 1}}, "infinite": {embedding: []float32{float32(math.Inf(1)), 0}},
	} {
		f.device, f.config = "cpu", weights.Base()
		_, err := Make(t.Context(), &f)
		if err == nil || f.err != nil && !errors.Is(err, lost) {
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
		{"]}\n", `],"others":[[1,0]]}`}:               "1 embeddings of other inputs, not 3",
		{"]}\n", `],"others":[[1,0],[1,0],[1,1]]}`}:   "length",
		{"]}\n", `],"others":[[1,0],[1,0],[1]]}`}:     "of 2 and of 1 values",
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
