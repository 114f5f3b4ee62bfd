package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bound is MODEL.md section 10's for an embedding, given equal pixels.
const bound = 5e-6

func TestEmbed(t *testing.T) {
	model := tinyModel(t)
	all := readGolden(t).vectors()
	for device, vectors := range map[string][]vector{"auto": all, "ref": all[len(all)-6:]} {
		in := slices.Clone(vectors)
		for i := range in {
			in[i].Embedding = nil
		}
		o := vbgeOn(t, "\n"+strings.ReplaceAll(jsonLines(t, in...), "\n", "\n \t\n"), "embed", "--model", model, "--device", device).want(t, 0)
		lines, worst := o.lines(), 0.0
		if len(lines) != len(vectors) {
			t.Fatalf("%d lines for %d", len(lines), len(vectors))
		}
		for i, line := range lines {
			var got map[string][]float32
			if err := json.Unmarshal([]byte(line), &got); err != nil || len(got) != 1 {
				t.Fatalf("line %d is %.80s (%v)", i+1, line, err)
			}
			d := largest(got["embedding"], vectors[i].Embedding)
			worst = max(worst, d)
			if !(d <= bound) {
				t.Errorf("line %d, %s: %.2g off, bound %.2g", i+1, in[i].Image, d, bound)
			}
		}
		t.Logf("--device %s: %d lines, largest difference %.2g of %.2g", device, len(lines), worst, bound)
	}
}

// failing are lines with what is wrong with them; "" is a good one.
func failing(t *testing.T) (in string, errors []string) {
	t.Helper()
	empty := filepath.Join(t.TempDir(), "empty.jpg")
	writeFile(t, empty, nil)
	lines := [][2]string{
		{`{"text":"a red car"}`, ""},
		{`{"image":"none.jpg"}`, "none.jpg"},
		{`{"image":"` + imagePath("rgb.png") + `","text":""}`, ""},
		{`{"image":"` + empty + `","text":"a red car"}`, "unreadable picture"},
		{`{"image":"` + reference + `tiny.json"}`, "unreadable picture"},
		{`{"image":"` + imagePath("wide_1000x37.png") + `"}`, "too large"},
		{`{"image":"` + imagePath("large_640x480.jpg") + `"}`, "too large"},
		{`{"image":"` + reference + `"}`, "is a directory"},
		{`{}`, `"image", "text", or both`},
		{`null`, `"image", "text", or both`},
		{`{"txt":"a red car"}`, "txt"},
		{`{"text":7}`, "string"},
		{`{"text":"a"`, "EOF"},
		{`{"text":"a"} {"text":"b"}`, "more than one"},
		{`{"text":"a"}}`, "more than one"},
		{`a red car`, "invalid character"},
		{`{"text":""}`, ""},
	}
	for _, l := range lines {
		in += l[0] + "\n"
		errors = append(errors, l[1])
	}
	return strings.TrimSuffix(in, "\n"), errors // the last line needs no end
}

func TestEmbedErrors(t *testing.T) {
	model := tinyModel(t)
	in, errors := failing(t)
	limits := []string{"embed", "--model", model, "--max-pixels", "30000", "--max-image-bytes", "20000"}
	o := vbgeOn(t, in, limits...).want(t, 1, fmt.Sprintf("%d of %d lines failed", len(errors)-3, len(errors)))
	lines := o.lines()
	if len(lines) != len(errors) {
		t.Fatalf("%d lines for %d", len(lines), len(errors))
	}
	for i, line := range lines {
		var got struct {
			Embedding []float32
			Error     *string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d is %.80s: %v", i+1, line, err)
		}
		switch {
		case errors[i] == "":
			if len(got.Embedding) != 128 || got.Error != nil {
				t.Errorf("line %d: %.80s", i+1, line)
			}
		case got.Error == nil || !strings.Contains(*got.Error, errors[i]) || got.Embedding != nil:
			t.Errorf("line %d: %.120s, want an error with %q", i+1, line, errors[i])
		}
	}

	t.Run("npy", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.npy")
		o := vbgeOn(t, in, append(limits, "--npy", path)...).want(t, 1)
		if o.out != "" {
			t.Errorf("on standard output: %.80s", o.out)
		}
		array := readNPY(t, path)
		if !slices.Equal(array.Shape, []int{len(errors), 128}) {
			t.Fatalf("shape %v", array.Shape)
		}
		for i, want := range errors {
			nan := 0
			for _, v := range array.Float32[i*128 : (i+1)*128] {
				if math.IsNaN(float64(v)) {
					nan++
				}
			}
			if want == "" && nan != 0 || want != "" && nan != 128 {
				t.Errorf("row %d has %d NaN", i, nan)
			}
			if listed := strings.Contains(o.log, fmt.Sprintf("line %d: ", i+1)); listed != (want != "") {
				t.Errorf("line %d listed: %v, in\n%s", i+1, listed, o.log)
			}
		}
	})
}

