package recall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbge/engine"
	"vbge/server/catalog"
)

// world answers query i, whose text is its number, with a list of paths.
type world struct {
	catalog.Catalog
	answers [][]string
	fault   map[string]error // by text
	call    error
	search  error
	inputs  []engine.Input
}

func (w *world) Embed(_ context.Context, in []engine.Input) ([]engine.Result, error) {
	w.inputs = in
	results := make([]engine.Result, len(in))
	for i := range in {
		results[i] = engine.Result{Embedding: []float32{float32(i)}, Err: w.fault[in[i].Text]}
	}
	return results, w.call
}

func (w *world) Search(_ context.Context, vector []float32, limit int, filter string) ([]catalog.Hit, error) {
	if limit != 9 || filter != "" {
		return nil, fmt.Errorf("limit %d, filter %q", limit, filter)
	}
	var hits []catalog.Hit
	for _, path := range w.answers[int(vector[0])] {
		hits = append(hits, catalog.Hit{ImagePath: path})
	}
	return hits, w.search
}

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "query.jpg"), []byte("picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, filepath.Join(dir, name))
		}
		return paths
	}
	queries := []Query{
		{Task: "text", Text: "0", Relevant: []string{"a.jpg"}},                           // first
		{Task: "text", Text: "1", Relevant: []string{"z.jpg", "b.jpg"}},                  // ninth
		{Task: "text", Text: "2", Relevant: []string{"c.jpg"}},                           // not at all
		{Task: "text", Text: "3", Relevant: []string{"c.jpg"}},                           // nothing found
		{Task: "image", Image: "query.jpg", Relevant: []string{"b.jpg", "sub/../a.jpg"}}, // first, and again
	}
	w := &world{answers: [][]string{
		at("a.jpg", "b.jpg"),
		at("1", "2", "3", "4", "5", "6", "7", "8", "b.jpg"),
		{"c.jpg", "elsewhere/c.jpg"}, // of another folder
		nil,
		at("a.jpg", "b.jpg"),
	}}
	got, err := Measure(t.Context(), w, w, dir, queries)
	if err != nil {
		t.Fatal(err)
	}
	want := []Score{{"image", 1, 1, 1}, {"text", 4, 0.25, 0.5}}
	if !slices.Equal(got, want) {
		t.Errorf("scores %+v, want %+v", got, want)
	}
	if in := w.inputs[4]; string(in.Image) != "picture" || in.Text != "" || w.inputs[0].Image != nil {
		t.Errorf("inputs %+v", w.inputs)
	}
}

func TestMeasureFails(t *testing.T) {
	fault := errors.New("fault")
	text := []Query{{Task: "text", Text: "0", Relevant: []string{"a.jpg"}}}
	tests := []struct {
		name    string
		world   world
		queries []Query
		want    error
	}{
		{"device", world{call: fault}, text, fault},
		{"query", world{fault: map[string]error{"0": fault}}, text, fault},
		{"catalogue", world{answers: [][]string{nil}, search: fault}, text, fault},
		{"picture", world{}, []Query{{Image: "none.jpg", Relevant: []string{"a.jpg"}}}, fs.ErrNotExist},
	}
	for _, test := range tests {
		if scores, err := Measure(t.Context(), &test.world, &test.world, t.TempDir(), test.queries); !errors.Is(err, test.want) {
			t.Errorf("%s: scores %v, error %v", test.name, scores, err)
		}
	}
	if scores, err := Measure(t.Context(), &world{}, &world{}, "", nil); err != nil || len(scores) != 0 {
		t.Errorf("no queries: %v, %v", scores, err)
	}
}

func TestParse(t *testing.T) {
	const good = `{"task":"text","text":"a","relevant":["1.jpg"]}`
	tests := []struct {
		name, text string
		queries    int
		fails      string // part of the error
	}{
		{"empty", "", 0, ""},
		{"lines", good + "\n\n" + good + "\n", 2, ""},
		{"no right answer", good + `{"task":"text","text":"a"}`, 0, "query 2"},
		{"cut off", good + "\n" + good[:20], 0, "query 2"},
		{"more than objects", good + "\n}", 0, "query 2"},
		{"a list", "[" + good + "]", 0, "query 1"},
	}
	for _, test := range tests {
		queries, err := parse(strings.NewReader(test.text), "q.jsonl")
		if len(queries) != test.queries || (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %d queries, error %v", test.name, len(queries), err)
		}
	}
}

// TestDemoQueries reads the demo's file: its README says how many of which there are.
func TestDemoQueries(t *testing.T) {
	queries, err := Read("../../docs/demo/queries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[string]int{}
	for _, q := range queries {
		tasks[q.Task]++
		if (q.Image == "") != (q.Task == "text") || (q.Text == "") != (q.Task == "image") {
			t.Errorf("%+v is no %s query", q, q.Task)
		}
	}
	if tasks["composed"] != 288 || tasks["image"] != 60 || tasks["text"] != 100 || len(tasks) != 3 {
		t.Errorf("tasks %v", tasks)
	}
	if _, err := Read("none.jsonl"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
