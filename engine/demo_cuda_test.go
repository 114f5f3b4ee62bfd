//go:build cuda && native && cgo

package engine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/engine/golden"
	"vbge/engine/gpu"
	"vbge/weights"
)

const demo = "../docs/demo/"

// demoQuery is a line of docs/demo/queries.jsonl.
type demoQuery struct {
	Task, Image, Text string
	Relevant          []string
}

// sampleQueries are every 28th of the demo's queries, of all its tasks.
func sampleQueries(t *testing.T) []demoQuery {
	t.Helper()
	text, err := os.ReadFile(demo + "queries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var sample []demoQuery
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i := 0; i < len(lines); i += 28 {
		var q demoQuery
		if err := json.Unmarshal([]byte(lines[i]), &q); err != nil {
			t.Fatal(err)
		}
		sample = append(sample, q)
	}
	return sample
}

// TestDemoRecall: bfloat16 finds as many right answers in a sample of the demo as float32 on the CPU does, but for one
// query at most.
func TestDemoRecall(t *testing.T) {
	if len(gpu.Find().Usable()) == 0 {
		t.Skip("no GPU and no emulated one: ", gpu.Find().Reasons)
	}
	config, err := weights.ReadConfig(demo + "demo.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	_, err = weights.Convert(t.Context(), demo+"demo.pth", weights.ConvertOptions{Vocab: demo + "vocab.txt", Config: &config, Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	queries := sampleQueries(t)
	names := candidates(t, queries)
	wantFirst, wantNine := recall(t, dir, engine.Options{Device: "cpu"}, queries, names)
	t.Logf("%d queries among %d pictures; float32 on the CPU: %d first, %d among nine", len(queries), len(names), wantFirst, wantNine)
	first, nine := recall(t, dir, engine.Options{Device: "cuda", Precision: "bfloat16", MaxBatchTokens: 600}, queries, names)
	t.Logf("bfloat16: %d first, %d among nine", first, nine)
	if first < wantFirst-1 || nine < wantNine-1 {
		t.Error("bfloat16 finds fewer")
	}
}

// candidates are all right answers, and every 12th of the demo's pictures besides.
func candidates(t *testing.T, queries []demoQuery) []string {
	t.Helper()
	all, err := filepath.Glob(demo + "images/*.jpg")
	if err != nil || len(all) == 0 {
		t.Fatalf("no pictures in %s: %v", demo, err)
	}
	var names []string
	for i := 0; i < len(all); i += 12 {
		names = append(names, "images/"+filepath.Base(all[i]))
	}
	for _, q := range queries {
		names = append(names, q.Relevant...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// recall counts the queries with a right answer first, and among the first nine.
func recall(t *testing.T, dir string, o engine.Options, queries []demoQuery, names []string) (first, nine int) {
	t.Helper()
	e := open(t, dir, o)
	read := func(name string) []byte {
		data, err := os.ReadFile(demo + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var inputs []engine.Input
	for _, name := range names {
		inputs = append(inputs, engine.Input{Image: read(name)})
	}
	for _, q := range queries {
		in := engine.Input{Text: q.Text}
		if q.Image != "" {
			in.Image = read(q.Image)
		}
		inputs = append(inputs, in)
	}
	vectors := embed(t, e, inputs...)
	for i, q := range queries {
		ranked := nearest(vectors[len(names)+i], vectors[:len(names)])
		for rank, j := range ranked[:9] {
			if slices.Contains(q.Relevant, names[j]) {
				nine++
				if rank == 0 {
					first++
				}
				break
			}
		}
	}
	return first, nine
}

// nearest returns the places of vectors by their cosine with v, the largest first.
func nearest(v []float32, vectors [][]float32) []int {
	scores := make([]float64, len(vectors))
	order := make([]int, len(vectors))
	for i := range vectors {
		order[i] = i
		_, scores[i] = golden.Distance(v, vectors[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return order
}
