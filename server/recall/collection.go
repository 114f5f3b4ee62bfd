package recall

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/search"
)

// Collection is pictures with queries for them, in one folder, as docs/demo is.
type Collection struct {
	folder   string
	pictures []string // paths
	queries  []Query
}

// Vectors are a collection's embeddings by one engine.
type Vectors struct{ Pictures, Queries [][]float32 }

// OpenCollection reads folder/queries.jsonl and lists folder/images.
func OpenCollection(folder string) (*Collection, error) {
	queries, err := Read(filepath.Join(folder, "queries.jsonl"))
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(filepath.Join(folder, "images"))
	if err != nil {
		return nil, fmt.Errorf("list pictures: %w", err)
	}
	c := &Collection{folder: folder, queries: queries}
	for _, file := range files {
		c.pictures = append(c.pictures, filepath.Join(folder, "images", file.Name()))
	}
	return c, nil
}

// Embed returns the vectors of every picture and every query.
func (c *Collection) Embed(ctx context.Context, e search.Embedder) (v Vectors, err error) {
	inputs := make([]engine.Input, len(c.pictures))
	for i, path := range c.pictures {
		if inputs[i].Image, err = os.ReadFile(path); err != nil {
			return v, err
		}
	}
	results, err := e.Embed(ctx, inputs)
	if err != nil {
		return v, fmt.Errorf("embed pictures: %w", err)
	}
	for i, r := range results {
		if r.Err != nil {
			return v, fmt.Errorf("embed %s: %w", c.pictures[i], r.Err)
		}
		v.Pictures = append(v.Pictures, r.Embedding)
	}
	v.Queries, err = embed(ctx, e, c.folder, c.queries)
	return v, err
}

// Scores searches all of v's pictures with each of its queries, exactly.
func (c *Collection) Scores(ctx context.Context, v Vectors) ([]Score, error) {
	return score(ctx, v.Queries, exact{c.pictures, v.Pictures}, c.folder, c.queries)
}

// exact finds by comparing with every vector.
type exact struct {
	paths   []string
	vectors [][]float32 // of unit length
}

// Search returns the limit nearest, best first. It knows no filter.
func (e exact) Search(_ context.Context, vector []float32, limit int, _ string) ([]catalog.Hit, error) {
	hits := make([]catalog.Hit, len(e.paths))
	for i, path := range e.paths {
		hits[i].ImagePath = path
		for j, x := range e.vectors[i] {
			hits[i].Score += x * vector[j]
		}
	}
	slices.SortStableFunc(hits, func(a, b catalog.Hit) int { return cmp.Compare(b.Score, a.Score) })
	return hits[:min(limit, len(hits))], nil
}
