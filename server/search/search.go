// Package search answers a query: it embeds the picture, the words or both, finds the nearest
// pictures in a catalogue, draws them as a panorama, and lets a language model choose and explain
// the best of nine. A failure of that last step never loses what was found.
package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"vbge/engine"
	"vbge/server/catalog"
	"vbge/server/rerank"
)

// Embedder makes vectors; an engine.Engine is one.
type Embedder interface {
	Embed(ctx context.Context, inputs []engine.Input) ([]engine.Result, error)
}

// Reranker orders a panorama's pictures; a rerank.Reranker is one.
type Reranker interface {
	Rerank(ctx context.Context, r rerank.Request) (rerank.Ranking, error)
}

// Query is what is looked for.
type Query struct {
	Image    []byte // a picture file's bytes, or nil
	Text     string // words, or an instruction beside the picture
	Limit    int    // results wanted, at least 1
	Filter   string // Milvus expression over metadata; "" for none
	Panorama bool   // draw the first nine results
	Rerank   bool   // let the Reranker choose among the first nine
}

// Result is one picture found.
type Result struct {
	Rank      int            `json:"rank"` // 0 is the nearest: its number in the panorama
	ID        string         `json:"id"`
	ImagePath string         `json:"image_path"`
	Score     float32        `json:"score"` // cosine similarity
	Fields    map[string]any `json:"-"`     // metadata
}

// Answer is everything found out about a query. Results stand in the order found.
type Answer struct {
	Results     []Result `json:"results"`
	Reranked    bool     `json:"reranked"`
	Ranked      []int    `json:"ranked"` // ranks in Results, best first; empty if not reranked
	Best        *int     `json:"best"`   // rank of the best match, or nil if not reranked
	Explanation string   `json:"explanation"`
	Reason      string   `json:"reason"` // why there is no reranking though it was asked for
	Panorama    []byte   `json:"-"`      // JPEG, if it was asked for
	Missing     []string `json:"-"`      // pictures that the panorama could not show, and why
	Times       Times    `json:"-"`
}

// Times says where a search's time went.
type Times struct {
	Embed, Find, Draw, Rerank time.Duration
}

// ErrQuery is wrapped by errors about the query itself.
var ErrQuery = errors.New("bad query")

// Searcher answers queries. Its fields are set once, before its first use.
type Searcher struct {
	Embedder Embedder
	Catalog  catalog.Catalog
	Reranker Reranker // nil if there is none
	NoRerank error    // why Reranker is nil
	// Decode and Open bring pictures for the panorama, of the query's bytes and of a result's path,
	// several at once: Pictures has both.
	Decode func(ctx context.Context, file []byte) (image.Image, error)
	Open   func(ctx context.Context, imagePath string) (image.Image, error)
}

// Search answers q. The error is about the query, the engine or the catalogue; whatever goes wrong
// with reranking is in the answer's Reason.
func (s *Searcher) Search(ctx context.Context, q Query) (*Answer, error) {
	if q.Image == nil && q.Text == "" {
		return nil, fmt.Errorf("%w: give a picture, a text, or both", ErrQuery)
	}
	if q.Limit < 1 {
		return nil, fmt.Errorf("%w: limit %d is less than 1", ErrQuery, q.Limit)
	}
	var times Times
	vector, err := timed(&times.Embed, func() ([]float32, error) { return s.embed(ctx, q) })
	if err != nil {
		return nil, err
	}
	hits, err := timed(&times.Find, func() ([]catalog.Hit, error) { return s.Catalog.Search(ctx, vector, q.Limit, q.Filter) })
	if err != nil {
		return nil, err
	}
	a := &Answer{Results: make([]Result, len(hits)), Ranked: []int{}, Times: times}
	for i, h := range hits {
		a.Results[i] = Result{Rank: i, ID: h.ID, ImagePath: h.ImagePath, Score: h.Score, Fields: h.Fields}
	}
	if q.Panorama || q.Rerank && s.Reranker != nil {
		if a.Panorama, err = timed(&a.Times.Draw, func() ([]byte, error) { return s.draw(ctx, q, a) }); err != nil {
			return nil, err
		}
	}
	if q.Rerank {
		began := time.Now()
		if err := s.rerank(ctx, q, a); err != nil {
			a.Reason = err.Error()
		}
		a.Times.Rerank = time.Since(began)
	}
	return a, nil
}

// timed does one step and keeps how long it took.
func timed[T any](took *time.Duration, step func() (T, error)) (T, error) {
	begin := time.Now()
	defer func() { *took = time.Since(begin) }()
	return step()
}

func (s *Searcher) embed(ctx context.Context, q Query) ([]float32, error) {
	results, err := s.Embedder.Embed(ctx, []engine.Input{{Image: q.Image, Text: q.Text}})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, fmt.Errorf("%w: embed the query: %w", ErrQuery, err)
	}
	return results[0].Embedding, nil
}

func (s *Searcher) rerank(ctx context.Context, q Query, a *Answer) error {
	if len(a.Results) == 0 {
		return errors.New("nothing was found to be ranked")
	}
	if s.Reranker == nil {
		return cmp.Or(s.NoRerank, errors.New("there is no language model to rank with"))
	}
	request := rerank.Request{Instruction: q.Text, Panorama: a.Panorama, Count: len(shown(a))}
	for _, r := range shown(a) {
		request.Items = append(request.Items, rerank.Describe(r.Fields))
	}
	ranking, err := s.Reranker.Rerank(ctx, request)
	if err != nil {
		return err
	}
	a.Reranked, a.Ranked, a.Best, a.Explanation = true, ranking.Ranked, &ranking.Best, ranking.Explanation
	return nil
}