// TestEmbedOrder has more lines than are read at a time.
func TestEmbedOrder(t *testing.T) {
	model := tinyModel(t)
	texts := []string{"a red car", "night", "", "x"}
	in := make([]vector, 2*linesAtATime+5)
	for i := range in {
		in[i].Text = &texts[i%len(texts)]
	}
	lines := vbgeOn(t, jsonLines(t, in...), "embed", "--model", model).want(t, 0).lines()
	if len(lines) != len(in) {
		t.Fatalf("%d lines for %d", len(lines), len(in))
	}
	alone := map[int][]float32{}
	for i, line := range lines {
		var v vector
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if i < len(texts) {
			alone[i] = v.Embedding
		}
		if d := largest(v.Embedding, alone[i%len(texts)]); d > 2e-6 {
			t.Errorf("line %d is %.2g off from line %d of the same text", i+1, d, i%len(texts)+1)
		}
	}
	if d := largest(alone[0], alone[1]); d < 0.01 {
		t.Errorf("different texts differ by %.2g only: this test sees nothing", d)
	}
}

func TestEmbedNothing(t *testing.T) {
	model := tinyModel(t)
	path := filepath.Join(t.TempDir(), "out.npy")
	if o := vbgeOn(t, "\n", "embed", "--model", model).want(t, 0); o.out != "" {
		t.Errorf("%q of nothing", o.out)
	}
	vbgeOn(t, "", "embed", "--model", model, "--npy", path).want(t, 0)
	if shape := readNPY(t, path).Shape; !slices.Equal(shape, []int{0, 128}) {
		t.Errorf("shape %v", shape)
	}
}

// TestEmbedPathFirst: an array that cannot be written is noticed before the work.
func TestEmbedPathFirst(t *testing.T) {
	in := &countingReader{r: strings.NewReader(`{"text":"a"}`)}
	var out, log bytes.Buffer
	status := run(t.Context(), []string{"embed", "--model", tinyModel(t), "--npy", t.TempDir() + "/none/out.npy"}, in, &out, &log)
	if status != 3 || in.calls > 0 || !strings.Contains(log.String(), "none/out.npy") {
		t.Errorf("status %d after %d reads: %s", status, in.calls, log.String())
	}
}

type countingReader struct {
	r     io.Reader
	calls int
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.calls++
	return c.r.Read(p)
}

// TestInterruptedReading presses Ctrl-C while a command waits for a terminal.
func TestInterruptedReading(t *testing.T) {
	model := tinyModel(t)
	for _, name := range []string{"embed", "tokenize"} {
		terminal, keyboard := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			io.WriteString(keyboard, "\n") // it reads now
			cancel()
		}()
		status := make(chan int, 1)
		go func() { status <- run(ctx, []string{name, "--model", model}, terminal, io.Discard, io.Discard) }()
		select {
		case got := <-status:
			if got != 130 {
				t.Errorf("%s: exit status %d", name, got)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s waits for input after Ctrl-C", name)
		}
		keyboard.Close()
	}
}

// TestModelRefused is about every command that loads a model.
func TestModelRefused(t *testing.T) {
	model, none := tinyModel(t), filepath.Join(t.TempDir(), "none")
	damaged := filepath.Join(t.TempDir(), "damaged")
	for _, file := range []string{"config.json", "vocab.txt"} {
		writeFile(t, filepath.Join(damaged, file), readFile(t, filepath.Join(model, file)))
	}
	writeFile(t, filepath.Join(damaged, "model.safetensors"), []byte("no weights"))
	empty := filepath.Join(t.TempDir(), "vectors.jsonl")
	writeFile(t, empty, []byte("{}\n"))
	for _, command := range [][]string{
		{"embed"}, {"verify", empty}, {"index", t.TempDir()}, {"search", "--text", "a"},
	} {
		t.Run(command[0], func(t *testing.T) {
			with := func(flags ...string) outcome { return vbge(t, append(slices.Clone(command), flags...)...) }
			with("--model", none).want(t, 3, none, "vbge convert")
			with("--model", damaged).want(t, 3, damaged)
			with("--model", model, "--device", "abacus").want(t, 2, "--device abacus", "auto, cpu, ref")
			with("--model", model, "--precision", "int3").want(t, 2, "--precision int3", "auto, float32")
			with("--model", model, "--threads", "-1").want(t, 2, "--threads")
			with("--model", model, "--max-batch-tokens", "10").want(t, 2, "--max-batch-tokens 10")
		})
	}
}

func TestModelFromEnvironment(t *testing.T) {
	t.Setenv("VBGE_MODEL", tinyModel(t))
	vbgeOn(t, `{"text":"a"}`, "embed").want(t, 0)
	t.Setenv("VBGE_MODEL", "")
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("models", 0o777); err != nil {
		t.Fatal(err)
	}
	vbgeOn(t, `{"text":"a"}`, "embed").want(t, 3, "models/base")
}
