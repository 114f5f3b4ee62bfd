package engine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vbge/cuda"
	"vbge/engine"
	"vbge/engine/cpu"
	"vbge/engine/golden"
	"vbge/engine/gpu"
	"vbge/engine/pixels"
	"vbge/weights"
	"vbge/weights/npy"
)

const reference = "testdata/reference/"

// bounds are how far a device may be off.
type bounds struct {
	difference, cosine float64 // from the original, of MODEL.md section 10 for equal pixels
	batch              float64 // of an input in a batch from the same alone, as Embed promises
}

// boundsOf are of the tiny model. Those of a CPU's bfloat16 and int8 are twice to four times what was measured:
// a last bit that differs rounds another way, and what it rounds to is worth a hundred or a thousand of it.
func boundsOf(device string) bounds {
	switch o := on(device); {
	case strings.HasPrefix(device, "cuda"):
		b := golden.BoundOf(cuda.BFloat16)
		return bounds{b.Difference, b.Cosine, b.Difference}
	case o.Precision == "bfloat16":
		return bounds{1e-2, 0.9995, 1e-2}
	case o.Precision == "int8":
		return bounds{3e-2, 0.995, 3e-2}
	}
	return bounds{5e-6, 1 - 1e-6, 2e-6}
}

// goldenTiny is golden/tiny.json with the arrays of golden/tiny.npz.
type goldenTiny struct {
	Images []struct{ File string }
	Texts  []struct{ Text string }
	Pairs  []struct {
		File      string
		TextIndex int `json:"text_index"`
	}
	arrays map[string]npy.Array
}

func readGolden(t testing.TB) goldenTiny {
	t.Helper()
	text, err := os.ReadFile(reference + "golden/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldenTiny
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if g.arrays, err = npy.ReadArchive(reference + "golden/tiny.npz"); err != nil {
		t.Fatal(err)
	}
	return g
}

// example is an input with the embedding that the original gives it.
type example struct {
	name  string
	input engine.Input
	want  []float32
}

// examples are all golden inputs whose pixels this build decodes as the original does: pictures,
// texts and pairs.
func (g goldenTiny) examples(t testing.TB) []example {
	t.Helper()
	var all []example
	row := func(array string, i int) []float32 {
		a := g.arrays[array]
		return a.Float32[i*a.Shape[1] : (i+1)*a.Shape[1]]
	}
	for i, image := range g.Images {
		if g.exact(image.File) {
			all = append(all, example{image.File, engine.Input{Image: readImage(t, image.File)}, row("image_embeddings", i)})
		}
	}
	for i, text := range g.Texts {
		all = append(all, example{text.Text, engine.Input{Text: text.Text}, row("text_embeddings", i)})
	}
	for i, pair := range g.Pairs {
		if g.exact(pair.File) {
			words := g.Texts[pair.TextIndex].Text
			all = append(all, example{pair.File + " " + words,
				engine.Input{Image: readImage(t, pair.File), Text: words}, row("pair_embeddings", i)})
		}
	}
	return all
}

// some are a sixth of the examples, of each kind, for ref in builds that have more: they run with
// the race detector, which makes plain Go ten times slower.
func some(device string, all []example) []example {
	if device != "ref" || !cpu.Built {
		return all
	}
	var part []example
	for i := 0; i < len(all); i += 6 {
		part = append(part, all[i])
	}
	return part
}

// exact reports whether this build decodes the file as the original does; JPEG and WebP files
// are those whose decoded samples are golden too.
func (g goldenTiny) exact(file string) bool {
	_, lossy := g.arrays["decoded/"+file]
	return pixels.Exact() || !lossy
}

func readImage(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(reference + "golden/images/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func inputs(examples []example) []engine.Input {
	in := make([]engine.Input, len(examples))
	for i, x := range examples {
		in[i] = x.input
	}
	return in
}

// convertTiny makes a model folder of the golden checkpoint.
func convertTiny(t testing.TB) string {
	t.Helper()
	config, err := weights.ReadConfig(reference + "tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tiny")
	_, err = weights.Convert(t.Context(), reference+"golden/checkpoints/tiny.pth",
		weights.ConvertOptions{Vocab: reference + "tiny_vocab.txt", Config: &config, Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// devices are those of this build on this machine, the CPU once for each precision that it has.
func devices() []string {
	all := []string{"ref"}
	for _, p := range []cpu.Precision{cpu.Float32, cpu.BFloat16, cpu.Int8} {
		if cpu.Supports(p) == nil {
			all = append(all, "cpu "+string(p))
		}
	}
	for _, d := range gpu.Find().Usable() {
		all = append(all, fmt.Sprintf("cuda:%d", d.Index))
	}
	return all
}

// on returns the options of a device, which may have a precision beside its name. Passes are small on a GPU, which may
// be an emulated one.
func on(device string) engine.Options {
	device, precision, _ := strings.Cut(device, " ")
	o := engine.Options{Device: device, Precision: precision}
	if strings.HasPrefix(device, "cuda") {
		o.MaxBatchTokens, o.WarmUp = 128, true
	}
	return o
}

// embed embeds inputs none of which may fail.
func embed(t testing.TB, e *engine.Engine, in ...engine.Input) [][]float32 {
	t.Helper()
	results, err := e.Embed(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	vectors := make([][]float32, len(in))
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("input %d: %v", i, r.Err)
		}
		vectors[i] = r.Embedding
	}
	return vectors
}
