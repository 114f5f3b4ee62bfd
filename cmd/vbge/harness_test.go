package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/weights/npy"
)

const (
	reference = "../../engine/testdata/reference/"
	demoData  = "../../docs/demo/"
)

// asMain makes this test binary a vbge: tests that need a process start it again with it.
const asMain = "VBGE_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	// What the tests expect must not depend on whose machine they run on.
	for _, name := range []string{"VBGE_MODEL", "MILVUS_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// outcome is what a command did.
type outcome struct {
	status   int
	out, log string
}

// vbge runs a command in this process.
func vbge(t testing.TB, args ...string) outcome {
	t.Helper()
	return vbgeOn(t, "", args...)
}

// vbgeOn runs a command on standard input.
func vbgeOn(t testing.TB, in string, args ...string) outcome {
	t.Helper()
	return vbgeIn(t.Context(), in, args...)
}

func vbgeIn(ctx context.Context, in string, args ...string) outcome {
	var out, log bytes.Buffer
	status := run(ctx, append([]string{}, args...), strings.NewReader(in), &out, &log)
	return outcome{status, out.String(), log.String()}
}

// want checks the exit status, and that the command has said all the parts.
func (o outcome) want(t testing.TB, status int, parts ...string) outcome {
	t.Helper()
	if o.status != status {
		t.Fatalf("exit status %d, want %d; it said\n%s%s", o.status, status, o.out, o.log)
	}
	for _, part := range parts {
		if !strings.Contains(o.out+o.log, part) {
			t.Errorf("it did not say %q, but\n%s%s", part, o.out, o.log)
		}
	}
	return o
}

// lines are those of standard output.
func (o outcome) lines() []string {
	return strings.Split(strings.TrimSuffix(o.out, "\n"), "\n")
}

// tinyModel is the model that the golden vectors are of.
func tinyModel(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	vbge(t, "convert", reference+"golden/checkpoints/tiny.pth", "--config", reference+"tiny.json",
		"--vocab", reference+"tiny_vocab.txt", "--out", dir).want(t, 0)
	return dir
}

// demoModel is the trained one.
func demoModel(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	vbge(t, "convert", demoData+"demo.pth", "--config", demoData+"demo.json", "--vocab", demoData+"vocab.txt", "--out", dir).want(t, 0)
	return dir
}

// needMilvus skips tests of the embedded Milvus where it is not there.
func needMilvus(t testing.TB) {
	t.Helper()
	if _, err := catalog.FindBinary(); errors.Is(err, catalog.ErrNoBinary) {
		t.Skip("run make setup: it brings in milvus-lite")
	} else if err != nil {
		t.Fatal(err)
	}
}

// goldenTiny is golden/tiny.json with the arrays of golden/tiny.npz.
type goldenTiny struct {
	Images []struct{ File string }
	Texts  []struct {
		Text   string
		IDs    []int32
		Tokens int `json:"token_count"` // before truncation
	}
	Pairs []struct {
		File      string
		TextIndex int `json:"text_index"`
	}
	arrays map[string]npy.Array
}

func readGolden(t testing.TB) goldenTiny {
	t.Helper()
	var g goldenTiny
	if err := json.Unmarshal(readFile(t, reference+"golden/tiny.json"), &g); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.arrays, err = npy.ReadArchive(reference + "golden/tiny.npz"); err != nil {
		t.Fatal(err)
	}
	return g
}

// vector is a line of `vbge embed` and `vbge verify`.
type vector struct {
	Image     string    `json:"image,omitempty"`
	Text      *string   `json:"text,omitempty"`
	Embedding []float32 `json:"embedding,omitempty"`
}

// vectors are the golden inputs whose pixels this build decodes as the original does, with their
// golden embeddings.
func (g goldenTiny) vectors() []vector {
	row := func(array string, i int) []float32 {
		a := g.arrays[array]
		return a.Float32[i*a.Shape[1] : (i+1)*a.Shape[1]]
	}
	var all []vector
	for i, image := range g.Images {
		if g.exact(image.File) {
			all = append(all, vector{imagePath(image.File), nil, row("image_embeddings", i)})
		}
	}
	for i := range g.Texts {
		all = append(all, vector{"", &g.Texts[i].Text, row("text_embeddings", i)})
	}
	for i, pair := range g.Pairs {
		if g.exact(pair.File) {
			all = append(all, vector{imagePath(pair.File), &g.Texts[pair.TextIndex].Text, row("pair_embeddings", i)})
		}
	}
	return all
}

// exact reports whether this build decodes the file as the original does; JPEG and WebP files
// are those whose decoded samples are golden too.
func (g goldenTiny) exact(file string) bool {
	_, lossy := g.arrays["decoded/"+file]
	return pixels.Exact() || !lossy
}

func imagePath(file string) string { return reference + "golden/images/" + file }

// jsonLines writes values one a line.
func jsonLines[T any](t testing.TB, values ...T) string {
	t.Helper()
	var b strings.Builder
	for _, v := range values {
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func readNPY(t testing.TB, path string) npy.Array {
	t.Helper()
	array, err := npy.Read(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return array
}

// largest is the largest difference of two vectors, infinite where their lengths differ.
func largest(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}
