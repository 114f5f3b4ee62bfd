package api

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"maps"
	"slices"
	"strings"
	"sync"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
	"vbge/server/rerank"
	"vbge/server/search"
	"vbge/weights"
)

// fakeEngine answers as its inputs say: a text that is a key of errors has that error, and every other
// input the vector (0.6, 0, -0.8).
type fakeEngine struct {
	errors map[string]error
	refuse error // of every call
	failed error // why it is not ready
	full   bool
	texts  bool // the model takes no pictures
	result engine.Result

	mutex    sync.Mutex
	requests []engine.Request
}

func (e *fakeEngine) Full(engine.Lane) bool { return e.full }

func (e *fakeEngine) Do(ctx context.Context, r engine.Request) ([]engine.Result, error) {
	e.mutex.Lock()
	e.requests = append(e.requests, r)
	e.mutex.Unlock()
	results := make([]engine.Result, len(r.Inputs))
	whole := e.refuse
	if ctx.Err() != nil {
		whole = fmt.Errorf("embed: %w", ctx.Err())
	}
	for i, in := range r.Inputs {
		results[i] = e.result
		results[i].Tokens, results[i].Embedding = 3, []float32{0.6, 0, -0.8}
		err := errors.Join(whole, e.errors[in.Text])
		if e.texts && in.Image != nil {
			err = engine.ErrNoVision
		}
		if err != nil {
			results[i] = engine.Result{Err: err, Times: e.result.Times}
		}
	}
	return results, whole
}

func (e *fakeEngine) Ready() error { return e.failed }
func (e *fakeEngine) Config() weights.Config {
	if c := weights.Base(); !e.texts {
		return c
	}
	return weights.Config{Text: weights.Base().Text, Pooling: weights.PoolMean}
}
func (e *fakeEngine) Dimension() int          { return 3 }
func (e *fakeEngine) ModelID() string         { return "5ada" }
func (e *fakeEngine) Device() string          { return "cpu" }
func (e *fakeEngine) Precision() string       { return "float32" }
func (e *fakeEngine) PrecisionReason() string { return "as asked for" }
func (e *fakeEngine) FastJPEG() bool          { return true }

// last is what the engine was last asked for.
func (e *fakeEngine) last() engine.Request { return e.requests[len(e.requests)-1] }

// fakeCatalog is a catalogue in memory. Methods that the server does not call stay nil.
type fakeCatalog struct {
	catalog.Catalog
	refuse error // of every call

	mutex  sync.Mutex
	rows   map[string]catalog.Row
	limit  int
	filter string
}

// newFakeCatalog has n pictures, all with the same vector.
func newFakeCatalog(n int) *fakeCatalog {
	c := &fakeCatalog{rows: map[string]catalog.Row{}}
	for i := range n {
		id := fmt.Sprintf("id%02d", i)
		c.rows[id] = catalog.Row{ID: id, ImagePath: fmt.Sprintf("<%d>.png", i), Vector: []float32{0.6, 0, -0.8}}
	}
	return c
}

func (c *fakeCatalog) Info() catalog.Info { return catalog.Info{Model: "5ada", Dimension: 3} }

func (c *fakeCatalog) Count(context.Context) (int, error) { return len(c.rows), c.refuse }

func (c *fakeCatalog) Search(_ context.Context, vector []float32, limit int, filter string) ([]catalog.Hit, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.limit, c.filter = limit, filter
	if strings.Contains(filter, "?") {
		return nil, fmt.Errorf("catalog: search: %w %s: want an expression", catalog.ErrFilter, filter)
	}
	var hits []catalog.Hit
	for _, id := range slices.Sorted(maps.Keys(c.rows)) {
		if len(hits) < limit {
			hits = append(hits, catalog.Hit{ID: id, ImagePath: c.rows[id].ImagePath, Score: 1})
		}
	}
	return hits, c.refuse
}

func (c *fakeCatalog) Find(_ context.Context, ids []string) (map[string]catalog.Entry, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := map[string]catalog.Entry{}
	for _, id := range ids {
		if row, ok := c.rows[id]; ok {
			hash, err := catalog.FieldsHash(row.Fields)
			if err != nil {
				return nil, err
			}
			found[id] = catalog.Entry{ID: id, ImagePath: row.ImagePath, ContentHash: row.ContentHash, FieldsHash: hash, Source: row.Source}
		}
	}
	return found, c.refuse
}

func (c *fakeCatalog) Upsert(_ context.Context, rows []catalog.Row) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, row := range rows {
		c.rows[row.ID] = row
	}
	return c.refuse
}

func (c *fakeCatalog) Delete(_ context.Context, ids []string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, id := range ids {
		delete(c.rows, id)
	}
	return c.refuse
}

// searcher searches c; every picture is a small grey one.
func (c *fakeCatalog) searcher() *search.Searcher {
	return &search.Searcher{
		Catalog: c,
		Decode: func(_ context.Context, file []byte) (image.Image, error) {
			p, err := pixels.Decode(file, pixels.DefaultLimits())
			if err != nil {
				return nil, err
			}
			return p.RGBA(), nil
		},
		Open: func(context.Context, string) (image.Image, error) {
			grey := image.NewGray(image.Rect(0, 0, 30, 20))
			grey.SetGray(3, 3, color.Gray{Y: 200})
			return grey, nil
		},
	}
}

// fakeReranker likes the last picture best, or fails.
type fakeReranker struct{ err error }

func (r fakeReranker) Rerank(_ context.Context, q rerank.Request) (rerank.Ranking, error) {
	ranked := make([]int, q.Count)
	for i := range ranked {
		ranked[i] = q.Count - 1 - i
	}
	return rerank.Ranking{Ranked: ranked, Best: q.Count - 1, Explanation: "it is <last>"}, r.err
}

// fakeHealth is as well as it says.
type fakeHealth struct{ live, ready error }

func (h fakeHealth) Live() error                 { return h.live }
func (h fakeHealth) Ready(context.Context) error { return h.ready }
