// Package recall measures how often a search finds what was asked for: the share of queries with
// a right answer first (recall@1), and among the first nine (recall@9).
package recall

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/search"
)

// Query is a line of a queries file. Paths are relative to the file's folder.
type Query struct {
	Task     string   `json:"task"`
	About    string   `json:"about"`
	Image    string   `json:"image"`
	Text     string   `json:"text"`
	Relevant []string `json:"relevant"` // image paths of all right answers
}

// Score is the recall over the queries of one task.
type Score struct {
	Task    string  `json:"task"`
	Queries int     `json:"queries"`
	At1     float64 `json:"recall_at_1"`
	At9     float64 `json:"recall_at_9"`
}

// Read reads JSON lines.
func Read(path string) ([]Query, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	defer f.Close()
	return parse(f, path)
}

func parse(r io.Reader, name string) ([]Query, error) {
	var queries []Query
	d := json.NewDecoder(bufio.NewReader(r))
	for {
		var q Query
		if err := d.Decode(&q); err == io.EOF {
			return queries, nil
		} else if err != nil {
			return nil, fmt.Errorf("queries %s, query %d: %w", name, len(queries)+1, err)
		}
		if len(q.Relevant) == 0 {
			return nil, fmt.Errorf("queries %s, query %d has no right answer", name, len(queries)+1)
		}
		queries = append(queries, q)
	}
}

// Finder is the part of a catalogue that is asked.
type Finder interface {
	Search(ctx context.Context, vector []float32, limit int, filter string) ([]catalog.Hit, error)
}

// Measure embeds and searches every query and returns a score for each task, by name. folder is
// where the queries' paths lead from; the image paths that f finds are joined with the same folder.
func Measure(ctx context.Context, e search.Embedder, f Finder, folder string, queries []Query) ([]Score, error) {
	vectors, err := embed(ctx, e, folder, queries)
	if err != nil {
		return nil, err
	}
	return score(ctx, vectors, f, folder, queries)
}

// embed returns the queries' vectors.
func embed(ctx context.Context, e search.Embedder, folder string, queries []Query) ([][]float32, error) {
	inputs := make([]engine.Input, len(queries))
	for i, q := range queries {
		inputs[i].Text = q.Text
		if q.Image == "" {
			continue
		}
		var err error
		if inputs[i].Image, err = os.ReadFile(filepath.Join(folder, q.Image)); err != nil {
			return nil, fmt.Errorf("query %d: %w", i+1, err)
		}
	}
	results, err := e.Embed(ctx, inputs)
	if err != nil {
		return nil, fmt.Errorf("embed queries: %w", err)
	}
	vectors := make([][]float32, len(queries))
	for i, r := range results {
		if r.Err != nil {
			return nil, fmt.Errorf("embed query %d: %w", i+1, r.Err)
		}
		vectors[i] = r.Embedding
	}
	return vectors, nil
}

// score searches with every query's vector.
func score(ctx context.Context, vectors [][]float32, f Finder, folder string, queries []Query) ([]Score, error) {
	scores := map[string]*Score{}
	for i, q := range queries {
		hits, err := f.Search(ctx, vectors[i], 9, "")
		if err != nil {
			return nil, fmt.Errorf("query %d: %w", i+1, err)
		}
		s := scores[q.Task]
		if s == nil {
			s = &Score{Task: q.Task}
			scores[q.Task] = s
		}
		s.Queries++
		switch place := firstHit(hits, folder, q.Relevant); {
		case place == 0:
			s.At1++
			s.At9++
		case place > 0:
			s.At9++
		}
	}
	return shares(scores), nil
}

// firstHit returns the place of the first right answer, or -1.
func firstHit(hits []catalog.Hit, folder string, relevant []string) int {
	return slices.IndexFunc(hits, func(h catalog.Hit) bool {
		return slices.ContainsFunc(relevant, func(path string) bool { return filepath.Join(folder, path) == h.ImagePath })
	})
}

func shares(scores map[string]*Score) []Score {
	all := make([]Score, 0, len(scores))
	for _, s := range scores {
		s.At1 /= float64(s.Queries)
		s.At9 /= float64(s.Queries)
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Score) int { return strings.Compare(a.Task, b.Task) })
	return all
}
